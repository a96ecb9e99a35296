"""Run the five steps of a check in order."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lstmbench import datasets, implementations
from lstmbench.analysis.forecast import count_work, predict
from lstmbench.datasets import Dataset, load_dataset
from lstmbench.gpu_check import contract
from lstmbench.gpu_check.budget import Budget
from lstmbench.gpu_check.card import describe_card, require_idle
from lstmbench.gpu_check.jobs import DONE, FAILED, PREDICTED, SKIPPED, Found, Job, Runner, Summary
from lstmbench.gpu_check.resume import read_resume
from lstmbench.models.presets import PRESETS, load_preset
from lstmbench.preparation.download import download
from lstmbench.preparation.initialise import initialise
from lstmbench.preparation.prepare import prepare
from lstmbench.records import bundle, paths
from lstmbench.records.measurement import read_measurement
from lstmbench.records.measurement_record import Block
from lstmbench.records.run import read_complete
from lstmbench.system import hardware, provenance
from lstmbench.system.cores import usable_cores
from lstmbench.system.device import PRECISIONS, resolve_device
from lstmbench.utils.clock import utc_now
from lstmbench.utils.conversion import plain
from lstmbench.utils.errors import BenchError, MachineError
from lstmbench.utils.escaping import one_line
from lstmbench.utils.strict_json import read_json

FORMAT = 1
"""The format version of gpu-check.json."""

BUNDLE = "bundle.zip"

FIRST_MEASUREMENT_SECONDS = 60.0
"""Guess for the first round of three processes: each takes 10 s to start, then times blocks and measures details.  The
prediction for later rounds is the longest one so far."""

ROUNDS = 2


@dataclass(frozen=True)
class Options:
    """What to check.  The work follows the order of ``datasets``, ``sizes`` and ``precisions``."""

    device: str  # cpu or gpu
    datasets: Sequence[str]
    sizes: Sequence[str]
    precisions: Sequence[str]
    implementations: Sequence[str] | None  # to compare with the reference; None: all that run here
    measured: Sequence[str]
    trained: Sequence[str]
    seeds: Sequence[int]
    threads: int
    blocks: int
    max_updates: int | None
    max_eval_predictions: int | None
    local_data: Sequence[Path]
    output: Path


class Check:
    """Run one check.  Each step is a method that relies on the earlier steps."""

    def __init__(self, options: Options, budget: Budget) -> None:
        self.options = options
        commit, dirty = provenance.commit()
        content = {
            "format": FORMAT,
            "started": utc_now(),
            "commit": commit,
            "commit_dirty": dirty,
            "budget_seconds": budget.seconds,
            "jobs": [],
        }
        self.summary = Summary(options.output / bundle.GPU_CHECK, content, on_change=self._pack)
        self.runner = Runner(budget, self.summary, options.output / "logs/gpu-check")
        self.devices = [
            resolve_device(f"{options.device}-{name}")
            for name in (options.precisions if options.device == "gpu" else PRECISIONS[:1])
        ]
        self.here: list[str] = []  # implementations that run on the device
        self.data: dict[str, Dataset] = {}
        self.measurement_seconds: list[float] = []

    def run(self) -> None:
        """Do all five steps.

        Raises:
            MachineError: there is nothing to check, or the GPU is in use.
            BenchError: the error of the first job that failed; the other jobs still ran.
        """
        self.machine()
        self.correctness()
        self.resuming()
        self.speed()
        self.trainings()
        self.summary.put(finished=utc_now(), spent_seconds=round(self.runner.budget.spent(), 1))
        self._pack()
        self._raise_first_failure()

    def machine(self) -> None:
        """Run step 1: describe the card, find the implementations that run on it, and prepare data for later steps."""
        card: dict[str, object] = {}
        if self.options.device == "gpu":
            card = describe_card()
            require_idle()
        self.summary.put(machine=plain(hardware.describe()), card=card)
        folder = self._made("frameworks")
        names = self.options.implementations or implementations.names()
        jobs = [
            Job(
                step=1,
                name=f"framework of {name}",
                arguments=[
                    "-m", "lstmbench", "gpu-framework", "--implementation", name, "--device", self.options.device,
                    "--card", json.dumps(card), "--output", folder / f"{name}.json",
                ],
                read=partial(_found_in, folder / f"{name}.json"),
                absent_if_failed=True,
            )
            for name in names
        ]  # fmt: skip
        # Jobs that are not timed run in parallel, one per core.
        ended = self.runner.run(jobs, usable_cores())
        self.here = [name for name, entry in zip(names, ended, strict=True) if entry.outcome == DONE]
        if not self.here:
            reasons = [f"{name}: {entry.reason or ''}" for name, entry in zip(names, ended, strict=True)]
            raise MachineError(f"no implementation runs on this {self.options.device}: {'; '.join(reasons)}")
        for name in self.options.datasets:
            self._prepare(name)

    def correctness(self) -> None:
        """Run step 2: contract tests and certificates of every implementation."""
        folder = self._made("contract")
        jobs = [
            contract.certificate_of(name, device, self.options.output / "parity")
            for device in self.devices
            for name in self.here
        ]
        jobs += [contract.tests_of(name, self.options.device, folder) for name in self.here]
        self.runner.run(jobs, usable_cores())

    def resuming(self) -> None:
        """Run step 3: check that a repeated run and a resumed run end with the same bits."""
        folder = self._made("resume")
        jobs = []
        for device, dataset, name in itertools.product(self.devices, self.data, self._alone(self.here)):
            output = folder / f"{dataset}-{name}-{device}.json"
            size = "medium" if "medium" in self.options.sizes else self.options.sizes[0]  # PTB's medium has dropout
            jobs.append(
                Job(
                    step=3,
                    name=f"resume {dataset}/{size}/{name}/{device}",
                    arguments=[
                        "-m", "lstmbench", "gpu-resume", *self._files(dataset, size, 1), "--implementation", name,
                        "--device", device, "--threads", str(self.options.threads), "--output", output,
                    ],
                    read=partial(read_resume, output),
                )
            )  # fmt: skip
        self.runner.run(jobs, usable_cores())

    def speed(self) -> None:
        """Run step 4: rounds of ``measure`` for the first data set in every precision, then for the others."""
        names = [name for name in self.options.measured if name in self.here]
        data = [*self.data]
        groups = [(name, size, device) for name in data[:1] for device in self.devices for size in self.options.sizes]
        groups += [(name, size, self.devices[0]) for name in data[1:] for size in self.options.sizes]
        for round_number in range(1, ROUNDS + 1):
            for dataset, size, device in groups if names else ():
                record = self._measurement(dataset, size, device)
                entry = self.runner.run_one(
                    Job(
                        step=4,
                        name=f"speed {dataset}/{size}/{device}, round {round_number}",
                        arguments=[
                            "-m", "lstmbench", "measure", *self._files(dataset, size, 1), "--implementations", *names,
                            "--device", device, "--threads", str(self.options.threads), "--processes", "1",
                            "--attempts", "1", "--blocks", str(self.options.blocks), "--add", "--output", record,
                        ],
                        seconds=max(self.measurement_seconds, default=FIRST_MEASUREMENT_SECONDS),
                        before=self._require_idle,
                        read=partial(self._read_measurement, record),
                    )
                )  # fmt: skip
                if entry.outcome == DONE and entry.seconds is not None:
                    self.measurement_seconds.append(entry.seconds)

    def trainings(self) -> None:
        """Run step 5: whole runs, seed by seed.  The time of the first data set's largest size is only predicted."""
        first, *others = self.data or [None]
        names = [name for name in self.options.trained if name in self.here]
        one, *more = self.options.seeds
        wanted = [(first, "small", seed) for seed in self.options.seeds]
        wanted += [(name, "small", one) for name in others]
        wanted += [(first, "medium", one)]
        wanted += [(name, "small", seed) for name in others for seed in more]
        for (dataset, size, seed), name in itertools.product(wanted, names):
            if dataset and size in self.options.sizes:
                self._train(dataset, size, name, seed)
        for name in names:
            if first and "large" in self.options.sizes:
                job = Job(5, f"train {first}/large/{name}, seed {one}", [], self._predicted(first, "large", name))
                reason = None if job.seconds is not None else "its step was not measured"
                self.runner.note(job, PREDICTED, reason=reason)

    def _train(self, dataset: str, size: str, name: str, seed: int) -> None:
        device = self.devices[0]
        run = paths.RUN.format(dataset=dataset, size=size, implementation=name, device=device, seed=seed)
        record = self.options.output / run
        caps = {"--max-updates": self.options.max_updates, "--max-eval-predictions": self.options.max_eval_predictions}
        job = Job(
            step=5,
            name=f"train {dataset}/{size}/{name}, seed {seed}",
            arguments=[
                "-m", "lstmbench", "train", *self._files(dataset, size, seed), "--implementation", name,
                "--device", device, "--threads", str(self.options.threads), "--seed", str(seed),
                "--checkpoints", self.options.output / "checkpoints" / Path(run).parent.relative_to("runs"),
                "--output", record, "--keep-model", "0",
                *(str(word) for key, value in caps.items() if value is not None for word in (key, value)),
            ],
            seconds=self._predicted(dataset, size, name),
            before=self._require_idle,
            read=lambda: self._read_run(record),
        )  # fmt: skip
        if job.seconds is None:
            self.runner.note(job, SKIPPED, reason="its time is not known, because its step was not measured")
        else:
            self.runner.run_one(job)

    def _predicted(self, dataset: str, size: str, name: str) -> float | None:
        """Return the seconds of a whole run, predicted from measured steps (``forecast.predict``), if any."""
        record = self._measurement(dataset, size, self.devices[0])
        if not record.exists():
            return None
        measured = read_measurement(record)
        samples = [sample for sample in measured.record.samples if sample.implementation == name]
        detailed = next((sample for sample in samples if sample.details), None)
        if detailed is None:
            return None
        own = measured.blocks[measured.blocks["implementation"] == name]
        work = count_work(
            self.data[dataset],
            load_preset(_preset(dataset, size)),
            self.options.max_updates,
            self.options.max_eval_predictions,
        )
        blocks = [Block(int(row["steps"]), float(row["seconds"])) for row in own.to_dict("records")]
        return predict(detailed, blocks, work)["seconds"]

    def _read_measurement(self, record: Path) -> Found:
        """Return the speeds of the last round in predictions/s."""
        measured = read_measurement(record).record
        last = [sample for sample in measured.samples if sample.round == measured.processes]
        value = {sample.implementation: round(sample.rate) for sample in last}
        failed = [failure for failure in measured.failures if failure.round == measured.processes]
        if failed:
            return Found(value, f"{failed[0].implementation}: {failed[0].failure}", failed[0].exit_code)
        return Found(value)

    def _read_run(self, record: Path) -> Found:
        final = read_complete(record).final
        return Found({"loss": final.loss, final.metric: final.value})

    def _prepare(self, name: str) -> None:
        """Download and prepare a data set; if that fails, note it and go without the data set."""
        raw, folder = self.options.output / "data" / name / "raw", self.options.output / "data" / name
        try:
            for file in sorted({source.file for source in datasets.sources(name)}):
                download(dataset=name, file=file, output=raw / file, local=self.options.local_data)
            if not (folder / datasets.MANIFEST).exists():
                prepare(dataset=name, raw=raw, output=folder)
            self.data[name] = load_dataset(folder)
        except BenchError as error:
            reason = one_line(f"{error.label}: {error}")
            self.runner.note(Job(1, f"data {name}", []), FAILED, reason=reason, exit_code=error.exit_code)

    def _files(self, dataset: str, size: str, seed: int) -> list[str | Path]:
        """Return the arguments for data, preset and initial weights; draw the weights if they are missing."""
        weights = self.options.output / "weights" / dataset / size / f"seed-{seed}.safetensors"
        data, preset = self.options.output / "data" / dataset, _preset(dataset, size)
        if not weights.exists():
            initialise(data=data, preset_file=preset, seed=seed, output=weights)
        return ["--data", data, "--preset", preset, "--weights", weights]

    def _measurement(self, dataset: str, size: str, device: str) -> Path:
        return self.options.output / paths.MEASUREMENT.format(dataset=dataset, size=size, device=device)

    def _made(self, name: str) -> Path:
        """Make and return a folder for the results that jobs write for this process."""
        folder = self.options.output / "jobs" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _alone(self, names: Sequence[str]) -> list[str]:
        """Return the implementations for one worker; with one worker, the distributed ones are the same learner."""
        return [name for name in names if not implementations.distributed(name) and name != "reference"]

    def _require_idle(self) -> None:
        if self.options.device == "gpu":
            require_idle()

    def _pack(self) -> None:
        """Update the bundle, so that it is complete whenever this process is killed."""
        records = [
            path for pattern in (paths.RUN, paths.MEASUREMENT) for path in self.options.output.glob(paths.glob(pattern))
        ]
        if records:
            bundle.pack(self.options.output, self.options.output / BUNDLE)

    def _raise_first_failure(self) -> None:
        failed = [entry for entry in self.summary.jobs if entry.outcome == FAILED]
        if failed:
            kinds = {kind.exit_code: kind for kind in BenchError.__subclasses__()}
            kind = kinds.get(failed[0].exit_code or 0, MachineError)
            others = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
            raise kind(
                f"{failed[0].name} failed{others}: {failed[0].reason}; what was finished is in "
                f"{self.options.output / BUNDLE} and {self.summary.path}"
            )


def _found_in(path: Path) -> Found:
    return Found(read_json(path))


def _preset(dataset: str, size: str) -> Path:
    return PRESETS / dataset / f"{size}.yaml"
