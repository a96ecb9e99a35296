"""Learners that compute the same by another path: what a measurement of each implementation must notice.

As a program, warm up and trace one process of an implementation, as it is or by another path, as ``lstm-bench sample``
would:

    python -m tests.helpers.another_path IMPLEMENTATION own|other FOLDER

FOLDER holds the case: data/, preset.yaml and weights.safetensors.  The exit code is that of ``lstm-bench sample``.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from unittest import mock

from lstmbench import implementations
from lstmbench.timing.blocks import StepRunner
from lstmbench.timing.details import trace
from lstmbench.training.session import RunRequest, opened_session
from lstmbench.utils.command_line import run

WARM_UP = 200
"""Steps, after which TensorFlow has learned which operations are cheap."""

Mutation = Callable[[ModuleType], AbstractContextManager[None]]
"""What makes the learners of an implementation's module, built and trained within it, take another path."""


@contextmanager
def without_onednn(framework: ModuleType) -> Iterator[None]:
    """PyTorch's own cells, a step at a time: what it falls back to without oneDNN."""
    import torch

    with torch.backends.mkldnn.flags(enabled=False):
        yield


@contextmanager
def unrolled(framework: ModuleType) -> Iterator[None]:
    """No loop over time: Keras writes each step into the graph."""

    class Model(framework.Model):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)
            for cell in self.cells:
                cell.unroll = True

    with mock.patch.object(framework.Learner, "MODEL", Model):
        yield


@contextmanager
def compiled_whole(framework: ModuleType) -> Iterator[None]:
    """XLA compiles the block, as ``jit_compile`` asks."""
    import tensorflow as tf

    compiled = staticmethod(lambda block: tf.function(block, jit_compile=True))
    with mock.patch.object(framework.Learner, "_function", compiled):
        yield


def not_compiled(*names: str) -> Mutation:
    """These functions of ``tensorflow_fused`` run as TensorFlow's own operations instead of by XLA."""

    @contextmanager
    def mutation(framework: ModuleType) -> Iterator[None]:
        import tensorflow as tf

        functions = {loop.python_function.__name__: loop for loop in framework.COMPILED_LOOPS}
        functions["_cross_entropy"] = framework._cross_entropy
        plain = functions | {name: tf.function(functions[name].python_function) for name in names}
        changed = {"COMPILED_LOOPS": (plain["_forward_loop"], plain["_backward_loop"])}
        with mock.patch.multiple(framework, _cross_entropy=plain["_cross_entropy"], **changed):
            yield

    return mutation


@contextmanager
def recompiled() -> Iterator[None]:
    """JAX compiles a model anew within it, and again after it: equal models share what was compiled."""
    import jax

    jax.clear_caches()
    try:
        yield
    finally:
        jax.clear_caches()


@contextmanager
def scan_unrolled(framework: ModuleType) -> Iterator[None]:
    """No loop over time: JAX writes each step into the program."""
    from jax import lax

    with recompiled(), mock.patch.object(lax, "scan", functools.partial(lax.scan, unroll=True)):
        yield


@contextmanager
def products_in_the_loop(framework: ModuleType) -> Iterator[None]:
    """The backward pass is JAX's own, which multiplies by the kernels and sums their gradients step by step."""
    from lstmbench.implementations import jax as plain

    with recompiled(), mock.patch.object(framework.Model, "layer", plain.Model.layer):
        yield


MUTATIONS: dict[str, list[Mutation]] = {
    "pytorch": [without_onednn],
    "pytorch_plain": [without_onednn],
    "pytorch_fused": [without_onednn],
    "tensorflow": [unrolled, compiled_whole],
    "tensorflow_fused": [
        not_compiled("_forward_loop", "_backward_loop", "_cross_entropy"),
        not_compiled("_backward_loop"),
    ],
    "jax": [scan_unrolled],
    "jax_fused": [products_in_the_loop],
}
"""By implementation; the first is what a fallback would be like."""


def main(arguments: list[str] | None = None) -> None:
    """Trace one process."""
    implementation, which, name = arguments or sys.argv[1:]
    folder = Path(name)
    mutation = MUTATIONS[implementation][0](implementations.load(implementation)) if which == "other" else nullcontext()
    with mutation:
        request = RunRequest(
            data=folder / "data",
            preset_file=folder / "preset.yaml",
            weights_file=folder / "weights.safetensors",
            implementation=implementation,
            device="cpu",
            threads=1,
            seed=1,
        )
        with opened_session(request) as session:
            steps = StepRunner(session)
            steps.run(WARM_UP)
            print(trace(session, steps, implementation, "cpu").path)


if __name__ == "__main__":
    sys.exit(run(main))
