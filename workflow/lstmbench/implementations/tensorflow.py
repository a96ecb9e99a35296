"""Implement the LSTM in TensorFlow: ``keras.layers.LSTM`` in a ``tf.function`` that runs a whole block.

TensorFlow differs from the other frameworks: an embedding's gradient is ``tf.IndexedSlices`` with a row per occurrence.
Rows of the same word must be summed before the gradient's norm is computed.
"""

from __future__ import annotations

import os
from collections.abc import Callable

# Set before the import, which otherwise writes start-up notes to stderr.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

from lstmbench.models import learner
from lstmbench.models.learner import Examples, ModelSpec, override
from lstmbench.utils.errors import MachineError

State = tuple[tuple[tf.Tensor, tf.Tensor], ...]
"""Per layer hidden and cell state, both [batch, hidden]."""


# Where a processor has AVX-512, TensorFlow multiplies by oneDNN unless told otherwise, and calls it _MklMatMul.
# The gates show whether XLA, if enabled by the environment, compiled what is within the loop.
EXPECTED_KERNELS = {
    "cpu": (
        "loop over time",
        r"recurrent/forward LoopCond",
        r"recurrent/forward \w*MatMul",
        r"recurrent/forward \w*Sigmoid",
        r"recurrent/backward LoopCond",
    ),
    "cpu-bfloat16": (
        "loop over time in bfloat16",
        r"recurrent/forward LoopCond",
        r"recurrent/forward \w*MatMul bfloat16",
        r"recurrent/backward LoopCond",
        r"recurrent/backward \w*MatMul bfloat16",
        r"output/backward \w*MatMul bfloat16",
    ),
    "gpu": ("cuDNN LSTM", "CudnnRNN"),
}


def configure(threads: int) -> None:
    """Limit TensorFlow to ``threads`` CPU threads."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def has_gpu() -> bool:
    """Return whether TensorFlow can use a GPU on this machine."""
    return bool(tf.config.list_physical_devices("GPU"))


def versions() -> dict[str, str]:
    """Return the versions of the libraries that a result depends on."""
    result = {"tensorflow": tf.__version__, "keras": keras.__version__}
    build = tf.sysconfig.get_build_info()
    if build.get("is_cuda_build"):
        result |= {"cuda": str(build["cuda_version"]), "cudnn": str(build["cudnn_version"])}
    return result


class Model(keras.Model):
    """[embedding] -> dropout -> (LSTM -> dropout) * layers -> linear."""

    DROPOUT = keras.layers.Dropout

    def __init__(self, spec: ModelSpec, seed: int, dtype: str, in_bfloat16: bool) -> None:
        super().__init__(dtype=dtype)
        self.spec = spec
        multiplies = "mixed_bfloat16" if in_bfloat16 else dtype
        last = spec.num_layers - 1
        self.embedding = (
            keras.layers.Embedding(spec.output_size, spec.input_size, dtype=dtype) if spec.embedding else None
        )
        self.cells = [
            keras.layers.LSTM(
                spec.hidden_size,
                return_sequences=spec.every_step or layer < last,
                return_state=True,
                unit_forget_bias=False,
                dtype=multiplies,
            )
            for layer in range(spec.num_layers)
        ]
        # One mask before the first layer, one after each.
        self.dropouts = [
            self.DROPOUT(1.0 - spec.keep_prob, seed=seed * 1000 + place, dtype=dtype)
            for place in range(spec.num_layers + 1)
        ]
        self.dense = keras.layers.Dense(spec.output_size, dtype=multiplies)

    def call(self, inputs: tf.Tensor, state: State, training: bool) -> tuple[tf.Tensor, State]:
        """Return logits [predictions, output_size] and the new state, from a batch's inputs."""
        outputs = self.embedding(inputs) if self.embedding is not None else inputs
        if self.spec.input_dropout:
            outputs = self.dropouts[0](outputs, training=training)
        new_state = []
        for cell, dropout, before in zip(self.cells, self.dropouts[1:], state, strict=True):
            outputs, hidden, memory = cell(outputs, initial_state=list(before))
            outputs = dropout(outputs, training=training)
            new_state.append(tuple(tf.cast(part, self.compute_dtype) for part in (hidden, memory)))
        logits = tf.cast(self.dense(outputs), self.compute_dtype)
        return tf.reshape(logits, [-1, self.spec.output_size]), tuple(new_state)


class Learner(learner.Learner):
    """Train by Keras layers, a gradient tape and a Keras optimiser."""

    MODEL = Model

    def __init__(self, spec: ModelSpec, device: str, seed: int, dtype: str) -> None:
        if device == "gpu" and not has_gpu():
            raise MachineError("device gpu was asked for, but TensorFlow finds no usable CUDA device on this machine")
        super().__init__(spec, device, seed, dtype)
        self.device = "/GPU:0" if device == "gpu" else "/CPU:0"
        # This setting applies to the whole process, and is on by default.
        tf.config.experimental.enable_tensor_float_32_execution(dtype == "tf32")
        self.in_bfloat16 = dtype == "bfloat16"
        self.dtype = tf.float64 if dtype == "float64" else tf.float32
        with tf.device(self.device):
            self.learning_rate = tf.Variable(0.0, trainable=False, dtype=self.dtype)
            self._build(seed)
        self._train, self._eval = self._function(self._train_block), self._function(self._eval_block)

    @override
    def load_weights(self, weights: dict[str, np.ndarray]) -> None:
        for name, variable in self._canonical().items():
            variable.assign(weights[name])

    @override
    def weights(self) -> dict[str, np.ndarray]:
        return {name: np.array(variable) for name, variable in self._canonical().items()}

    @override
    def place(self, examples: Examples) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.device(self.device):
            inputs = tf.identity(tf.convert_to_tensor(examples.inputs))
            if inputs.dtype.is_floating:
                inputs = tf.cast(inputs, self.dtype)
            return inputs, tf.identity(tf.convert_to_tensor(examples.targets.astype(np.int32)))

    @override
    def initial_state(self, batch_size: int) -> State:
        zero = tf.zeros([batch_size, self.spec.hidden_size], self.dtype)
        return ((zero, zero),) * self.spec.num_layers

    @override
    def load_state(self, arrays: list[tuple[np.ndarray, np.ndarray]]) -> State:
        with tf.device(self.device):
            return tuple(tuple(tf.identity(tf.cast(part, self.dtype)) for part in layer) for layer in arrays)

    @override
    def state_arrays(self, state: State) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(hidden.numpy(), cell.numpy()) for hidden, cell in state]

    @override
    def train_block(
        self, data: tuple[tf.Tensor, tf.Tensor], batches: np.ndarray, state: State, learning_rate: float
    ) -> tuple[np.ndarray, State]:
        self.learning_rate.assign(learning_rate)
        with tf.device(self.device):
            losses, state = self._train(*data, tf.constant(batches, tf.int32), state)
        return losses.numpy(), state

    @override
    def eval_block(
        self, data: tuple[tf.Tensor, tf.Tensor], batches: np.ndarray, state: State
    ) -> tuple[np.ndarray, np.ndarray, State]:
        with tf.device(self.device):
            losses, correct, state = self._eval(*data, tf.constant(batches, tf.int32), state)
        return losses.numpy(), correct.numpy(), state

    @override
    def training_state(self) -> dict[str, np.ndarray]:
        return {name: np.array(variable) for name, variable in self._slots().items()}

    @override
    def load_training_state(self, state: dict[str, np.ndarray]) -> None:
        for name, variable in self._slots().items():
            variable.assign(state[name])

    @override
    def peak_device_bytes(self) -> int | None:
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] if "GPU" in self.device else None

    def _build(self, seed: int) -> None:
        """Create the variables of the model, its optimiser and its dropout."""
        spec = self.spec
        self.model = self.MODEL(spec, seed, self.dtype.name, self.in_bfloat16)
        self.optimizer = _optimizer(spec.optimizer, self.learning_rate)
        kind = tf.int32 if spec.embedding else self.dtype
        shape = (1, 1) if spec.embedding else (1, 1, spec.input_size)
        self.model(tf.zeros(shape, kind), self.initial_state(1), training=False)
        self.optimizer.build(self.model.trainable_variables)

    @staticmethod
    def _function(block: Callable) -> Callable:
        """Compile ``block``; retrace when the batch shape changes, not when the number of batches does."""
        graphs: dict[tuple, Callable] = {}

        def graph(inputs: tf.Tensor, targets: tf.Tensor, batches: tf.Tensor, state: State) -> tuple:
            many = [tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype) for tensor in (inputs, targets, batches)]
            key = tuple(tuple(spec.shape) for spec in many)
            if key not in graphs:
                signature = [*many, tf.nest.map_structure(tf.TensorSpec.from_tensor, state)]
                graphs[key] = tf.function(block, input_signature=signature)
            return graphs[key](inputs, targets, batches, state)

        return graph

    def _canonical(self) -> dict[str, keras.Variable]:
        """Return the variables by canonical name."""
        result = {"embedding": self.model.embedding.embeddings} if self.spec.embedding else {}
        for layer, lstm in enumerate(self.model.cells):
            result[f"lstm.{layer}.kernel"] = lstm.cell.kernel
            result[f"lstm.{layer}.recurrent"] = lstm.cell.recurrent_kernel
            result[f"lstm.{layer}.bias"] = lstm.cell.bias
        return {**result, "output.kernel": self.model.dense.kernel, "output.bias": self.model.dense.bias}

    def _slots(self) -> dict[str, keras.Variable]:
        """Return the optimiser's variables and the dropout layers' generators, by number."""
        generators = [dropout.seed_generator.state for dropout in self.model.dropouts if dropout.rate > 0]
        variables = [*self.optimizer.variables, *generators]
        return {f"{number}": variable for number, variable in enumerate(variables)}

    def _train_block(
        self, inputs: tf.Tensor, targets: tf.Tensor, batches: tf.Tensor, state: State
    ) -> tuple[tf.Tensor, State]:
        steps = tf.shape(batches)[0]
        losses = tf.TensorArray(self.dtype, size=steps)
        for step in tf.range(steps):
            rows = batches[step]
            before = state if self.spec.stateful else self._zero_like(state)
            loss, state = self._train_step(tf.gather(inputs, rows), tf.gather(targets, rows), before)
            losses = losses.write(step, loss)
        return losses.stack(), state

    def _eval_block(
        self, inputs: tf.Tensor, targets: tf.Tensor, batches: tf.Tensor, state: State
    ) -> tuple[tf.Tensor, tf.Tensor, State]:
        steps = tf.shape(batches)[0]
        losses = tf.TensorArray(self.dtype, size=steps)
        correct = tf.TensorArray(tf.int32, size=steps)
        for step in tf.range(steps):
            rows = batches[step]
            before = state if self.spec.stateful else self._zero_like(state)
            cross_entropy, hits, state = self._eval_step(tf.gather(inputs, rows), tf.gather(targets, rows), before)
            losses = losses.write(step, tf.reduce_sum(cross_entropy))
            correct = correct.write(step, tf.math.count_nonzero(hits, dtype=tf.int32))
        return losses.stack(), correct.stack(), state

    def _train_step(self, inputs: tf.Tensor, targets: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Update the weights by one batch; return its mean cross-entropy before the update, and the new state."""
        labels, variables = tf.reshape(targets, [-1]), self.model.trainable_variables
        with tf.GradientTape() as tape:
            logits, state = self.model(inputs, state, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
            objective = self.spec.loss_scale * loss
        gradients = tape.gradient(objective, [variable.value for variable in variables])
        self.optimizer.apply(self._clip(gradients), variables)
        return loss, state

    def _eval_step(self, inputs: tf.Tensor, targets: tf.Tensor, state: State) -> tuple[tf.Tensor, tf.Tensor, State]:
        """Return the cross-entropy of each prediction of a batch, whether it is correct, and the new state."""
        labels = tf.reshape(targets, [-1])
        logits, state = self.model(inputs, state, training=False)
        cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return cross_entropy, tf.equal(tf.argmax(logits, -1, tf.int32), labels), state

    @staticmethod
    def _zero_like(state: State) -> State:
        return tuple((tf.zeros_like(hidden), tf.zeros_like(cell)) for hidden, cell in state)

    def _clip(self, gradients: list[tf.Tensor | tf.IndexedSlices]) -> list[tf.Tensor | tf.IndexedSlices]:
        """Scale all gradients by the factor of gradient clipping.

        ``tf.clip_by_global_norm`` takes the norm of an embedding's rows without summing them per word: 3.46 where the
        gradient's norm is 6.93.
        """
        if self.spec.max_grad_norm is None:
            return gradients
        with tf.name_scope("clip"):
            gradients = [_merge_rows(gradient) for gradient in gradients]
            scale = self._clip_factor(gradients)
            return [
                tf.IndexedSlices(gradient.values * scale, gradient.indices, gradient.dense_shape)
                if isinstance(gradient, tf.IndexedSlices)
                else gradient * scale
                for gradient in gradients
            ]

    def _clip_factor(self, gradients: list[tf.Tensor | tf.IndexedSlices]) -> tf.Tensor:
        """Return max_grad_norm / max(global norm, max_grad_norm), of gradients whose rows are merged."""
        limit = self.spec.max_grad_norm
        values = [gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient for gradient in gradients]
        # float32 only within a row, float64 over the rows, as in the other implementations.
        squares = [tf.reduce_sum(tf.cast(tf.reduce_sum(value * value, axis=-1), tf.float64)) for value in values]
        return tf.cast(limit / tf.maximum(tf.sqrt(tf.add_n(squares)), limit), self.dtype)


def _optimizer(name: str, learning_rate: tf.Variable) -> keras.optimizers.Optimizer:
    # Keras would hold the learning rate and round Adam's betas in float32, whatever the variables are.
    number = learning_rate.dtype.as_numpy_dtype
    if name == "adam":
        return keras.optimizers.Adam(learning_rate.value, beta_1=number(0.9), beta_2=number(0.999), epsilon=1e-8)
    return keras.optimizers.SGD(learning_rate.value)


def _merge_rows(gradient: tf.Tensor | tf.IndexedSlices) -> tf.Tensor | tf.IndexedSlices:
    """Sum the rows of a sparse gradient that belong to the same variable row."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    indices, places = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(indices))
    return tf.IndexedSlices(values, indices, gradient.dense_shape)
