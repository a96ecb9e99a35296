"""Define what ``calibrate`` writes of a case that was measured alone, and read it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from lstmbench.records.measurement_record import ProcessReport
from lstmbench.utils.conversion import converted
from lstmbench.utils.errors import DataError
from lstmbench.utils.fields import Number, StrictStruct, Time
from lstmbench.utils.strict_json import RERUN_HINT, read_json


class Calibration(ProcessReport, frozen=True, kw_only=True):
    """What a process measured that ran alone, to plan from."""

    attempts: Annotated[Number, Meta(description="Processes that were tried, a count.")]
    disturbances: Annotated[
        list[str], Meta(description="Why the machine was never this case's alone, in words; empty: it was.")
    ]


class FailedCalibration(StrictStruct, frozen=True):
    """Why a case cannot run here, so that the others are planned without it."""

    failure: Annotated[str, Meta(min_length=1, description="The message.")]
    failed: Annotated[Time, Meta(description="Wall-clock time of the failure, ISO 8601 with an offset.")]


def read_calibration(path: Path) -> Calibration | FailedCalibration:
    """Read and check what ``calibrate`` wrote.

    Raises:
        DataError: missing, not JSON, or of neither type.
    """
    content = read_json(path)
    try:
        if isinstance(content, dict) and "failure" in content:
            return converted(content, FailedCalibration, path)
        return converted(content, Calibration, path)
    except DataError as error:
        raise DataError(f"{error}. {RERUN_HINT}") from error
