"""Write and read checkpoints, so that a run resumes only from a whole, verified file of its own.

A checkpoint is one safetensors file.  It holds the arrays and one metadata key: JSON with the progress, the fingerprint
and the hash of everything.  The two newest are kept, so that a damaged one costs an epoch and not the run.

A file's name begins with a hash of its fingerprint.  The same run with other settings writes to the same folder; the
names keep a run from overwriting or counting those files.

Only a wrong format or hash is damage.  A file that cannot be read now may be whole, so its error ends the run.
"""

from __future__ import annotations

import contextlib
import errno
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from lstmbench.records.format import GENERATIONS, OTHERS
from lstmbench.utils.errors import DataError
from lstmbench.utils.files import hash_arrays, hash_json, write_arrays
from lstmbench.utils.strict_json import parse_json

_SUFFIX = ".safetensors"
_DAMAGED = ".damaged"
_READ_BYTES = 1 << 20
_ABSENT = object()


@dataclass(frozen=True)
class Checkpoint:
    """Hold the arrays (weights and training state) and, as JSON, how far the run is."""

    arrays: dict[str, np.ndarray]
    progress: Mapping[str, object]
    # What may differ between machines, as it was at the time of writing.
    noted: Mapping[str, object] = field(default_factory=dict)


class CheckpointFolder:
    """Hold the checkpoints of one run.  Its ``fingerprint`` (JSON) is compared with a file's, field by field."""

    def __init__(
        self, folder: Path, fingerprint: Mapping[str, object], noted: Mapping[str, object] | None = None
    ) -> None:
        self.folder = folder
        self.fingerprint = dict(fingerprint)
        self.noted = dict(noted or {})
        self._prefix = f"{hash_json(self.fingerprint)[:12]}-"

    def save(self, checkpoint: Checkpoint) -> list[Path]:
        """Write a checkpoint, then delete all but the newest ``GENERATIONS`` of this run and ``OTHERS`` of other runs.

        Returns the deleted files of other runs.
        """
        body: dict[str, object] = {
            "fingerprint": self.fingerprint,
            "progress": checkpoint.progress,
            "noted": self.noted,
        }
        body["sha256"] = hash_json([hash_arrays(checkpoint.arrays), body])
        path = self.folder / f"{self._prefix}{checkpoint.progress['updates']:09d}{_SUFFIX}"
        write_arrays(path, checkpoint.arrays, {"lstmbench": json.dumps(body, allow_nan=False)})
        for old in self._own()[GENERATIONS:]:
            old.unlink()
        deleted = self._others()[OTHERS:]
        for old in deleted:
            old.unlink()
        return deleted

    def newest(self, log: Callable[[str], None]) -> Checkpoint | None:
        """Return the newest valid checkpoint of this run, or None; ``log`` is told why others are skipped.

        A damaged file of this run is renamed, so that it takes no good one's place and no save deletes it.

        Raises:
            OSError: a file cannot be read, so nobody knows whether it is valid; with its path.
        """
        own = self._own()
        for path in [*own, *self._others()]:
            try:
                found = self._read(path)
            except FileNotFoundError:  # another worker has just renamed it
                continue
            if isinstance(found, Checkpoint):
                if changed := differences(found.noted, self.noted):
                    log(f"checkpoint {path} is used; noted: {'; '.join(changed)}")
                return found
            kept = f"; kept as {_set_aside(path).name} until the run is complete" if path in own else ""
            log(f"checkpoint {path} is not used: {found}{kept}")
        return None

    def latest(self) -> Path | None:
        """Return the file of the newest checkpoint that this run can resume from, as far as files can be read."""
        for path in self._own():
            with contextlib.suppress(OSError):
                if isinstance(self._read(path), Checkpoint):
                    return path
        return None

    def clear(self) -> None:
        """Delete the checkpoints of a complete run, damaged ones too, and half-written files."""
        for path in [*self._own(), *self.folder.glob(f"{self._prefix}*{_SUFFIX}{_DAMAGED}")]:
            path.unlink()
        self.remove_half_written()

    def remove_half_written(self) -> None:
        """Delete the half-written files of killed processes; nobody else may be writing here."""
        for path in self.folder.glob(f".*{_SUFFIX}.*"):
            path.unlink()

    def _own(self) -> list[Path]:
        """Return the files of this run, those with the most updates first."""
        return sorted(self.folder.glob(f"{self._prefix}*{_SUFFIX}"), reverse=True)

    def _others(self) -> list[Path]:
        """Return the files of other runs, the newest first."""
        files = [path for path in self.folder.glob(f"*{_SUFFIX}") if not path.name.startswith(self._prefix)]
        return sorted(files, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)

    def _read(self, path: Path) -> Checkpoint | str:
        """Return the checkpoint, or why the file is none of this run."""
        _require_readable(path)
        try:
            with safe_open(path, framework="numpy") as stream:
                body = parse_json((stream.metadata() or {})["lstmbench"], "its metadata")
                arrays = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - no mapping
            claimed = body.pop("sha256")
        except OSError as error:
            number = re.search(r"os error (\d+)", str(error))
            raise OSError(int(number[1]) if number else errno.EIO, str(error), str(path)) from error
        except (DataError, SafetensorError, KeyError, TypeError, AttributeError, ValueError) as error:
            return f"not readable ({error})"
        if claimed != hash_json([hash_arrays(arrays), body]):
            return "its content does not match its hash"
        if body["fingerprint"] != self.fingerprint:
            return f"it belongs to another run: {'; '.join(differences(body['fingerprint'], self.fingerprint))}"
        return Checkpoint(arrays, body["progress"], body.get("noted", {}))


def _require_readable(path: Path) -> None:
    """Read a file to its end, because safetensors reports a file that it may not open as missing.

    Raises:
        OSError: it cannot be read; with its path.
    """
    try:
        with path.open("rb") as stream:
            while stream.read(_READ_BYTES):
                pass
    except OSError as error:
        error.filename = str(path)
        raise


def _set_aside(path: Path) -> Path:
    """Rename a damaged file, unless another worker has done so, and return its new path."""
    aside = path.with_name(f"{path.name}{_DAMAGED}")
    with contextlib.suppress(FileNotFoundError):
        path.replace(aside)
    return aside


def differences(theirs: object, ours: object, name: str = "") -> list[str]:
    """Return ``name theirs, now ours`` for every field in which two fingerprints differ."""
    if not (isinstance(theirs, dict) and isinstance(ours, dict)):
        return [] if theirs == ours else [f"{name} {_shown(theirs)}, now {_shown(ours)}"]
    return [
        line
        for key in sorted({*theirs, *ours})
        for line in differences(theirs.get(key, _ABSENT), ours.get(key, _ABSENT), f"{name}.{key}".lstrip("."))
    ]


def _shown(value: object) -> str:
    """Return a field's value so that a person can compare it: only the first 12 digits of a hash."""
    if value is _ABSENT:
        return "absent"
    if isinstance(value, dict):
        return "present"
    text = str(value)
    return f"{text[:12]}..." if re.fullmatch(r"[0-9a-f]{40,}", text) else text
