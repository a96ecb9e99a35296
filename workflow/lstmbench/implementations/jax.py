"""Implement the LSTM in JAX: ``jax.lax.scan`` over time, ``jax.value_and_grad``, and one compiled loop over a block.

JAX differs from the other frameworks in three ways.  What XLA compiles are pure functions: weights, optimiser slots and
the number of updates go in and come out, and the old ones are donated, so that XLA may reuse their memory.  A shape is
compiled once: the example numbers of a block are padded to a power of two, and the loop gets their true number, so
that blocks of any length share one program and therefore their bits.  Dropout has no hidden state: a mask is a function
of the seed, the number of updates and its place.
"""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass
from typing import Any

# Set before JAX starts: it would otherwise take most of a GPU's memory at once.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import jax.numpy as jnp
import jaxlib
import numpy as np
from jax import Array, lax

from lstmbench.models import learner
from lstmbench.models.learner import Examples, ModelSpec, override
from lstmbench.models.weights import shapes
from lstmbench.utils.errors import MachineError, UsageError

# For float64, and for the norm of the gradients.  Every array below states its type.
jax.config.update("jax_enable_x64", True)

State = tuple[tuple[Array, Array], ...]
"""Per layer hidden and cell state, both [batch, hidden]."""

Weights = dict[str, Array]
"""Weights or gradients by canonical name."""

Training = dict[str, Any]
"""What an update changes: ``weights``; ``moments``, none or Adam's two; ``updates``, their number; and ``seed``."""

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8

_LOOPS = ("recurrent/forward while", "recurrent/backward while")
_LOW = tuple(
    f"{place}dot_general (dot|dot_general|ynn_fusion) bfloat16"
    for place in (*(f"{loop}/" for loop in _LOOPS), "output/backward ")
)
EXPECTED_KERNELS = {
    **dict.fromkeys(("cpu", "gpu"), ("loop over time, compiled by XLA", *_LOOPS)),
    "cpu-bfloat16": ("loop over time in bfloat16, compiled by XLA", *_LOOPS, *_LOW),
}

_threads: list[int] = []
"""The CPU threads that XLA was started with."""


def configure(threads: int) -> None:
    """Start XLA with ``threads`` CPU threads, for the whole process.

    XLA takes their number from the variable NPROC as it starts.  It has no other setting: the flag
    xla_cpu_multi_thread_eigen, which is often recommended, changes nothing in jaxlib 0.10.

    Raises:
        UsageError: XLA was started with another number.
    """
    if _threads and _threads != [threads]:
        raise UsageError(f"{threads} threads: expected {_threads[0]}, with which XLA was started in this process")
    before = os.environ.get("NPROC")
    os.environ["NPROC"] = str(threads)
    jax.devices()
    _threads[:] = [threads]
    if before is None:
        del os.environ["NPROC"]
    else:
        os.environ["NPROC"] = before


def has_gpu() -> bool:
    """Return whether JAX can use a GPU on this machine."""
    return jax.default_backend() == "gpu"


def versions() -> dict[str, str]:
    """Return the versions of the libraries that a result depends on."""
    result = {"jax": jax.__version__, "jaxlib": jaxlib.__version__}
    # "cuda 12090" is CUDA 12.9.
    cuda = re.search(r"cuda (\d+)(\d\d)\d\b", jax.devices()[0].client.platform_version)
    return {**result, "cuda": f"{cuda[1]}.{int(cuda[2])}"} if cuda else result


@dataclass(frozen=True)
class Model:
    """[embedding] -> dropout -> (LSTM -> dropout) * layers -> linear, and its update, as pure functions.

    Learners of equal models share compiled code.
    """

    spec: ModelSpec
    precision: str  # of the matrix products: ``dtype`` of ``learner``

    @property
    def dtype(self) -> np.dtype:
        """Return the type of weights, states, losses and gradients."""
        return np.dtype("float64" if self.precision == "float64" else "float32")

    def product(self, left: Array, right: Array) -> Array:
        """Return left[n, k] @ right[k, m] in the precision of the matrix products, with the type of the weights."""
        return self.multiplied(left, right, self.precision)

    @staticmethod
    def multiplied(left: Array, right: Array, precision: str) -> Array:
        """Return left[n, k] @ right[k, m] in a precision of ``learner``."""
        if precision == "bfloat16":
            return _product_in_bfloat16(left, right)
        # On a GPU, XLA would otherwise choose TF32 for float32.
        wanted = lax.Precision.HIGH if precision == "tf32" else lax.Precision.HIGHEST
        return jnp.matmul(left, right, precision=wanted)

    @staticmethod
    def transposed_copy(matrix: Array) -> Array:
        """Return the transpose as a matrix of its own; XLA copies only if a flat array fixes the order of values."""
        return lax.optimization_barrier(matrix.T.reshape(-1)).reshape(matrix.shape[::-1])

    def zero_state(self, batch: int) -> State:
        """Return the state that a batch starts from, if none is carried over."""
        zero = jnp.zeros((batch, self.spec.hidden_size), self.dtype)
        return ((zero, zero),) * self.spec.num_layers

    def features(self, weights: Weights, inputs: Array) -> Array:
        """Return the first layer's input [batch, steps, input_size] before dropout, from a batch's inputs."""
        with jax.named_scope("embedding"):
            return weights["embedding"][inputs] if self.spec.embedding else inputs

    def forward(self, weights: Weights, features: Array, state: State, key: Array | None) -> tuple[Array, State]:
        """Return logits [predictions, output_size] and the new state, with dropout if there is a ``key``."""
        spec = self.spec
        x = self.dropped(features.swapaxes(0, 1), key if spec.input_dropout else None, place=0)
        new_state = []
        for layer, before in enumerate(state):
            with jax.named_scope("recurrent"):
                last, x = self.layer(weights, layer, x, before)
            new_state.append(last)
            if layer == spec.num_layers - 1 and not spec.every_step:
                x = x[-1:]
            x = self.dropped(x, key, place=layer + 1)
        with jax.named_scope("output"):
            read = x.swapaxes(0, 1).reshape(-1, spec.hidden_size)
            return self.product(read, weights["output.kernel"]) + weights["output.bias"], tuple(new_state)

    def layer(
        self, weights: Weights, layer: int, x: Array, state: tuple[Array, Array]
    ) -> tuple[tuple[Array, Array], Array]:
        """Return the last (h, c) of a layer, and its h[steps, batch, hidden], from x[steps, batch, inputs]."""
        kernel, recurrent, bias = (weights[f"lstm.{layer}.{part}"] for part in ("kernel", "recurrent", "bias"))

        def step(before: tuple[Array, Array], x_t: Array) -> tuple[tuple[Array, Array], Array]:
            hidden, cell = before
            z = self.product(x_t, kernel) + self.product(hidden, recurrent) + bias
            z_i, z_f, z_g, z_o = jnp.split(z, 4, axis=1)
            cell = jax.nn.sigmoid(z_f) * cell + jax.nn.sigmoid(z_i) * jnp.tanh(z_g)
            hidden = jax.nn.sigmoid(z_o) * jnp.tanh(cell)
            return (hidden, cell), hidden

        return lax.scan(step, state, x)

    def dropped(self, x: Array, key: Array | None, place: int) -> Array:
        """Divide each value by keep_prob with that probability, otherwise set it to 0; without a key return ``x``."""
        keep_prob = self.spec.keep_prob
        if key is None or keep_prob == 1.0:
            return x
        kept = jax.random.bernoulli(jax.random.fold_in(key, place), keep_prob, x.shape)
        return jnp.where(kept, x / keep_prob, 0)

    def step(
        self, training: Training, inputs: Array, targets: Array, state: State, learning_rate: Array
    ) -> tuple[Training, Array, State]:
        """Update by one batch; return what changed, the mean cross-entropy before the update, and the new state."""
        key = self.key(training)

        def objective(weights: Weights) -> tuple[Array, tuple[Array, State]]:
            return self.objective(weights, self.features(weights, inputs), targets, state, key)

        gradients, (loss, after) = jax.grad(objective, has_aux=True)(training["weights"])
        with jax.named_scope("clip"):
            gradients = self.clipped(gradients)
        with jax.named_scope("update"):
            return self.updated(training, gradients, learning_rate), loss, after

    def key(self, training: Training) -> Array:
        """Return what the next update's dropout masks are drawn from."""
        return jax.random.fold_in(jax.random.key(training["seed"]), training["updates"])

    def objective(
        self, weights: Weights, features: Array, targets: Array, state: State, key: Array
    ) -> tuple[Array, tuple[Array, State]]:
        """Return what an update makes smaller; and the mean cross-entropy with the new state."""
        logits, after = self.forward(weights, features, state, key)
        with jax.named_scope("output"):
            loss = _cross_entropy(logits, targets.reshape(-1)).mean()
            return self.spec.loss_scale * loss, (loss, after)

    def clipped(self, gradients: Weights) -> Weights:
        """Scale all gradients by one factor, so that their global norm is at most max_grad_norm."""
        if self.spec.max_grad_norm is None:
            return gradients
        scale = self.clip_factor(list(gradients.values()))
        return {name: gradient * scale for name, gradient in gradients.items()}

    def clip_factor(self, gradients: list[Array]) -> Array:
        """Return max_grad_norm / max(global norm, max_grad_norm)."""
        limit = self.spec.max_grad_norm
        # float32 only within a row, float64 over the rows, as in the other implementations.
        squares = [jnp.square(gradient).sum(-1).astype(jnp.float64).sum() for gradient in gradients]
        return (limit / jnp.maximum(jnp.sqrt(sum(squares)), limit)).astype(self.dtype)

    def updated(self, training: Training, gradients: Weights, learning_rate: Array) -> Training:
        """Return ``training`` after an update by SGD or Adam, by the formulas of ``reference``."""
        weights, updates = training["weights"], training["updates"] + 1
        if self.spec.optimizer == "sgd":
            new = {name: weights[name] - learning_rate * gradient for name, gradient in gradients.items()}
            return {**training, "weights": new, "updates": updates}
        first, second = training["moments"]
        first = {name: first[name] + (1 - BETA_1) * (gradients[name] - first[name]) for name in weights}
        second = {name: second[name] + (1 - BETA_2) * (gradients[name] ** 2 - second[name]) for name in weights}
        count = updates.astype(jnp.float64)
        rate = learning_rate * (jnp.sqrt(1 - BETA_2**count) / (1 - BETA_1**count)).astype(self.dtype)
        new = {name: weights[name] - rate * first[name] / (jnp.sqrt(second[name]) + EPSILON) for name in weights}
        return {**training, "weights": new, "moments": (first, second), "updates": updates}


@jax.custom_vjp
def _product_in_bfloat16(left: Array, right: Array) -> Array:
    """Return left @ right of rounded operands, float32; JAX's own gradient would multiply by one that is not rounded.

    On a CPU XLA multiplies in bfloat16 if the result is float32 and no operand is transposed, otherwise in float32.
    """
    left, right = left.astype(jnp.bfloat16), right.astype(jnp.bfloat16)
    return jnp.matmul(left, right, preferred_element_type=jnp.float32)


def _product_forward(left: Array, right: Array) -> tuple[Array, tuple[Array, Array]]:
    return _product_in_bfloat16(left, right), (left, right)


def _product_backward(operands: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    left, right = (Model.transposed_copy(operand.astype(jnp.bfloat16)) for operand in operands)
    return _product_in_bfloat16(gradient, right), _product_in_bfloat16(left, gradient)


_product_in_bfloat16.defvjp(_product_forward, _product_backward)


def _cross_entropy(logits: Array, labels: Array) -> Array:
    """Return -log softmax(logits)[label] in nats, [n], from logits [n, classes]."""
    picked = jnp.take_along_axis(logits, labels[:, np.newaxis], axis=1)[:, 0]
    return jax.nn.logsumexp(logits, axis=1) - picked


@functools.partial(jax.jit, static_argnames="model", donate_argnames="training")
def _train_block(
    model: Model,
    training: Training,
    data: tuple[Array, Array],
    batches: Array,
    count: Array,
    state: State,
    learning_rate: Array,
) -> tuple[Training, Array, State]:
    """Train on the first ``count`` of ``batches``; return what changed, the losses of all, and the state."""
    inputs, targets = data

    def step(number: Array, before: tuple[Training, Array, State]) -> tuple[Training, Array, State]:
        training, losses, state = before
        rows = batches[number]
        state = state if model.spec.stateful else model.zero_state(len(rows))
        training, loss, state = model.step(training, inputs[rows], targets[rows], state, learning_rate)
        return training, losses.at[number].set(loss), state

    return lax.fori_loop(0, count, step, (training, jnp.zeros(len(batches), model.dtype), state))


@functools.partial(jax.jit, static_argnames="model")
def _eval_block(
    model: Model, weights: Weights, data: tuple[Array, Array], batches: Array, count: Array, state: State
) -> tuple[Array, Array, State]:
    """Evaluate the first ``count`` of ``batches``; return sums of losses, numbers of correct predictions, and state."""
    inputs, targets = data

    def step(number: Array, before: tuple[Array, Array, State]) -> tuple[Array, Array, State]:
        sums, correct, state = before
        rows = batches[number]
        state = state if model.spec.stateful else model.zero_state(len(rows))
        logits, state = model.forward(weights, model.features(weights, inputs[rows]), state, key=None)
        labels = targets[rows].reshape(-1)
        hits = (jnp.argmax(logits, axis=1) == labels).sum(dtype=jnp.int32)
        return sums.at[number].set(_cross_entropy(logits, labels).sum()), correct.at[number].set(hits), state

    nothing = jnp.zeros(len(batches), model.dtype), jnp.zeros(len(batches), jnp.int32)
    return lax.fori_loop(0, count, step, (*nothing, state))


class Learner(learner.Learner):
    """Train by pure functions that XLA compiled; hold what they return."""

    MODEL = Model

    def __init__(self, spec: ModelSpec, device: str, seed: int, dtype: str) -> None:
        if device == "gpu" and not has_gpu():
            raise MachineError("device gpu was asked for, but JAX finds no usable GPU on this machine")
        super().__init__(spec, device, seed, dtype)
        self.device = jax.devices(device)[0]
        self.model = self.MODEL(spec, dtype)
        self.training = self._on_device(
            {
                "weights": self._zeros(),
                "moments": (self._zeros(), self._zeros()) if spec.optimizer == "adam" else (),
                "updates": np.int64(0),
                "seed": np.int64(seed),
            }
        )

    @override
    def load_weights(self, weights: dict[str, np.ndarray]) -> None:
        self.training["weights"] = self._on_device(
            {name: weights[name].astype(self.model.dtype) for name in shapes(self.spec)}
        )

    @override
    def weights(self) -> dict[str, np.ndarray]:
        weights = self.training["weights"]  # which JAX sorts by name
        return {name: np.array(weights[name]) for name in shapes(self.spec)}

    @override
    def place(self, examples: Examples) -> tuple[Array, Array]:
        inputs = examples.inputs if self.spec.embedding else examples.inputs.astype(self.model.dtype)
        return self._on_device((inputs, examples.targets.astype(np.int32)))

    @override
    def initial_state(self, batch_size: int) -> State:
        return self._on_device(self.model.zero_state(batch_size))

    @override
    def load_state(self, arrays: list[tuple[np.ndarray, np.ndarray]]) -> State:
        return self._on_device(tuple(tuple(part.astype(self.model.dtype) for part in layer) for layer in arrays))

    @override
    def state_arrays(self, state: State) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(np.array(hidden), np.array(cell)) for hidden, cell in state]

    @override
    def train_block(
        self, data: tuple[Array, Array], batches: np.ndarray, state: State, learning_rate: float
    ) -> tuple[np.ndarray, State]:
        rate = self.model.dtype.type(learning_rate)
        self.training, losses, state = _train_block(
            self.model, self.training, data, *self._padded(batches), state, rate
        )
        return np.array(losses)[: len(batches)], state

    @override
    def eval_block(
        self, data: tuple[Array, Array], batches: np.ndarray, state: State
    ) -> tuple[np.ndarray, np.ndarray, State]:
        weights = self.training["weights"]
        sums, correct, state = _eval_block(self.model, weights, data, *self._padded(batches), state)
        return np.array(sums)[: len(batches)], np.array(correct)[: len(batches)], state

    @override
    def training_state(self) -> dict[str, np.ndarray]:
        return {name: np.array(value) for name, value in self._slots().items()}

    @override
    def load_training_state(self, state: dict[str, np.ndarray]) -> None:
        slots = self._on_device({name: state[name] for name in self._slots()})
        self.training |= {"seed": slots.pop("seed"), "updates": slots.pop("updates")}
        moments = [{name: slots[f"{kind}.{name}"] for name in self.training["weights"]} for kind in self._kinds()]
        self.training["moments"] = tuple(moments)

    @override
    def peak_device_bytes(self) -> int | None:
        return self.device.memory_stats()["peak_bytes_in_use"] if self.device.platform == "gpu" else None

    def _zeros(self) -> dict[str, np.ndarray]:
        return {name: np.zeros(shape, self.model.dtype) for name, shape in shapes(self.spec).items()}

    def _kinds(self) -> tuple[str, ...]:
        return ("first_moment", "second_moment")[: len(self.training["moments"])]

    def _slots(self) -> dict[str, Array]:
        """Return what besides the weights an update changes, and the seed, by name."""
        result = {"seed": self.training["seed"], "updates": self.training["updates"]}
        for kind, moment in zip(self._kinds(), self.training["moments"], strict=True):
            result |= {f"{kind}.{name}": value for name, value in moment.items()}
        return result

    def _padded(self, batches: np.ndarray) -> tuple[np.ndarray, np.int32]:
        """Return ``batches`` filled up to a power of two, and their true number."""
        count = len(batches)
        room = 1 << (count - 1).bit_length()
        return np.pad(batches.astype(np.int32), ((0, room - count), (0, 0))), np.int32(count)

    def _on_device(self, values: Any) -> Any:
        """Copy arrays to the device; on a CPU JAX shares memory with NumPy, even if told not to (may_alias)."""
        return jax.device_put(jax.tree.map(np.array, values), self.device)
