"""Write and read checkpoints, so that a run resumes only from a whole, verified file of its own.

A checkpoint is one safetensors file.  It holds the arrays and one metadata key: JSON with the progress, the fingerprint
and the hash of everything.  The two newest are kept, so that a damaged one costs an epoch and not the run.

A file's name begins with a hash of its fingerprint.  The same run with other settings writes to the same folder; the
names keep a run from overwriting or counting those files.
"""

from __future__ import annotations

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
        # A file of this run with more updates is damaged; otherwise the run would have resumed from it.
        kept = [file for file in self._own() if file <= path][:GENERATIONS]
        for old in self._own():
            if old not in kept:
                old.unlink()
        deleted = self._others()[OTHERS:]
        for old in deleted:
            old.unlink()
        return deleted

    def newest(self, log: Callable[[str], None]) -> Checkpoint | None:
        """Return the newest valid checkpoint of this run, or None; ``log`` is told why others are skipped."""
        for path in [*self._own(), *self._others()]:
            found = self._read(path)
            if isinstance(found, Checkpoint):
                if changed := differences(found.noted, self.noted):
                    log(f"checkpoint {path} is used; noted: {'; '.join(changed)}")
                return found
            log(f"checkpoint {path} is not used: {found}")
        return None

    def latest(self) -> Path | None:
        """Return the file of the newest checkpoint that this run can resume from."""
        return next((path for path in self._own() if isinstance(self._read(path), Checkpoint)), None)

    def clear(self) -> None:
        """Delete the checkpoints of a complete run, and the half-written files of killed processes."""
        for path in [*self._own(), *self.folder.glob(f".*{_SUFFIX}.*")]:
            path.unlink()

    def _own(self) -> list[Path]:
        """Return the files of this run, those with the most updates first."""
        return sorted(self.folder.glob(f"{self._prefix}*{_SUFFIX}"), reverse=True)

    def _others(self) -> list[Path]:
        """Return the files of other runs, the newest first."""
        files = [path for path in self.folder.glob(f"*{_SUFFIX}") if not path.name.startswith(self._prefix)]
        return sorted(files, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)

    def _read(self, path: Path) -> Checkpoint | str:
        try:
            with safe_open(path, framework="numpy") as stream:
                body = parse_json((stream.metadata() or {})["lstmbench"], "its metadata")
                arrays = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - no mapping
            claimed = body.pop("sha256")
        except (DataError, OSError, SafetensorError, KeyError, TypeError, AttributeError, ValueError) as error:
            return f"not readable ({error})"
        if claimed != hash_json([hash_arrays(arrays), body]):
            return "its content does not match its hash"
        if body["fingerprint"] != self.fingerprint:
            return f"it belongs to another run: {'; '.join(differences(body['fingerprint'], self.fingerprint))}"
        return Checkpoint(arrays, body["progress"], body.get("noted", {}))


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
