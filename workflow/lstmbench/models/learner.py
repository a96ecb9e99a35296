"""Define the contract between the training loop and a framework.

The loop owns epochs, schedule, timing and logging; a learner owns tensors, gradients and the
device.  NumPy arrays go in, an opaque recurrent state goes through, floats come out.

Data reach a learner once: ``place`` moves a split into device memory as *examples* stacked along
the first axis.  After that a batch is only a row of example numbers, and work is handed over in
blocks of consecutive batches, so that nothing forces the host to wait for the device at each step:

    examples   inputs[0] inputs[1] inputs[2] ...        placed once, in device memory
    block      [[7, 2, 9],                              int32[blocks' steps, batch]
                [4, 0, 5]]                              step 0 trains on examples 7, 2, 9

A language model reads its windows in order, a classifier in a shuffled one; a learner cannot tell
the difference.

Every module in ``implementations/`` offers, by these names, the functions ``configure``,
``has_gpu`` and ``versions`` and a class ``Learner``, which derives from the one below:

    configure(threads: int) -> None         limit the framework to this many CPU threads; call once, first
    has_gpu() -> bool                       can the framework use a GPU on this machine
    versions() -> dict[str, str]            the libraries a result depends on
    Learner(spec, device, seed, dtype)      device "cpu" or "gpu"; seed of the dropout masks;
                                            dtype "float32", or one of the others below
    EXPECTED_KERNELS: dict[str, tuple[str, ...]]
                                            how it should run, in words, and the operations that prove it: each a
                                            regular expression for some place in the label of one (``probes.label``)
                                            that the framework executes in a training step.  The key is the device; if
                                            bfloat16 differs, "cpu-bfloat16"; after a space a learner's ``way``

dtype "float64" is for the parity tests.  "tf32" (on a GPU) and "bfloat16" (on a CPU too) change how matrix products are
computed: weights, loss, gradients and updates stay float32 (``device.PRECISIONS``).  The contract tests train in
bfloat16 on every CPU, where frameworks emulate what the processor lacks: the operands of every product of both passes
are rounded, sums may be float32, and results may be rounded or not.

An implementation sets ``DISTRIBUTED = True`` if several workers, one process each, can share a training run.  Every
worker calls the same methods in the same order with the same arguments, those of the whole batch, and gets the same
results.  A learner trains on its own rows of a batch, and returns the state of all (``worker.Worker``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

State = object
"""The recurrent state, in whatever form the learner keeps it: per layer hidden and cell[batch, hidden]."""

Handle = object
"""A placed split, in whatever form the learner keeps it."""

_Method = TypeVar("_Method", bound=Callable[..., object])


def override(method: _Method) -> _Method:
    """Mark a method that does what the base class says, so that it needs no docstring of its own.

    Python 3.12 has this as ``typing.override``.
    """
    method.__dict__["__override__"] = True
    return method


@dataclass(frozen=True)
class ModelSpec:
    """Everything a learner must know to build the model and its update; no schedule, no data.

    The model: ``[embedding] -> dropout -> (LSTM -> dropout) * num_layers -> linear -> softmax``.
    """

    num_layers: int
    hidden_size: int
    output_size: int  # classes, or words of the vocabulary
    input_size: int  # features per time step; of the embedding if there is one
    embedding: bool  # inputs are ids, looked up in embedding[output_size, input_size]
    every_step: bool  # predict at every time step (language model) or only after the last (classifier)
    stateful: bool  # carry the recurrent state from batch to batch, else start each batch from zero
    input_dropout: bool  # dropout before the first LSTM layer too
    keep_prob: float  # of the dropout masks; 1.0: no dropout.  Kept values are divided by it
    optimizer: str  # "sgd" or "adam" (beta 0.9 and 0.999, epsilon 1e-8 in TensorFlow's "epsilon hat" form)
    max_grad_norm: float | None  # clip by the exact global norm over all variables
    loss_scale: float  # objective = loss_scale * mean cross-entropy over the batch's predictions, in nats


@dataclass(frozen=True)
class Examples:
    """Hold a split as examples along the first axis.

    inputs   int32[examples, steps] word ids, or float32[examples, steps, features]
    targets  int32[examples, steps] next words, or int32[examples] class labels
    """

    inputs: np.ndarray
    targets: np.ndarray


class Learner(ABC):
    """The contract of one model with its optimiser and its device.

    An implementation defines the abstract methods.  The others are right for a framework that returns finished results
    and trains in one process on a CPU.
    """

    way: str = ""
    """Which way this learner takes, if the sizes of the model or the processor decide it (``EXPECTED_KERNELS``)."""

    gpu: str | None = None
    """Name of the GPU that it computes on, with its back end, unless the driver of NVIDIA names it."""

    def __init__(self, spec: ModelSpec, device: str, seed: int, dtype: str) -> None:
        self.spec = spec

    @abstractmethod
    def load_weights(self, weights: dict[str, np.ndarray]) -> None:
        """Set the weights to these canonical ones (names and shapes: ``weights.shapes``)."""

    @abstractmethod
    def weights(self) -> dict[str, np.ndarray]:
        """Return the current weights under canonical names and shapes."""

    @abstractmethod
    def place(self, examples: Examples) -> Handle:
        """Move a split into device memory."""

    @abstractmethod
    def initial_state(self, batch_size: int) -> State:
        """Return the zero state."""

    @abstractmethod
    def load_state(self, arrays: list[tuple[np.ndarray, np.ndarray]]) -> State:
        """Return the state from what ``state_arrays`` returned."""

    @abstractmethod
    def state_arrays(self, state: State) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the state as (hidden[batch, hidden_size], cell[batch, hidden_size]) per layer."""

    @abstractmethod
    def train_block(
        self, data: Handle, batches: np.ndarray, state: State, learning_rate: float
    ) -> tuple[np.ndarray, State]:
        """Train on ``batches`` (int32[steps, batch]) in order.

        Returns the mean cross-entropy per prediction of each step before its update, in nats
        (float[steps]), and the state after the last batch.
        """

    @abstractmethod
    def eval_block(self, data: Handle, batches: np.ndarray, state: State) -> tuple[np.ndarray, np.ndarray, State]:
        """Evaluate without dropout or update.

        Returns per step the *sum* of cross-entropies over the batch's predictions, in nats
        (float[steps]), the number of correct predictions (int[steps]), and the state.
        """

    def synchronize(self) -> None:
        """Wait until the device has done all work given to it."""
        return  # nothing is pending

    def broadcast(self, value: float) -> float:
        """Return rank 0's ``value`` on all workers, so that all decide alike what each would decide by its own clock.

        Raises:
            WorkerError: another worker is lost.
        """
        return value

    @abstractmethod
    def training_state(self) -> dict[str, np.ndarray]:
        """Return everything besides the weights that training depends on: optimiser slots and dropout generator."""

    @abstractmethod
    def load_training_state(self, state: dict[str, np.ndarray]) -> None:
        """Resume from a ``training_state``."""

    def peak_device_bytes(self) -> int | None:
        """Return the peak device memory in bytes, or None on the CPU, where the peak memory of the process counts."""
        return None
