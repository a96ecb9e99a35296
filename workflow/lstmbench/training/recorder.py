"""Note what a run is when it starts, and make its record and the fingerprint of its checkpoints from that."""

from __future__ import annotations

from typing import cast

import msgspec
import numpy as np

from lstmbench.models.weights import parameter_count
from lstmbench.orchestration.dependencies import training_hash
from lstmbench.records.caps import caps_in_words
from lstmbench.records.run_record import (
    Caps,
    Data,
    Epoch,
    Evaluation,
    Memory,
    Milestone,
    Precision,
    RunRecord,
    Settings,
    Task,
    Throughput,
)
from lstmbench.records.version import SCHEMA_VERSION
from lstmbench.system import hardware, provenance
from lstmbench.system.cores import Limits
from lstmbench.system.device import split_device
from lstmbench.system.identity import machine_fingerprint
from lstmbench.training.loop import Row, TrainingLoop
from lstmbench.training.session import RunRequest, Session
from lstmbench.utils.clock import Stopwatch, later, utc_now
from lstmbench.utils.conversion import converted, plain
from lstmbench.utils.files import hash_arrays, hash_json


class Start:
    """The moment at which a process begins: the clock, the commit of its code, and the machine.

    It is noted before a framework adds switches of its own to the environment.
    """

    def __init__(self) -> None:
        self.time, self._watch = utc_now(), Stopwatch()
        self.commit, self.commit_dirty = provenance.commit()
        self.machine = hardware.describe()

    def now(self) -> str:
        """Return the wall clock by the seconds that have passed since the start."""
        return later(self.time, self._watch.seconds())


class Recorder:
    """Make a run's record, and the fingerprint of its checkpoints, from what is known of it."""

    def __init__(self, start: Start, request: RunRequest, session: Session, caps: Caps, spin_limits: dict[str, str]):
        self._start, self._request, self._session = start, request, session
        self._device = split_device(request.device)
        self.name = request.run_of(session.dataset)
        self.machine = msgspec.structs.replace(session.described(start.machine), spin_limits=spin_limits)
        self._settings = Settings(
            preset=session.preset,
            threads=request.threads,
            dtype=cast(Precision, self._device.precision),
            **msgspec.structs.asdict(caps),
        )
        self._initial_weights_sha256 = hash_arrays(session.weights)
        self._versions = {"numpy": np.__version__, **session.framework.versions()}
        self._limits = Limits()

    def fingerprint(self) -> dict[str, object]:
        """Return all that a checkpoint must share with a run that resumes from it.

        It has values, not their hash, so that a message can name a difference.
        """
        settings = plain(self._settings)
        del settings["preset"]["source"]  # does not affect the result
        return {
            "run": plain(self.name),
            "initial_weights_sha256": self._initial_weights_sha256,
            "versions": plain(self._versions),
            "settings": settings,
            "machine": machine_fingerprint(self.machine, self.name.device),
            "data": self._session.dataset.sha256,
            "code": training_hash(self._session.dataset.task, self._request.implementation),
        }

    def record(self, loop: TrainingLoop, final: Row, weights_sha256: str) -> RunRecord:
        """Return the record of a loop that has ended, with the values of its final test.

        Raises:
            DataError: the loop found a value that no record may hold.
        """
        start, session, dataset = self._start, self._session, self._session.dataset
        return RunRecord(
            schema_version=SCHEMA_VERSION,
            run=self.name,
            started=start.time,
            finished=start.now(),
            commit=start.commit,
            commit_dirty=start.commit_dirty,
            settings=self._settings,
            settings_sha256=hash_json(plain(self._settings)),
            data=Data(task=cast(Task, dataset.task), sha256=dataset.sha256, facts=dict(dataset.facts)),
            initial_weights_sha256=self._initial_weights_sha256,
            final_weights_sha256=weights_sha256,
            parameters=parameter_count(session.spec),
            caps=caps_in_words(self._settings, loop.updates, loop.full_updates),
            resumed=loop.resumed,
            history=converted(loop.history, list[Epoch], "history"),
            final=converted(final, Evaluation, "final"),
            milestones=converted(loop.milestones, list[Milestone], "milestones"),
            speed=self._throughput(loop),
            memory=Memory(hardware.peak_rss_bytes(), session.learner.peak_device_bytes()),
            machine=self.machine,
            versions=self._versions,
            first_losses=loop.first_losses,
            full_updates=loop.full_updates,
        )

    def _throughput(self, loop: TrainingLoop) -> Throughput:
        quartiles: list[float | None] = [None] * 3  # the run was too short for a steady block
        if loop.rates:
            quartiles = np.quantile(loop.rates, [0.25, 0.5, 0.75]).tolist()
        return Throughput(
            unit=self._session.unit,
            p25=quartiles[0],
            median=quartiles[1],
            p75=quartiles[2],
            blocks=len(loop.rates),
            import_seconds=self._session.import_seconds,
            build_seconds=self._session.build_seconds,
            first_step_seconds=loop.first_step_seconds or 0.0,
            train_seconds=loop.train_seconds,
            throttled_share=self._limits.throttled_share(),
            reachable_cores=self._limits.reachable_cores(),
        )
