"""How data sets and frameworks are called."""

from __future__ import annotations

_IMPLEMENTATIONS = {"jax": "JAX", "pytorch": "PyTorch", "tensorflow": "TensorFlow"}
_DATASETS = {"ptb": "PTB", "mnist": "MNIST"}


def called(implementation: str) -> str:
    """Return a framework's name as it writes itself; any other implementation by its own name."""
    return _IMPLEMENTATIONS.get(implementation, implementation)


def called_dataset(name: str) -> str:
    """Return the name of a data set as people write it."""
    return _DATASETS.get(name, name)
