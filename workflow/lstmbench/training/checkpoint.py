"""Checkpoints: whole, verified, and only of the very run that asks for one.

A checkpoint is one safetensors file (arrays) with one metadata key (JSON: progress, fingerprint and the
hash of both).  The two newest are kept, so that a damaged one costs an epoch and not the run.

A file's name begins with a hash of its fingerprint.  So a run tells its own files from those of the same run with other
settings, which lie in the same folder, and neither overwrites nor counts them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
    """Arrays (weights and training state) and the JSON that says how far the run is."""

    arrays: dict[str, np.ndarray]
    progress: dict[str, Any]
    noted: dict[str, Any] = field(default_factory=dict)  # what may differ, as it was where the checkpoint was written


class CheckpointFolder:
    """The checkpoints of one run, which ``fingerprint`` tells from all others: JSON, compared field by field."""

    def __init__(self, folder: Path, fingerprint: Mapping[str, Any], noted: Mapping[str, Any] | None = None) -> None:
        self.folder = folder
        self.fingerprint = dict(fingerprint)
        self.noted = dict(noted or {})
        self._prefix = f"{hash_json(self.fingerprint)[:12]}-"

    def save(self, checkpoint: Checkpoint) -> list[Path]:
        """Write a checkpoint, then delete all but the newest ``GENERATIONS`` of this run and ``OTHERS`` of other runs.

        Returns the files of other runs that it deleted.
        """
        body = {"fingerprint": self.fingerprint, "progress": checkpoint.progress, "noted": self.noted}
        body["sha256"] = hash_json([hash_arrays(checkpoint.arrays), body])
        path = self.folder / f"{self._prefix}{checkpoint.progress['updates']:09d}{_SUFFIX}"
        write_arrays(path, checkpoint.arrays, {"lstmbench": json.dumps(body, allow_nan=False)})
        # One of this run with more updates is damaged: otherwise the run would have resumed from it.
        kept = [file for file in self._own() if file <= path][:GENERATIONS]
        for old in self._own():
            if old not in kept:
                old.unlink()
        deleted = self._others()[OTHERS:]
        for old in deleted:
            old.unlink()
        return deleted

    def newest(self, log: Callable[[str], None]) -> Checkpoint | None:
        """The newest checkpoint that verifies and is of this run; ``log`` hears why others are passed over."""
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
        """Delete the checkpoints of a run that is complete, and what killed processes left half-written."""
        for path in [*self._own(), *self.folder.glob(f".*{_SUFFIX}.*")]:
            path.unlink()

    def _own(self) -> list[Path]:
        """The files of this run, the most updates first."""
        return sorted(self.folder.glob(f"{self._prefix}*{_SUFFIX}"), reverse=True)

    def _others(self) -> list[Path]:
        """The files of other runs, those written last first."""
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


def differences(theirs: Any, ours: Any, name: str = "") -> list[str]:
    """Return ``name theirs, now ours`` for every field in which two fingerprints differ."""
    if not (isinstance(theirs, dict) and isinstance(ours, dict)):
        return [] if theirs == ours else [f"{name} {_shown(theirs)}, now {_shown(ours)}"]
    return [
        line
        for key in sorted({*theirs, *ours})
        for line in differences(theirs.get(key, _ABSENT), ours.get(key, _ABSENT), f"{name}.{key}".lstrip("."))
    ]


def _shown(value: Any) -> str:
    """A field's value as a person can compare it: of a hash the first digits."""
    if value is _ABSENT:
        return "absent"
    if isinstance(value, dict):
        return "present"
    text = str(value)
    return f"{text[:12]}..." if re.fullmatch(r"[0-9a-f]{40,}", text) else text
