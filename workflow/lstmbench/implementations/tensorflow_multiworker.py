"""Implement the LSTM in TensorFlow over several workers, joined by ``tf.distribute.MultiWorkerMirroredStrategy``.

It differs from ``tensorflow``: each worker trains on its rows of a batch, and the strategy averages the gradients
before gradient clipping.  The variables are ordinary ones.  They are the same on all workers, because all start from
the same weights and apply the same gradients; Keras would average within the optimiser, after clipping.  Every worker
draws the dropout mask of the whole batch and uses its rows of it.  So several workers compute the same as one worker,
except for the order of sums.  Every worker evaluates everything.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

import numpy as np

from lstmbench.implementations import tensorflow
from lstmbench.implementations.tensorflow import EXPECTED_KERNELS, State, configure, has_gpu, keras, tf, versions
from lstmbench.models.process_group import ProcessGroup, current_group
from lstmbench.models.worker import Worker
from lstmbench.utils.errors import UsageError
from lstmbench.utils.escaping import brief

__all__ = ["DISTRIBUTED", "EXPECTED_KERNELS", "Learner", "configure", "has_gpu", "versions"]

DISTRIBUTED = True

_LOST = (
    tf.errors.UnavailableError,
    tf.errors.DeadlineExceededError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)
"""The error of a collective operation when a worker is gone."""


class Dropout(keras.layers.Dropout):
    """Drop out by this worker's rows of a mask that is drawn for the whole batch."""

    def __init__(self, rate: float, **options: object) -> None:
        super().__init__(rate, **options)
        self.group = current_group()

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return ``inputs`` [rows, ...] with dropout in training, otherwise unchanged."""
        if not training or self.rate == 0:
            return inputs
        shape = tf.shape(inputs)
        whole = tf.ones(tf.concat([[shape[0] * self.group.size], shape[1:]], 0), inputs.dtype)
        mask = keras.random.dropout(whole, self.rate, seed=self.seed_generator)
        return inputs * tf.split(mask, self.group.size)[self.group.rank]


class Model(tensorflow.Model):
    """``tensorflow.Model`` whose dropout masks are this worker's rows of the whole batch's masks."""

    DROPOUT = Dropout


class Learner(Worker, tensorflow.Learner):
    """Average the gradients of all workers by the strategy."""

    MODEL = Model

    def _meet(self, device: str) -> None:
        self.strategy = _strategy(device)
        self._sum = self._collective(lambda replica, value: replica.all_reduce(tf.distribute.ReduceOp.SUM, value))
        self._rows = self._collective(lambda replica, value: replica.all_gather(value, axis=1))

    def _rows_of(self, state: State, rows: slice) -> State:
        return tuple((hidden[rows], cell[rows]) for hidden, cell in state)

    def _gathered(self, state: State) -> State:
        parts = self._rows(tf.stack([part for layer in state for part in layer]))
        return tuple((parts[place], parts[place + 1]) for place in range(0, len(parts), 2))

    def _mean_losses(self, losses: np.ndarray) -> np.ndarray:
        return (self._sum(losses) / self.group.size).numpy()

    def _from_main(self, value: float) -> float:
        return float(self._sum(np.float64(value if self.group.is_main else 0.0)))

    def _why_lost(self, error: Exception) -> str | None:
        return brief(error, having="aborted by") if isinstance(error, _LOST) else None

    def _clip(self, gradients: list[tf.Tensor | tf.IndexedSlices]) -> list[tf.Tensor | tf.IndexedSlices]:
        return super()._clip(self._mean(gradients) if self.group.size > 1 else gradients)

    def _mean(self, gradients: list[tf.Tensor | tf.IndexedSlices]) -> list[tf.Tensor | tf.IndexedSlices]:
        """Average over the workers; of an embedding's rows keep all, concatenated."""

        def reduced(*values: tf.Tensor | tf.IndexedSlices) -> list[tf.Tensor | tf.IndexedSlices]:
            # The copies have a device, which determines where the result is.
            own = tf.nest.map_structure(tf.identity, list(values), expand_composites=True)
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, own)

        return self.strategy.run(reduced, args=tuple(gradients))

    def _collective(self, operation: Callable) -> Callable:
        """Compile ``operation(replica context, value)`` on all workers."""
        strategy = self.strategy

        @tf.function(reduce_retracing=True)
        def run(value: tf.Tensor) -> tf.Tensor:
            return strategy.run(
                lambda own: operation(tf.distribute.get_replica_context(), tf.identity(own)), args=(value,)
            )

        return lambda value: run(tf.convert_to_tensor(value))


@functools.cache
def _strategy(device: str) -> tf.distribute.Strategy:
    """Join the other workers, with one GPU for each; TensorFlow allows it once, and before it computes."""
    here = current_group()
    gpus = tf.config.list_physical_devices("GPU")
    if device == "gpu":
        here.require_gpu(len(gpus))
    tf.config.set_visible_devices(gpus[here.local_rank : here.local_rank + 1] if device == "gpu" else [], "GPU")
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        _cluster(here),
        task_type="worker",
        task_id=here.rank,
        rpc_layer="grpc",
        num_accelerators={"GPU": int(device == "gpu")},
    )
    return tf.distribute.MultiWorkerMirroredStrategy(resolver)


def _cluster(here: ProcessGroup) -> tf.train.ClusterSpec:
    """Return the addresses of all workers."""
    resolvers = tf.distribute.cluster_resolver
    if "TF_CONFIG" in os.environ:
        cluster = resolvers.TFConfigClusterResolver().cluster_spec()
    elif "SLURM_STEP_NODELIST" in os.environ:
        cluster = resolvers.SlurmClusterResolver(auto_set_gpu=False).cluster_spec()
    else:
        raise UsageError("environment: expected TF_CONFIG, with the addresses of all workers, or Slurm's srun")
    found = len(cluster.as_dict().get("worker", []))
    if found != here.size:
        raise UsageError(f"environment: expected the addresses of {here.size} workers, found {found}")
    return cluster
