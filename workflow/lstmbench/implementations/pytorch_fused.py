"""Implement the LSTM in PyTorch without most of autograd's and the optimiser's passes over memory.

It keeps ``nn.LSTM`` and autograd of ``pytorch`` where they are near the machine's limit, and differs from it in these
points:

- Softmax, cross-entropy and their gradient share one matrix [n, output_size] (n predictions): logits z, then
  p = softmax(z) in place, then p - onehot in place.  The loss is max z - z[label] - log(max p), for max p is
  exp(0) / sum(exp(z - max z)).  Scale factors go into the small matrices beside it.
- The embedding's gradient has only the rows of the batch's words, summed per word.  Nothing as large as the embedding
  is filled with zeros, measured or updated.
- SGD applies the factor of gradient clipping in its update: one pass over gradients and weights instead of two.
- On a CPU the process keeps the memory that it frees.  If it returned the memory, each step would get new pages, which
  the system must zero one by one.
- On a CPU with AVX-512 that is not Intel's, oneDNN multiplies.  MKL, PyTorch's default, does not use AVX-512 there.  On
  Intel's CPUs MKL is the faster one.
- On a CPU, dropout compares uniform numbers with keep_prob, because PyTorch draws them four times as fast as Bernoulli
  numbers.
- On a CPU in bfloat16, wide layers run by ``_pytorch_bfloat16`` instead of oneDNN's LSTM.
"""

from __future__ import annotations

import contextlib
import ctypes

import torch
from torch import Tensor
from torch.profiler import record_function

from lstmbench.implementations import pytorch
from lstmbench.implementations._pytorch_bfloat16 import LOW, Layer
from lstmbench.implementations.pytorch import State, has_gpu, versions
from lstmbench.models.learner import ModelSpec
from lstmbench.system.processor import vendor

__all__ = ["EXPECTED_KERNELS", "Learner", "configure", "has_gpu", "versions"]

BY_HAND = "by hand"
EXPECTED_KERNELS = {
    **pytorch.EXPECTED_KERNELS,
    f"cpu-bfloat16 {BY_HAND}": (
        "loop over time in bfloat16 by oneDNN",
        r"recurrent/forward .*_linear_pointwise bfloat16",
        r"recurrent/backward .*_linear_pointwise bfloat16",
        r"output/forward .*mm bfloat16",
        r"output/backward .*mm bfloat16",
    ),
}

WIDE = 512
"""From this number of units on, the output layer's weights are stored by columns.  The product for their gradient then
takes 0.72 to 0.94 (650 units) and 0.75 to 0.80 (1500) of its time, but by MKL 1.3 times as long with 200 (10,000 words,
CPU).  In bfloat16 it would take 1.2 to 1.3 times as long."""

AVX512 = torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512"

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of glibc's ``mallopt`` (malloc.h)."""


def _faster_by_onednn(maker: str | None) -> bool:
    """Return whether oneDNN's products in float32 are faster than MKL's on this CPU, by the maker that it names."""
    return AVX512 and maker != "GenuineIntel"


BY_ONEDNN = _faster_by_onednn(vendor())


def configure(threads: int) -> None:
    """Limit PyTorch to ``threads`` CPU threads; with glibc, also let the process keep the memory that it frees."""
    pytorch.configure(threads)
    with contextlib.suppress(OSError, TypeError, AttributeError):  # another system, or another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_MAX, 0)  # take large blocks from the heap too
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)  # and do not return its end


class Learner(pytorch.Learner):
    """Train by passes that go over memory as seldom as possible."""

    def __init__(self, spec: ModelSpec, device: str, seed: int, dtype: str) -> None:
        super().__init__(spec, device, seed, dtype)
        if spec.optimizer == "adam":
            self.optimizer = torch.optim.Adam(self.trained, lr=0.0, fused=True)
        in_float32 = self.device.type == "cpu" and not self.model.in_bfloat16
        if in_float32 and (spec.hidden_size >= WIDE or BY_ONEDNN):
            weight = self.model.output.weight
            weight.data = weight.data.t().contiguous().t()
        in_low = self.device.type == "cpu" and self.model.in_bfloat16
        self.way = BY_HAND if in_low and AVX512 and spec.hidden_size >= WIDE else self.way
        self.recurrent = [weight for weight in self.model.lstm.parameters() if weight.requires_grad]
        self.dense = [*self.recurrent, *self.model.output.parameters()]

    @torch.no_grad()
    def _step(self, inputs: Tensor, targets: Tensor, state: State, learning_rate: float) -> tuple[Tensor, State]:
        labels = targets.view(-1, 1)
        features = self.model.embedding(inputs)
        if self.spec.embedding:
            features = features.detach().requires_grad_()  # autograd ends here, and the sparse gradient begins
        with torch.enable_grad():
            hidden, (last_hidden, last_cell) = self._hidden(features, state)
        with record_function("output/forward"):
            loss, d_logits = _cross_entropy(self._logits(hidden.detach()), labels)
        with record_function("output/backward"):
            d_hidden, d_output = _output_gradients(
                d_logits,
                hidden.detach(),
                self.model.output.weight,
                self.spec.loss_scale / len(labels),
                LOW if self.model.in_bfloat16 else self.dtype,
            )
        read = [features] if self.spec.embedding else []
        gradients = torch.autograd.grad([hidden], [*read, *self.recurrent], [d_hidden])
        words, rows = None, []
        if self.spec.embedding:
            with record_function("embedding/backward"):
                words, of_words = _summed_by_word(inputs, gradients[0])
                rows = [of_words]
        dense = [*gradients[len(read) :], *d_output]
        with record_function("clip"):
            scale = None if self.spec.max_grad_norm is None else self._clip_factor([*dense, *rows])
        with record_function("update"):
            self._descend(dense, words, rows, scale, learning_rate)
        return loss, (last_hidden.detach(), last_cell.detach())

    def _logits(self, hidden: Tensor) -> Tensor:
        output = self.model.output
        if _for_onednn(hidden) and not self.model.in_bfloat16:
            return _linear(hidden, output.weight, output.bias)
        return self.model.logits(hidden)

    def _hidden(self, features: Tensor, state: State) -> tuple[Tensor, State]:
        """Run as ``pytorch.Model.hidden`` in training; layer by layer on a CPU, so that dropout between is ours."""
        if self.device.type != "cpu":
            return self.model.hidden(features, state)  # cuDNN runs the layers as one
        values = features.transpose(0, 1)
        if self.spec.input_dropout:
            values = self._dropped(values)
        after = []
        for layer, (weights, hidden, cell) in enumerate(zip(self.model.lstm.all_weights, *state, strict=True)):
            if layer > 0:
                values = self._dropped(values)
            values, *last = self._layer(values, hidden.unsqueeze(0), cell.unsqueeze(0), weights)
            after.append(last)
        read = self._dropped(values if self.spec.every_step else values[-1:])
        last_hidden, last_cell = (torch.cat(parts) for parts in zip(*after, strict=True))
        return read.transpose(0, 1).flatten(0, 1), (last_hidden, last_cell)

    def _layer(self, values: Tensor, hidden: Tensor, cell: Tensor, weights: list[Tensor]) -> tuple[Tensor, ...]:
        """Return h[steps, batch, H] of a layer, and its last h and c[1, batch, H]."""
        if self.way == BY_HAND:
            kernel, recurrent, bias, _ = weights
            outputs, *last = Layer.apply(values, hidden[0], cell[0], kernel, recurrent, bias)
            return outputs, *(part.unsqueeze(0) for part in last)
        if self.model.in_bfloat16:
            values, hidden, cell, *weights = (each.to(LOW) for each in (values, hidden, cell, *weights))
        # With biases, one layer, no dropout behind it, in training, in one direction, time before batch.
        results = torch.lstm(values, (hidden, cell), weights, True, 1, 0.0, True, False, False)
        return tuple(each.to(self.dtype) for each in results)

    def _dropped(self, values: Tensor) -> Tensor:
        """Divide each value by keep_prob with that probability, otherwise set it to 0."""
        keep_prob = self.spec.keep_prob
        if keep_prob == 1.0:
            return values
        return values * torch.empty_like(values).uniform_().lt_(keep_prob).div_(keep_prob)

    def _descend(
        self, dense: list[Tensor], words: Tensor | None, rows: list[Tensor], scale: Tensor | None, learning_rate: float
    ) -> None:
        """Update all weights by the gradients times ``scale``."""
        if self.spec.optimizer == "sgd":
            self.updates += 1
            one = torch.ones((), device=self.device, dtype=self.dtype) if scale is None else scale
            for weight, gradient in zip(self.dense, dense, strict=True):
                weight.addcmul_(gradient, one, value=-learning_rate)
            for gradient in rows:
                self.model.embedding.weight.index_add_(0, words, gradient.mul_(one), alpha=-learning_rate)
            return
        for weight, gradient in zip(self.dense, dense, strict=True):
            weight.grad = gradient
        for gradient in rows:  # Adam also moves words that were not read
            table = self.model.embedding.weight
            table.grad = torch.zeros_like(table).index_add_(0, words, gradient)
        if scale is not None:
            torch._foreach_mul_([weight.grad for weight in self.trained], scale)
        self._update(learning_rate)


def _cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of -log softmax(logits)[label], and n times its gradient by logits[n, output_size], in place."""
    largest, picked = logits.amax(1, keepdim=True), logits.gather(1, labels)
    probabilities = torch.softmax(logits, 1, out=logits)
    loss = (largest - picked - probabilities.amax(1, keepdim=True).log_()).mean()
    return loss, probabilities.scatter_add_(1, labels, probabilities.new_tensor(-1.0).expand(labels.shape))


def _output_gradients(
    d_logits: Tensor, hidden: Tensor, weight: Tensor, scale: float, kind: torch.dtype
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Return the gradients by hidden[n, hidden_size] and the output layer's weight and bias, times ``scale``.

    The matrix products' operands have the type ``kind``.
    """
    d_low = d_logits.to(kind)
    d_hidden = _product(d_low, weight.to(kind)).to(d_logits.dtype).mul_(scale)
    scaled = (hidden * scale).to(kind)
    by_columns = weight.stride(0) == 1
    d_weight = _product(scaled.t(), d_low).t() if by_columns else _product(d_low.t(), scaled)
    return d_hidden, (d_weight.to(d_logits.dtype), d_logits.sum(0).mul_(scale))


def _product(left: Tensor, right: Tensor) -> Tensor:
    return _linear(left, right.t(), None) if _for_onednn(left) else left @ right


def _for_onednn(operand: Tensor) -> bool:
    return BY_ONEDNN and operand.device.type == "cpu" and operand.dtype == torch.float32


def _linear(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Compute ``torch.nn.functional.linear`` by oneDNN."""
    return torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")


def _summed_by_word(ids: Tensor, d_features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the words of a batch, each once, and for each the sum of d_features[batch, steps, size] at its places."""
    words, places = ids.flatten().unique(return_inverse=True)
    rows = d_features.flatten(0, 1)
    sums = rows.new_zeros(len(words), rows.shape[1])
    if (
        rows.device.type != "cpu"
    ):  # on a GPU ``index_add_`` adds in the order in which threads arrive, so bits would differ between runs
        return words, sums.index_put_((places,), rows, accumulate=True)
    return words, sums.index_add_(0, places, rows)
