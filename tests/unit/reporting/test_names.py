"""Data sets and frameworks are called as people write them."""

from __future__ import annotations

from lstmbench.reporting.names import called, called_dataset


def test_a_framework_and_a_data_set_have_their_own_spelling_and_others_the_name_that_they_were_given():
    assert [called(name) for name in ("pytorch", "tensorflow", "jax")] == ["PyTorch", "TensorFlow", "JAX"]
    assert [called_dataset(name) for name in ("ptb", "mnist")] == ["PTB", "MNIST"]
    assert (called("pytorch_fused"), called_dataset("novel")) == ("pytorch_fused", "novel")
