"""Find the files of a case that a person names, and make those that take seconds to make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lstmbench import datasets
from lstmbench.preparation.initialise import initialise
from lstmbench.preparation.prepare import prepare
from lstmbench.utils.errors import DataError
from lstmbench.utils.paths import WORKFLOW
from lstmbench.utils.validation import require_known


@dataclass(frozen=True)
class CaseFiles:
    """The prepared data set, the preset and the initial weights of a case."""

    data: Path
    preset: Path
    weights: Path


def case_files(data_sets: Path, dataset: str, size: str, seed: int, temporary: Path) -> CaseFiles:
    """Return the files of a case; a generated data set that is not prepared, and the weights, go to ``temporary``.

    Raises:
        UsageError: there is no such data set or size.
        DataError: the data set is not prepared.
    """
    data = data_sets / dataset
    if not (data / datasets.MANIFEST).exists():
        require_known("data set", dataset, datasets.names())
        if datasets.sources(dataset):
            made = "run make quick, or take markov or glyphs, which need no files"
            raise DataError(f"{data}: expected a prepared data set, found none; {made}")
        data = temporary / dataset
        prepare(dataset=dataset, raw=temporary / "raw", output=data)
    presets = WORKFLOW / "presets" / dataset
    require_known("size", size, sorted(path.stem for path in presets.glob("*.yaml")))
    preset, weights = presets / f"{size}.yaml", temporary / "weights.safetensors"
    initialise(data=data, preset_file=preset, seed=seed, output=weights)
    return CaseFiles(data, preset, weights)
