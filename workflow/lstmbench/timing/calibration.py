"""Calibrate a case: measure it alone for some seconds, for ``plan``, and repeat that if it was disturbed.

For a case that cannot run here it is a ``FailedCalibration``, so that the other cases can be planned without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from msgspec.structs import asdict, replace

from lstmbench.records.calibration import Calibration
from lstmbench.records.interference import disturbances
from lstmbench.records.measurement_record import Details, EvaluationSpeed, EvaluationSpeeds, Phases, ProcessReport

DETAILS = ("evaluation", "checkpoint")


class CannotRun(Exception):
    """The process of a case failed in a way that leaves other cases sound; the message says why."""


def calibrated(
    measure: Callable[[], ProcessReport], attempts: int, threads: int, log: Callable[[str], None]
) -> Calibration:
    """Measure until a process was not disturbed, at most ``attempts`` times, and return a report to plan from.

    If all were disturbed, return that with the fastest step.  The time of every other part is then the shortest of
    all reports.
    """
    reports: list[ProcessReport] = []
    while True:
        reports.append(measure())
        # A better attempt can show that an earlier one was disturbed, but never that it was not.
        judged = [_disturbances(report, reports, threads) for report in reports]
        if not judged[-1]:
            return _calibration(reports[-1], len(reports), [])
        log(f"attempt {len(reports)} of {attempts} was disturbed: {'; '.join(judged[-1])}")
        if len(reports) >= attempts:
            fastest = min(range(len(reports)), key=lambda place: reports[place].fastest_step_seconds or math.inf)
            return _calibration(_with_shortest_parts(reports[fastest], reports), len(reports), judged[fastest])


def _calibration(report: ProcessReport, attempts: int, disturbances: list[str]) -> Calibration:
    return Calibration(**asdict(report), attempts=attempts, disturbances=disturbances)


def _disturbances(report: ProcessReport, reports: Sequence[ProcessReport], threads: int) -> list[str]:
    """Return what disturbed one of several attempts, compared with the best one."""
    best = max(one.load.cpu_per_thread(threads) for one in reports)
    load, whole = report.load, report.whole_load
    # The plan also uses start, evaluations and checkpoint.  They often do not use all threads, so only the CPU time
    # of others says whether they were disturbed.
    if whole is not None:
        load = replace(
            load,
            foreign_share=max(load.foreign_share, whole.foreign_share),
            steal_share=None if load.steal_share is None else max(load.steal_share, whole.steal_share or 0.0),
        )
    return disturbances(load, threads, best, report.spread)


def _with_shortest_parts(report: ProcessReport, reports: Sequence[ProcessReport]) -> ProcessReport:
    """Return a report with the shortest time of each part among all of them."""
    details = [one.details for one in reports if one.details]
    evaluations = [one.evaluation for one in details if one.evaluation]
    checkpoints = [one.checkpoint for one in details if one.checkpoint]
    seconds = {name: min(getattr(one.phases, name) for one in reports) for name in Phases.__struct_fields__}
    checkpoint = replace(
        checkpoints[0],
        write_seconds=min(one.write_seconds for one in checkpoints),
        read_seconds=min(one.read_seconds for one in checkpoints),
    )
    evaluation = EvaluationSpeeds(
        valid=_fastest([one.valid for one in evaluations]), test=_fastest([one.test for one in evaluations])
    )
    shortest = Details(evaluation=evaluation, checkpoint=checkpoint)
    return replace(report, phases=Phases(**seconds), details=shortest)


def _fastest(speeds: Sequence[EvaluationSpeed]) -> EvaluationSpeed:
    return replace(
        speeds[0],
        first_seconds=min(one.first_seconds for one in speeds),
        fastest_per_second=max(one.fastest_per_second or one.predictions_per_second for one in speeds),
    )
