"""Checkpoints: whole, verified, and only of the very run that asks for one.

A checkpoint is one safetensors file (arrays) with one metadata key (JSON: progress, fingerprint and the
hash of both).  The two newest are kept, so that a damaged one costs an epoch and not the run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from lstmbench.files import hash_arrays, hash_json, write_arrays

GENERATIONS = 2


@dataclass(frozen=True)
class Checkpoint:
    """Arrays (weights and training state) and the JSON that says how far the run is."""

    arrays: dict[str, np.ndarray]
    progress: dict[str, Any]


class CheckpointFolder:
    """The checkpoints of one run."""

    def __init__(self, folder: Path, fingerprint: Mapping[str, Any]) -> None:
        self.folder = folder
        self.fingerprint = dict(fingerprint)

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint under the number of its updates and forget all but the newest two."""
        body = {"fingerprint": self.fingerprint, "progress": checkpoint.progress}
        body["sha256"] = hash_json([hash_arrays(checkpoint.arrays), body])
        path = self.folder / f"{checkpoint.progress['updates']:09d}.safetensors"
        write_arrays(path, checkpoint.arrays, {"lstmbench": json.dumps(body, allow_nan=False)})
        for old in self._newest_first()[GENERATIONS:]:
            old.unlink()

    def newest(self, say: Callable[[str], None]) -> Checkpoint | None:
        """The newest checkpoint that verifies and is of this run; ``say`` hears why others are passed over."""
        for path in self._newest_first():
            found = self._read(path)
            if isinstance(found, Checkpoint):
                return found
            say(f"checkpoint {path} is not used: {found}")
        return None

    def latest(self) -> Path | None:
        """The file of the newest checkpoint, unread."""
        return next(iter(self._newest_first()), None)

    def clear(self) -> None:
        """Delete the checkpoints of a run that is complete, and what a killed process left of one."""
        for path in [*self._newest_first(), *self.folder.glob(".*.safetensors.*")]:
            path.unlink()

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("*.safetensors"), reverse=True)

    def _read(self, path: Path) -> Checkpoint | str:
        try:
            with safe_open(path, framework="numpy") as stream:
                body = json.loads((stream.metadata() or {})["lstmbench"])
                arrays = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - no mapping
            claimed = body.pop("sha256")
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            return f"not readable ({error})"
        if claimed != hash_json([hash_arrays(arrays), body]):
            return "its content does not match its hash"
        if body["fingerprint"] != self.fingerprint:
            return f"it belongs to another run: {'; '.join(differences(body['fingerprint'], self.fingerprint))}"
        return Checkpoint(arrays, body["progress"])


def differences(theirs: Any, ours: Any, name: str = "") -> list[str]:
    """``name: theirs, now ours`` for every field in which two fingerprints differ."""
    if not (isinstance(theirs, dict) and isinstance(ours, dict)):
        return [] if theirs == ours else [f"{name} {theirs}, now {ours}"]
    return [
        line
        for key in sorted({*theirs, *ours})
        for line in differences(theirs.get(key), ours.get(key), f"{name}.{key}".lstrip("."))
    ]
