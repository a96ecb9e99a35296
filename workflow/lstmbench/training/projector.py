"""Write a trained embedding and its words for TensorBoard's projector, without a framework."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from google.protobuf import text_format
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from lstmbench.utils.files import atomic, write_text

CONFIG = "projector_config.pbtxt"
"""The name by which TensorBoard finds the projector's files of a run."""

VECTORS, WORDS = "embedding.bytes", "words.tsv"

FILES = (VECTORS, WORDS, CONFIG)
"""The names of all files that ``write_projector`` writes."""

NAME = "embedding"

_NOT_IN_UTF8 = 0xFF


def write_projector(folder: Path, embedding: np.ndarray, words: Sequence[str]) -> None:
    """Write the vectors, float32[words, width], and the word of each, next to a run's event file.

    Raises:
        OSError: cannot be written.
    """
    config = ProjectorConfig()
    config.embeddings.add(tensor_name=NAME, tensor_path=VECTORS, tensor_shape=embedding.shape, metadata_path=WORDS)
    content = bytearray(embedding.astype("<f4").tobytes())
    # TensorBoard first reads a text, and vectors only if the first line is no UTF-8, which a rare first line would be.
    # The byte is the lowest of the first number, and changes it by 2^-15 of itself at most.
    content[0] = _NOT_IN_UTF8
    with atomic(folder / VECTORS) as temporary:
        temporary.write_bytes(content)
    write_text(folder / WORDS, "".join(f"{_on_a_line(word)}\n" for word in words))
    write_text(folder / CONFIG, text_format.MessageToString(config))


def _on_a_line(word: str) -> str:
    """Return ``word``, or its Python literal if TensorBoard would not take it for one line, one column and a word."""
    return word if word.isprintable() and word.strip() else repr(word)
