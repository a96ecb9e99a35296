"""Ask the NVIDIA driver, through ``nvidia-smi``, so that no framework needs to be imported.

Its manual page lists the return codes, in section "Return value".
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess

from lstmbench.utils.errors import MachineError
from lstmbench.utils.escaping import one_line

TIMEOUT_SECONDS = 30.0
"""``nvidia-smi`` hangs if the driver has lost its card; waking eight cards takes it some seconds."""

NO_DEVICES = 6
"""The return code of "No devices were found"."""

_UUID = re.compile(r"\(UUID: (\S+)\)")


class NoAnswerError(MachineError):
    """The driver hangs, so that the GPUs are unknown."""


class FailedError(MachineError):
    """``nvidia-smi`` ended with an error, as it does if the driver is not loaded."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def installed() -> bool:
    """Return whether there is an ``nvidia-smi`` to ask."""
    return shutil.which("nvidia-smi") is not None


def ask(*arguments: str) -> str:
    """Return what ``nvidia-smi`` writes to standard output.

    Raises:
        NoAnswerError: it did not end within ``TIMEOUT_SECONDS``.
        FailedError: it ended with a code other than 0.
    """
    process = subprocess.Popen(
        ["nvidia-smi", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace"
    )
    try:
        answer, complaint = process.communicate(timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        # Do not wait for its end, as subprocess.run does: within a system call of the driver it cannot be killed.
        process.kill()
        for stream in filter(None, (process.stdout, process.stderr)):
            stream.close()
        raise NoAnswerError(
            f"nvidia-smi did not answer within {TIMEOUT_SECONDS:g} s: the driver or the card hangs; restart the "
            "machine, or choose device: cpu"
        ) from error
    if process.returncode:
        message = f"nvidia-smi failed ({process.returncode}): {one_line(answer + complaint)}"
        raise FailedError(message, process.returncode)
    return answer


def visible_gpus(*fields: str) -> list[list[str]]:
    """Return these fields of every GPU that CUDA_VISIBLE_DEVICES allows, in its order; none without a driver.

    An index counts the GPUs as ``nvidia-smi`` does.  CUDA does so only with CUDA_DEVICE_ORDER=PCI_BUS_ID, which matters
    if the GPUs of one machine differ.

    Raises:
        NoAnswerError, FailedError: as ``ask``.
    """
    if not installed():
        return []
    rows = _rows(*fields)
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    return rows if wanted is None else [rows[index] for index in _chosen(wanted, len(rows))]


def _rows(*fields: str) -> list[list[str]]:
    """Return these fields of every GPU that the driver lists."""
    try:
        answer = ask(f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits")
    except FailedError as error:
        if error.code == NO_DEVICES:
            return []
        raise
    return [[text.strip() for text in line.split(",")] for line in answer.splitlines() if line.strip()]


def _chosen(wanted: str, count: int) -> list[int]:
    """Parse CUDA_VISIBLE_DEVICES as CUDA does (see torch.cuda._parse_visible_devices).

    The list ends at the first invalid name, such as "-1" or "NoDevFiles".  If a GPU is named twice, none is visible.
    """
    chosen: list[int] = []
    for name in map(str.strip, wanted.split(",")):
        if name.isdecimal():
            found = [int(name)] if int(name) < count else []
        else:
            found = _with_uuid(_card_of(name) if name.startswith("MIG-") else name)
        if len(found) != 1:
            break
        if found[0] in chosen:
            return []
        chosen += found
    return chosen


def _with_uuid(name: str) -> list[int]:
    """Return the indices of the GPUs whose UUIDs begin with ``name``."""
    if not name.startswith("GPU-"):
        return []
    return [index for index, (uuid,) in enumerate(_rows("uuid")) if uuid.startswith(name)]


def _card_of(part: str) -> str:
    """Return the UUID of the GPU that a MIG device belongs to; empty if there is none."""
    card = ""
    for uuid in _UUID.findall(ask("-L")):
        if uuid == part:
            return card
        if uuid.startswith("GPU-"):
            card = uuid
    return ""
