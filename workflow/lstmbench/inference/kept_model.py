"""Open the model that a complete run kept beside its record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lstmbench import tasks
from lstmbench.datasets import Dataset, load_dataset
from lstmbench.implementations import reference
from lstmbench.records.run import MODEL, RECORD, read_complete, require_weights_of
from lstmbench.records.run_record import RunRecord
from lstmbench.utils.errors import DataError
from lstmbench.utils.files import hash_arrays, read_arrays


@dataclass(frozen=True)
class KeptModel:
    """A run's record, and a learner of the reference with the weights that the run ended with."""

    path: Path  # of the record
    record: RunRecord
    learner: reference.Learner

    def logits(self, inputs: np.ndarray, state: reference.State) -> tuple[np.ndarray, reference.State]:
        """Return what the model predicts, without dropout, and the new state.

        Args:
            inputs: ids int32[batch, steps], or features float[batch, steps, input_size].
            state: where the recurrence begins; ignored by a model that carries none.

        Returns:
            Logits [predicted steps, batch, output_size], of all steps or of the last, and the state after the last.
        """
        # The contract, which frameworks share, has losses only; the logits are the reference's own.
        no_masks = [1.0] * (self.learner.spec.num_layers + 1)
        logits, state, _ = self.learner._forward(inputs, state, no_masks)
        return logits, state


def open_model(run: Path) -> KeptModel:
    """Open the model of a run: ``run`` is its record or its folder.

    Raises:
        DataError: the record is missing or bad, the run failed, no model was kept, or it is not the run's.
    """
    path = run / RECORD if run.is_dir() else run
    record = read_complete(path)
    file = path.with_name(MODEL)
    if not file.exists():
        raise DataError(
            f"{file}: expected the final weights of the run, found none: train it again with keep_models: true"
        )
    weights = read_arrays(file)
    require_weights_of(record, hash_arrays(weights), file, "a model stays beside its record")
    spec = tasks.load(record.data.task).model_spec(record.settings.preset, dict(record.data.facts))
    learner = reference.Learner(spec, "cpu", record.run.seed, "float32")
    learner.load_weights(weights)
    return KeptModel(path, record, learner)


def data_of(model: KeptModel, data: Path) -> Dataset:
    """Return the data set that a model learned from; ``data``: the folder of the prepared data sets.

    Raises:
        DataError: it is missing or damaged, or other data than the record's.
    """
    folder = data / model.record.run.dataset
    dataset = load_dataset(folder)
    if dataset.sha256 != model.record.data.sha256:
        raise DataError(
            f"{model.path}: data.sha256: expected {model.record.data.sha256}, found {dataset.sha256} in {folder}: "
            "other data"
        )
    return dataset


def require_task(model: KeptModel, task: str) -> None:
    """Refuse a model of another task.

    Raises:
        DataError: the model is of the other task.
    """
    if model.record.data.task != task:
        raise DataError(f"{model.path}: expected a {_words(task)}, found a {_words(model.record.data.task)}")


def _words(task: str) -> str:
    return task.replace("_", " ")
