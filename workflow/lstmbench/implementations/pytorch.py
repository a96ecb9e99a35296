"""Implement the LSTM in PyTorch: ``torch.nn.LSTM`` and ``torch.optim``, with a Python loop over the steps of a block.

PyTorch differs from the other frameworks in two ways.  It has two biases per layer, of which one stays frozen at zero,
and it holds its matrices transposed.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.profiler import record_function

from lstmbench.implementations import _pytorch_accelerator as accelerator
from lstmbench.models import learner
from lstmbench.models.learner import Examples, ModelSpec, override

State = tuple[Tensor, Tensor]
"""Hidden and cell state, both [layers, batch, hidden]."""


BY_ONEDNN = ("oneDNN LSTM", r"recurrent/forward .*mkldnn_rnn_layer$", r"recurrent/backward .*mkldnn_rnn_layer_backward")
STEP_BY_STEP = ("PyTorch's own LSTM, step by step", "recurrent/forward aten::sigmoid_", "recurrent/forward aten::tanh")
"""Without oneDNN, as in the builds for macOS."""

EXPECTED_KERNELS = {
    "cpu": BY_ONEDNN if torch.backends.mkldnn.is_available() else STEP_BY_STEP,
    "cpu-bfloat16": (
        "oneDNN LSTM in bfloat16",
        r"recurrent/forward .*mkldnn_rnn_layer bfloat16",
        r"recurrent/backward .*mkldnn_rnn_layer_backward bfloat16",
        r"output/forward .*mm bfloat16",
        r"output/backward .*mm bfloat16",
    ),
    "gpu": ("cuDNN LSTM", "_cudnn_rnn"),
    "gpu rocm": ("MIOpen LSTM", "miopen_rnn"),
    "gpu mps": ("LSTM of Metal", "_lstm_mps"),
}


def configure(threads: int) -> None:
    """Limit PyTorch to ``threads`` CPU threads."""
    torch.set_num_threads(threads)


def has_gpu() -> bool:
    """Return whether PyTorch can use a GPU on this machine."""
    return accelerator.back_end() in accelerator.BACK_ENDS


def versions() -> dict[str, str]:
    """Return the versions of the libraries that a result depends on."""
    result = {"torch": torch.__version__}
    if torch.version.cuda:
        result |= {"cuda": torch.version.cuda, "cudnn": str(torch.backends.cudnn.version())}
    return result | accelerator.versions()


class Model(nn.Module):
    """[embedding] -> dropout -> (LSTM -> dropout) * layers -> linear."""

    def __init__(self, spec: ModelSpec, in_bfloat16: bool) -> None:
        super().__init__()
        self.every_step = spec.every_step
        self.in_bfloat16 = in_bfloat16
        drop = 1.0 - spec.keep_prob
        self.embedding = nn.Embedding(spec.output_size, spec.input_size) if spec.embedding else nn.Identity()
        self.input_dropout = nn.Dropout(drop) if spec.input_dropout else nn.Identity()
        # nn.LSTM drops the output of every layer but the last.
        between = drop if spec.num_layers > 1 else 0.0
        self.lstm = nn.LSTM(spec.input_size, spec.hidden_size, spec.num_layers, batch_first=True, dropout=between)
        self.output_dropout = nn.Dropout(drop)
        self.output = nn.Linear(spec.hidden_size, spec.output_size)
        for layer in range(spec.num_layers):
            getattr(self.lstm, f"bias_hh_l{layer}").requires_grad_(False).zero_()

    @staticmethod
    def set_precision(dtype: str) -> None:
        """Compute float32 products of this process in TF32 if ``dtype`` is tf32, otherwise in full precision.

        Each library needs its own setting: cuDNN's LSTM uses TF32 unless told otherwise, and in PyTorch 2.11 the first
        line does not affect it (https://github.com/pytorch/pytorch/issues/179445).
        """
        precision = "tf32" if dtype == "tf32" else "ieee"
        torch.backends.fp32_precision = precision
        torch.backends.cuda.matmul.fp32_precision = precision
        torch.backends.cudnn.conv.fp32_precision = precision
        torch.backends.cudnn.rnn.fp32_precision = precision

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Return logits [predictions, output_size] and the new state, from a batch's inputs."""
        hidden, state = self.hidden(self.embedding(inputs), state)
        return self.logits(hidden), state

    def hidden(self, features: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the output layer's input [predictions, hidden] and new state, from features [batch, steps, size]."""
        outputs, state = self._recurrent(self.input_dropout(features), state)
        if not self.every_step:
            outputs = outputs[:, -1]
        return self.output_dropout(outputs).flatten(0, -2), state

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the logits [predictions, output_size] of what ``hidden`` returned."""
        if not self.in_bfloat16:
            return self.output(hidden)
        low, weight, bias = (values.bfloat16() for values in (hidden, self.output.weight, self.output.bias))
        return nn.functional.linear(low, weight, bias).to(hidden.dtype)

    def draws_masks_between_layers(self, features: Tensor) -> bool:
        """Return whether dropout between layers is drawn here, because a resumed run could not reproduce it otherwise.

        cuDNN draws it from its own generator, whose state PyTorch can neither read nor set.
        """
        return features.device.type != "cpu"

    def dropped_between_layers(self, values: Tensor) -> Tensor:
        """Apply dropout to values[steps, batch, hidden] between two layers."""
        return nn.functional.dropout(values, self.lstm.dropout)

    def _recurrent(self, features: Tensor, state: State) -> tuple[Tensor, State]:
        lstm = self.lstm
        if self.training and lstm.dropout > 0 and self.draws_masks_between_layers(features):
            return self._by_layer(features, state)
        if not self.in_bfloat16:
            return lstm(features, state)
        # Without autocast, with which cuDNN's LSTM would compute in float16 whatever the requested type.
        weights = [weight.bfloat16() for layer in lstm.all_weights for weight in layer]
        before = tuple(part.bfloat16() for part in state)
        # With biases; in one direction; batch before time.
        outputs, hidden, cell = torch.lstm(
            features.bfloat16(), before, weights, True, lstm.num_layers, lstm.dropout, self.training, False, True
        )
        kind = features.dtype
        return outputs.to(kind), (hidden.to(kind), cell.to(kind))

    def _by_layer(self, features: Tensor, state: State) -> tuple[Tensor, State]:
        """Run one layer after the other in training, time before batch, as ``nn.LSTM`` draws masks on a CPU."""
        kind = torch.bfloat16 if self.in_bfloat16 else features.dtype
        values = features.to(kind).transpose(0, 1)
        after = []
        for layer, weights in enumerate(self.lstm.all_weights):
            if layer > 0:
                values = self.dropped_between_layers(values)
            before = [part[layer : layer + 1].to(kind) for part in state]
            # With biases, one layer, no dropout behind it, in training, in one direction, time before batch.
            low = [weight.to(kind) for weight in weights]
            values, *last = torch.lstm(values, before, low, True, 1, 0.0, True, False, False)
            after.append(last)
        hidden, cell = (torch.cat(parts).to(features.dtype) for parts in zip(*after, strict=True))
        return values.transpose(0, 1).to(features.dtype), (hidden, cell)


class Learner(learner.Learner):
    """Train by ``torch.nn.LSTM``, autograd and ``torch.optim``."""

    MODEL = Model

    def __init__(self, spec: ModelSpec, device: str, seed: int, dtype: str) -> None:
        back_end = accelerator.require(dtype) if device == "gpu" else None
        super().__init__(spec, device, seed, dtype)
        self.device = torch.device("cpu" if back_end is None else accelerator.BACK_ENDS[back_end])
        self.gpu = None if back_end is None else accelerator.name(back_end)
        self.way = back_end if back_end not in (None, "cuda") else ""
        torch.manual_seed(seed)
        self.dtype = torch.float64 if dtype == "float64" else torch.float32
        self.MODEL.set_precision(dtype)
        self.model = self.MODEL(spec, dtype == "bfloat16").to(self.device, self.dtype)
        self.trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        optimizers = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
        self.optimizer = optimizers[spec.optimizer](self.trained, lr=0.0)
        self.updates = 0

    @override
    def load_weights(self, weights: dict[str, np.ndarray]) -> None:
        with torch.no_grad():
            for name, (parameter, transposed) in self._canonical().items():
                value = torch.from_numpy(weights[name].copy())
                parameter.copy_(value.T if transposed else value)

    @override
    def weights(self) -> dict[str, np.ndarray]:
        result = {}
        for name, (parameter, transposed) in self._canonical().items():
            value = parameter.detach().cpu().numpy()
            result[name] = (value.T if transposed else value).copy(order="C")
        return result

    @override
    def place(self, examples: Examples) -> tuple[Tensor, Tensor]:
        inputs = torch.tensor(examples.inputs, device=self.device)
        if inputs.is_floating_point():
            inputs = inputs.to(self.dtype)
        return inputs, torch.tensor(examples.targets, device=self.device, dtype=torch.int64)

    @override
    def initial_state(self, batch_size: int) -> State:
        shape = (self.spec.num_layers, batch_size, self.spec.hidden_size)
        zero = torch.zeros(shape, device=self.device, dtype=self.dtype)
        return zero, zero

    @override
    def load_state(self, arrays: list[tuple[np.ndarray, np.ndarray]]) -> State:
        hidden, cell = (
            torch.tensor(np.stack(part), device=self.device, dtype=self.dtype) for part in zip(*arrays, strict=True)
        )
        return hidden, cell

    @override
    def state_arrays(self, state: State) -> list[tuple[np.ndarray, np.ndarray]]:
        hidden, cell = (part.cpu().numpy() for part in state)
        return list(zip(hidden, cell, strict=True))

    @override
    def train_block(
        self, data: tuple[Tensor, Tensor], batches: np.ndarray, state: State, learning_rate: float
    ) -> tuple[np.ndarray, State]:
        self.model.train()
        inputs, targets = data
        losses = torch.empty(len(batches), device=self.device, dtype=self.dtype)
        for step, rows in enumerate(self._on_device(batches)):
            before = state if self.spec.stateful else self.initial_state(len(rows))
            losses[step], state = self._step(inputs[rows], targets[rows], before, learning_rate)
        return losses.cpu().numpy(), state

    @override
    @torch.no_grad()
    def eval_block(
        self, data: tuple[Tensor, Tensor], batches: np.ndarray, state: State
    ) -> tuple[np.ndarray, np.ndarray, State]:
        self.model.eval()
        inputs, targets = data
        losses = torch.empty(len(batches), device=self.device, dtype=self.dtype)
        correct = torch.empty(len(batches), device=self.device, dtype=torch.int64)
        for step, rows in enumerate(self._on_device(batches)):
            before = state if self.spec.stateful else self.initial_state(len(rows))
            logits, state = self.model(inputs[rows], before)
            labels = targets[rows].flatten()
            losses[step] = nn.functional.cross_entropy(logits, labels, reduction="sum")
            correct[step] = (logits.argmax(-1) == labels).sum()
        return losses.cpu().numpy(), correct.cpu().numpy(), state

    @override
    def synchronize(self) -> None:
        accelerator.synchronize(self.device)

    @override
    def training_state(self) -> dict[str, np.ndarray]:
        on_gpu = self.device.type != "cpu"
        generator = torch.get_device_module(self.device).get_rng_state() if on_gpu else torch.get_rng_state()
        result = {"generator": generator.numpy(), "updates": np.array(self.updates)}
        for number, slots in self.optimizer.state_dict()["state"].items():
            for name, value in slots.items():
                if torch.is_tensor(value):
                    result[f"optimizer.{number}.{name}"] = value.cpu().numpy().copy()
        return result

    @override
    def load_training_state(self, state: dict[str, np.ndarray]) -> None:
        generator = torch.tensor(state["generator"])
        if self.device.type != "cpu":
            torch.get_device_module(self.device).set_rng_state(generator)
        else:
            torch.set_rng_state(generator)
        self.updates = int(state["updates"])
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in state.items():
            if key.startswith("optimizer."):
                _, number, name = key.split(".")
                slots.setdefault(int(number), {})[name] = _laid_as(self.trained[int(number)], torch.tensor(value))
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": slots})

    @override
    def peak_device_bytes(self) -> int | None:
        return accelerator.peak_bytes(self.device)

    def _canonical(self) -> dict[str, tuple[nn.Parameter, bool]]:
        """Return the parameters by canonical name: (parameter, whether it is held transposed)."""
        lstm, output = self.model.lstm, self.model.output
        result = {"embedding": (self.model.embedding.weight, False)} if self.spec.embedding else {}
        for layer in range(self.spec.num_layers):
            result[f"lstm.{layer}.kernel"] = (getattr(lstm, f"weight_ih_l{layer}"), True)
            result[f"lstm.{layer}.recurrent"] = (getattr(lstm, f"weight_hh_l{layer}"), True)
            result[f"lstm.{layer}.bias"] = (getattr(lstm, f"bias_ih_l{layer}"), False)
        return {**result, "output.kernel": (output.weight, True), "output.bias": (output.bias, False)}

    def _step(self, inputs: Tensor, targets: Tensor, state: State, learning_rate: float) -> tuple[Tensor, State]:
        """Update the weights by one batch; return its mean cross-entropy before the update, and the new state."""
        logits, (hidden, cell) = self._forward(inputs, state)
        loss = nn.functional.cross_entropy(logits, targets.flatten())
        self.optimizer.zero_grad()
        (self.spec.loss_scale * loss).backward()
        self._clip()
        self._update(learning_rate)
        return loss.detach(), (hidden.detach(), cell.detach())

    def _forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Run the model in a training step."""
        return self.model(inputs, state)

    def _on_device(self, batches: np.ndarray) -> Tensor:
        return torch.tensor(batches, device=self.device, dtype=torch.int64)

    def _clip(self) -> None:
        """Scale all gradients by the factor of gradient clipping."""
        gradients = [parameter.grad for parameter in self.trained]
        if self.spec.max_grad_norm is not None:
            with record_function("clip"):
                torch._foreach_mul_(gradients, self._clip_factor(gradients))

    def _clip_factor(self, gradients: list[Tensor]) -> Tensor:
        """Return max_grad_norm / max(global norm, max_grad_norm), on the device, so that the host does not wait for it.

        ``clip_grad_norm_`` sums squares in float32, with errors up to 5e-4 on millions of elements.  This function sums
        in float32 only within a row, and in float64 over the rows.
        """
        limit = self.spec.max_grad_norm
        rows = torch.cat([torch.linalg.vector_norm(_by_rows(gradient), dim=-1).flatten() for gradient in gradients])
        if self.device.type == "mps":  # which has no float64
            rows = rows.cpu()
        return (limit / torch.linalg.vector_norm(rows.double()).clamp(min=limit)).to(self.device, self.dtype)

    def _update(self, learning_rate: float) -> None:
        self.updates += 1
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
            if self.spec.optimizer == "adam":
                # PyTorch adds epsilon after the bias correction, TensorFlow before it ("epsilon hat").
                group["eps"] = 1e-8 / (1.0 - group["betas"][1] ** self.updates) ** 0.5
        self.optimizer.step()


def _by_rows(matrix: Tensor) -> Tensor:
    """Return a matrix or its transpose, whichever has its rows in one piece of memory.

    A norm across the order of the memory takes 7 to 22 times as long (10,000 rows of 200 to 1500 values, CPU).
    """
    return matrix.t() if matrix.dim() == 2 and matrix.stride(0) == 1 else matrix


def _laid_as(parameter: Tensor, value: Tensor) -> Tensor:
    """Return ``value`` in the memory layout of ``parameter``: the fused Adam pairs them by place, not by index."""
    return torch.empty_like(parameter, device="cpu").copy_(value) if value.shape == parameter.shape else value
