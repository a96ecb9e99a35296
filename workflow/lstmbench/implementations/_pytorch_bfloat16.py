"""Run an LSTM layer on a CPU with matrix products in bfloat16, for wide layers.

oneDNN's own LSTM multiplies in bfloat16 too, but its backward pass takes longer than in float32 once a layer is wide
(1500 units: 278 ms for 163).  Here PyTorch's products do the same work, as in ``tensorflow_fused`` (I inputs, H units):

    before the loop     z_x[steps, batch, 4H] = x @ kernel + bias
    forward, per step   z = z_x[t] + h @ recurrent;  gates, c, h as in ``reference``
    before the loop     what multiplies d_c and d_h in d_z, from the gates of all steps
    backward, per step  d_z[t] = [d_c, d_c, d_c, d_h] * factors[t];  d_h = d_z[t] @ recurrent.T
    after the loop      d_kernel, d_recurrent, d_bias and d_x, once for all steps

Operands are rounded to bfloat16 once.  Along the loop the weights lie as the processor's instructions read them
(``_reorder_linear_weight``), which doubles the speed of a product with 20 rows.  Gates, cell states and what the
gradients are multiplied by stay in float32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.profiler import record_function

LOW = torch.bfloat16

_pack = torch.ops.mkldnn._reorder_linear_weight
_linear = torch.ops.mkldnn._linear_pointwise


class Layer(Function):
    """Return h[steps, batch, H] of a layer, and its last h and c[batch, H], through which no gradient flows."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, hidden: Tensor, cell: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Run over x[steps, batch, I] from hidden and cell[batch, H]; kernel[4H, I], recurrent[4H, H], bias[4H]."""
        with record_function("recurrent/forward"):
            x, kernel, recurrent = x.to(LOW), kernel.to(LOW), recurrent.to(LOW)
            z_x = torch.addmm(bias.to(LOW), x.flatten(0, 1), kernel.t()).unflatten(0, x.shape[:2])
            states, cells, gates, tanh_cells = _forward_loop(z_x, hidden, cell, recurrent)
        ctx.save_for_backward(x, kernel, recurrent, states, cells, gates, tanh_cells)
        outputs, last_hidden, last_cell = states[1:].to(cell.dtype), states[-1].to(cell.dtype), cells[-1].clone()
        ctx.mark_non_differentiable(last_hidden, last_cell)
        return outputs, last_hidden, last_cell

    @staticmethod
    def backward(ctx: Any, *d_results: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients by x, kernel, recurrent and bias from d_results[0], d_outputs[steps, batch, H]."""
        d_outputs, *_ = d_results
        x, kernel, recurrent, states, *trace = ctx.saved_tensors
        kind = d_outputs.dtype
        with record_function("recurrent/backward"):
            d_z = _backward_loop(d_outputs, *trace, recurrent).flatten(0, 1)
            d_x = (d_z @ kernel).unflatten(0, x.shape[:2]).to(kind) if ctx.needs_input_grad[0] else None
            d_kernel = (d_z.t() @ x.flatten(0, 1)).to(kind)
            d_recurrent = (d_z.t() @ states[:-1].flatten(0, 1)).to(kind)
            d_bias = d_z.sum(0, dtype=kind)
        return d_x, None, None, d_kernel, d_recurrent, d_bias


def _forward_loop(z_x: Tensor, hidden: Tensor, cell: Tensor, recurrent: Tensor) -> tuple[Tensor, ...]:
    """Return h and c before and after all steps, each [steps + 1, batch, H], the gates, and tanh(c) of each step."""
    steps, batch, width = z_x.shape
    size = width // 4
    packed = _pack(recurrent, batch)
    gates = cell.new_empty(steps, batch, width)
    cells, tanh_cells = cell.new_empty(steps + 1, batch, size), cell.new_empty(steps, batch, size)
    states = torch.empty(steps + 1, batch, size, dtype=LOW)
    states[0], cells[0] = hidden, cell
    h, c = states.unbind(), cells.unbind()
    for t, (z_x_t, all_t, tanh_c) in enumerate(zip(z_x.unbind(), gates.unbind(), tanh_cells.unbind(), strict=True)):
        all_t.copy_(_linear.binary(h[t], z_x_t, packed, None, "add"))
        i, f, g, o = all_t.split(size, 1)
        all_t[:, : 2 * size].sigmoid_()
        g.tanh_()
        o.sigmoid_()
        torch.mul(f, c[t], out=c[t + 1]).addcmul_(i, g)
        torch.mul(o, torch.tanh(c[t + 1], out=tanh_c), out=h[t + 1])
    return states, cells, gates, tanh_cells


def _backward_loop(d_outputs: Tensor, cells: Tensor, gates: Tensor, tanh_cells: Tensor, recurrent: Tensor) -> Tensor:
    """Return d_z[steps, batch, 4H], computed from the last step to the first."""
    steps, batch, size = d_outputs.shape
    packed = _pack(recurrent.t().contiguous(), batch)
    of_cell, of_hidden, to_cell = _derivatives(cells[:-1], gates, tanh_cells)
    forget = gates.unflatten(2, (4, size))[:, :, 1]
    d_z = torch.empty(steps, batch, 4 * size, dtype=LOW)
    by_gate = d_z.unflatten(2, (4, size))
    d_hidden, d_cell = d_outputs.new_zeros(batch, size), d_outputs.new_zeros(batch, size)
    for t in reversed(range(steps)):
        d_hidden = d_outputs[t] + d_hidden
        d_cell.addcmul_(d_hidden, to_cell[t])
        torch.mul(of_cell[t], d_cell.unsqueeze(1), out=by_gate[t, :, :3])
        torch.mul(of_hidden[t], d_hidden, out=by_gate[t, :, 3])
        d_hidden = _linear(d_z[t], packed, None, "none", [], "")
        d_cell.mul_(forget[t])
    return d_z


def _derivatives(cells_before: Tensor, gates: Tensor, tanh_cells: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return d_z[i, f, g] / d_c[steps, batch, 3, H], d_z[o] / d_h and d_c / d_h[steps, batch, H] of all steps."""
    i, f, g, o = gates.chunk(4, 2)
    sigmoid, tanh = torch.ops.aten.sigmoid_backward, torch.ops.aten.tanh_backward
    of_cell = torch.stack([sigmoid(g, i), sigmoid(cells_before, f), tanh(i, g)], 2)
    return of_cell, sigmoid(tanh_cells, o), tanh(o, tanh_cells)
