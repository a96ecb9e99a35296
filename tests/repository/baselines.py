"""The bundles of the baseline machines, and what each of them must hold.

``results/baselines/bundles.yaml`` says it, bundle by bundle; the functions here find what differs from it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lstmbench.implementations import framework
from lstmbench.records.bundle import Records, read_bundle
from lstmbench.records.measurement_record import MeasurementRecord
from lstmbench.records.run_record import RunRecord
from lstmbench.system.device import split_device
from lstmbench.utils.conversion import plain
from lstmbench.utils.paths import ROOT

FOLDER = ROOT / "results/baselines"

FIRST, SECOND, THIRD = "amd-epyc-2-cores", "amd-epyc-avx512-2-cores", "amd-epyc-zen5-2-cores"
"""The CPUs, in the order in which they were measured."""


class UndeclaredError(AssertionError):
    """A bundle without an entry, or an entry that cannot be read."""


@dataclass(frozen=True)
class Runs:
    """The runs of every combination; ``published``: complete, and of the quality of ``PUBLISHED``."""

    datasets: list[str]
    sizes: list[str]
    implementations: list[str]
    devices: list[str]
    seeds: list[int]
    threads: int
    published: bool

    def cases(self) -> Iterator[tuple[Any, ...]]:
        """Yield data set, size, implementation, device and seed of each run."""
        return itertools.product(self.datasets, self.sizes, self.implementations, self.devices, self.seeds)


@dataclass(frozen=True)
class Measurements:
    """The measurements of every combination.

    rounds: processes per implementation; attempts: at most that many at a round; failed: implementations of which a
    process failed, so that rounds may be missing.
    """

    datasets: list[str]
    sizes: list[str]
    implementations: list[str]
    devices: list[str]
    threads: int
    rounds: int
    attempts: int = 1
    failed: list[str] = field(default_factory=list)

    def cases(self) -> Iterator[tuple[Any, ...]]:
        """Yield data set, size, implementation and device of each."""
        return itertools.product(self.datasets, self.sizes, self.implementations, self.devices)


@dataclass(frozen=True)
class Certificates:
    """The certificates of parity of every combination."""

    implementations: list[str]
    devices: list[str]

    def cases(self) -> Iterator[tuple[Any, ...]]:
        """Yield implementation and device of each."""
        return itertools.product(self.implementations, self.devices)


@dataclass(frozen=True)
class Entry:
    """What a bundle holds.

    quoted: docs/results.md shows its runs, and docs/benchmark.md its speeds, of both frameworks on CPUs; committed: its
    records name a commit, and no changes.
    """

    frameworks: list[str]
    quoted: bool
    committed: bool = True
    runs: list[Runs] = field(default_factory=list)
    measurements: list[Measurements] = field(default_factory=list)
    certificates: list[Certificates] = field(default_factory=list)

    @property
    def on_cpu(self) -> bool:
        """Whether no run and no measurement used a GPU."""
        devices = {device for block in [*self.runs, *self.measurements] for device in block.devices}
        return {split_device(device).kind for device in devices} <= {"cpu"}


@dataclass(frozen=True)
class Published:
    """What a complete run must reach: final metric, predictions of the test, epochs, predictions of its milestones."""

    metric: str
    low: float
    high: float
    predictions: int
    milestones: list[int]
    epochs: int | None = None


PUBLISHED = {
    # The TensorFlow tutorial reports 115.91, Zaremba et al. 114.5.
    ("ptb", "small"): Published("perplexity", 112.0, 116.5, 82_429, [], epochs=13),
    # Nobody published a value of this recipe: Zaremba's own had two biases per layer.  So it is to be complete, and the
    # range, set once it had been seen, tells a model that learned from one that did not.
    ("ptb", "schedule-zaremba-small"): Published("perplexity", 110.0, 120.0, 82_429, [], epochs=13),
    # The TensorFlow tutorial reports 82.07, Zaremba et al. 82.7; the upper end is 3 % above the lower of them.
    ("ptb", "medium"): Published("perplexity", 80.5, 84.5, 82_429, [], epochs=39),
    ("mnist", "small"): Published("accuracy", 0.985, 1.0, 10_000, [10_000, 128]),
    ("mnist", "medium"): Published("accuracy", 0.985, 1.0, 10_000, []),
}

OWN = {"preset", "dtype", "threads", "max_updates", "max_eval_predictions"}
"""Settings that may differ between machines and devices, and the preset, which is compared by itself."""

BLOCKS: dict[str, type] = {"runs": Runs, "measurements": Measurements, "certificates": Certificates}
KINDS = {"list": "a list", "int": "a whole number", "bool": "true or false"}


def entries_in(folder: Path) -> dict[str, Entry]:
    """Read ``bundles.yaml`` of a folder: an entry per bundle, by the name of its file without ``.zip``.

    Raises:
        UndeclaredError: an entry with another key, or a value of another kind, than is expected.
    """
    entries = {}
    for machine, entry in (yaml.safe_load((folder / "bundles.yaml").read_text(encoding="utf-8")) or {}).items():
        declared = entry or {}
        blocks = {
            name: [
                _made(kind, block, f"{machine}, {name} {place}")
                for place, block in enumerate(declared.get(name) or (), 1)
            ]
            for name, kind in BLOCKS.items()
        }
        entries[machine] = _made(Entry, declared | blocks, machine)
    return entries


def _made(kind: type, declared: Mapping[str, Any], where: str) -> Any:
    try:
        made = kind(**declared)
    except TypeError as error:
        raise UndeclaredError(f"results/baselines/bundles.yaml: {where}: {error}") from error
    for one in dataclasses.fields(kind):
        name, value = str(one.type).partition("[")[0], getattr(made, one.name)
        if type(value).__name__ != name:
            found = f"{one.name}: expected {KINDS[name]}, found {value!r}"
            raise UndeclaredError(f"results/baselines/bundles.yaml: {where}: {found}")
    return made


def entry_of(machine: str, entries: Mapping[str, Entry]) -> Entry:
    """Return the entry of a bundle.

    Raises:
        UndeclaredError: it has none; says where to add it.
    """
    if machine not in entries:
        raise UndeclaredError(
            f"results/baselines/{machine}.zip: no entry in results/baselines/bundles.yaml: add one that says what the "
            "bundle holds (results/baselines/README.md explains the keys)"
        )
    return entries[machine]


def without_bundle(folder: Path) -> list[str]:
    """Return the entries of a folder whose bundle is not there."""
    return [machine for machine in entries_in(folder) if not (folder / f"{machine}.zip").exists()]


def differences(records: Records, entry: Entry) -> list[str]:
    """Return a line for everything in which a bundle differs from its entry; none if it is what the entry says."""
    return [
        *_of_runs(records, entry),
        *_of_measurements(records, entry),
        *_of_certificates(records, entry),
        *_of_frameworks(records, entry),
    ]


def _sides(kind: str, declared: Iterable[tuple[Any, ...]], found: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    declared, found = set(declared), set(found)
    for cases, message in (
        (declared - found, "declared, and not in the bundle"),
        (found - declared, "in the bundle, and not declared"),
    ):
        for case in sorted(cases):
            yield f"{kind} {' '.join(map(str, case))}: {message}"


def _blocks(blocks: Iterable[Any]) -> dict[tuple[Any, ...], Any]:
    """Return the block of each case."""
    return {case: block for block in blocks for case in block.cases()}


def _of_runs(records: Records, entry: Entry) -> Iterator[str]:
    declared = _blocks(entry.runs)
    found = {record.run.parts: record for record in records.runs}
    yield from _sides("run", declared, found)
    for case in sorted({*declared} & {*found}):
        wrong = [*_circumstances(found[case], found[case].settings.threads, declared[case].threads, entry)]
        if declared[case].published:
            wrong += _unpublished(found[case])
        for message in wrong:
            yield f"run {' '.join(map(str, case))}: {message}"


def _circumstances(record: RunRecord | MeasurementRecord, threads: int, expected: int, entry: Entry) -> Iterator[str]:
    if threads != expected:
        yield f"expected {expected} threads, found {threads}"
    if entry.committed and (not record.commit or record.commit_dirty):
        found = f"{record.commit}{' with changes' * record.commit_dirty}"
        yield f"expected a commit, without changes, found {found}"


def _unpublished(record: RunRecord) -> Iterator[str]:
    """Yield what keeps a run from being compared with published values, or in what it falls short of them."""
    expected = PUBLISHED.get((record.run.dataset, record.run.size))
    if expected is None:
        yield (
            "no published value is known: add it to PUBLISHED in tests/repository/baselines.py, or say published: false"
        )
        return
    if record.caps:
        yield f"expected a complete run, found: {', '.join(record.caps)}"
    value, predictions = record.final.value, record.final.predictions
    if not expected.low <= value <= expected.high:
        article = "an" if expected.metric == "accuracy" else "a"
        yield f"expected {article} {expected.metric} from {expected.low} to {expected.high}, found {value}"
    if predictions != expected.predictions:
        yield f"expected {expected.predictions} predictions, found {predictions}"
    epochs, milestones = len(record.history), [row.predictions for row in record.milestones]
    if expected.epochs not in (None, epochs):
        yield f"expected {expected.epochs} epochs, found {epochs}"
    if milestones != expected.milestones:
        yield f"expected milestones of {expected.milestones} predictions, found {milestones}"


def _of_measurements(records: Records, entry: Entry) -> Iterator[str]:
    declared = _blocks(entry.measurements)
    measured: dict[tuple[Any, ...], MeasurementRecord] = {}
    for record in (measurement.record for measurement in records.measurements):
        group = record.group
        names = [one.implementation for one in [*record.samples, *record.failures]]
        # A measurement of nothing is one that is not declared.
        for name in dict.fromkeys(names or ["nothing"]):
            measured[group.dataset, group.size, name, group.device] = record
    yield from _sides("measurement", declared, measured)
    for case in sorted({*declared} & {*measured}):
        for message in _of_measurement(measured[case], case[2], declared[case], entry):
            yield f"measurement {' '.join(case)}: {message}"


def _of_measurement(record: MeasurementRecord, name: str, block: Measurements, entry: Entry) -> Iterator[str]:
    yield from _circumstances(record, record.threads, block.threads, entry)
    failures = [one.failure for one in record.failures if one.implementation == name]
    expected = name in block.failed
    if bool(failures) != expected:
        yield f"expected {'a' if expected else 'no'} failure, found{f': {failures[0]}' if failures else ' none'}"
    rounds = [one.round for one in record.samples if one.implementation == name]
    whole, once = set(range(1, block.rounds + 1)), set(rounds)
    if not (once <= whole if expected else once == whole):
        found = ", ".join(map(str, sorted(once))) or "none"
        yield f"expected the rounds 1 to {block.rounds}, found {found}"
    if (most := max(map(rounds.count, once), default=0)) > block.attempts:
        yield f"expected at most {block.attempts} attempts at a round, found {most}"


def _of_certificates(records: Records, entry: Entry) -> Iterator[str]:
    found = {tuple(table[["implementation", "device"]].iloc[0]) for table in records.certificates}
    yield from _sides("certificate", _blocks(entry.certificates), found)


def _of_frameworks(records: Records, entry: Entry) -> Iterator[str]:
    names = {record.run.implementation for record in records.runs}
    names |= {one.implementation for measurement in records.measurements for one in measurement.record.samples}
    expected, found = sorted(entry.frameworks), sorted(set(map(framework, names)))
    if expected != found:
        yield f"frameworks: expected {', '.join(expected)}, found {', '.join(found) or 'none'}"


def unlike_starts(bundles: Iterable[Records]) -> list[str]:
    """Return a line for everything that the runs of all bundles should share and do not.

    Per seed the initial weights, per size the preset and the number of parameters, per data set the data.
    """
    found: dict[str, set[Hashable]] = defaultdict(set)
    for record in itertools.chain.from_iterable(bundle.runs for bundle in bundles):
        run, settings = record.run, plain(record.settings)
        size = f"{run.dataset} {run.size}"
        found[f"{run.dataset}: data"].add(record.data.sha256)
        found[f"{size}: presets"].add(repr(sorted(settings["preset"].items())))
        found[f"{size}: parameters"].add(record.parameters)
        found[f"{size} {run.seed}: initial weights"].add(record.initial_weights_sha256)
        found[f"{size}: settings"].add(repr(sorted((name, settings[name]) for name in {*settings} - OWN)))
    return [f"{what} differ" for what, values in sorted(found.items()) if len(values) > 1]


MACHINES = {path.stem: read_bundle(path) for path in sorted(FOLDER.glob("*.zip"))}
ENTRIES = entries_in(FOLDER)
QUOTED = [machine for machine in MACHINES if machine in ENTRIES and ENTRIES[machine].quoted]
CPUS = [machine for machine in MACHINES if machine in ENTRIES and ENTRIES[machine].on_cpu]
MEASURED = [machine for machine in MACHINES if machine in ENTRIES and ENTRIES[machine].measurements]
"""The machines whose speed is kept; the others only trained."""
MEASURED_CPUS = [machine for machine in MEASURED if machine in CPUS]
REFERENCE = MACHINES[FIRST]
