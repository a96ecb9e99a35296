"""Say what an environment takes on the disk, and which part of that a machine without an NVIDIA GPU does not need."""

import sys
from importlib import metadata

CUDA = ("nvidia-", "triton", "cuda-")
"""How the names of the packages begin that PyTorch's and TensorFlow's builds for CUDA bring along."""


def sizes() -> dict[str, int]:
    """Return the bytes of each installed package."""
    found = {}
    for package in metadata.distributions():
        paths = [file.locate() for file in package.files or ()]
        found[package.name.lower()] = sum(path.stat().st_size for path in paths if path.is_file())
    return found


def said(found: dict[str, int], build: str) -> list[str]:
    """Return one line on the size, and one more if ``build`` is cpu and libraries for CUDA came along."""
    lines = [f"installed: {sum(found.values()) / 1e9:.1f} GB in {len(found)} packages"]
    cuda = sum(size for name, size in found.items() if name.startswith(CUDA))
    if build == "cpu" and cuda:
        lines.append(
            f"{cuda / 1e9:.1f} GB of them are CUDA libraries, which only an NVIDIA GPU uses: the index offered no "
            "build of PyTorch for CPUs; training on a CPU works all the same; to be without them, give pip an index "
            "with such builds (PIP_EXTRA_INDEX_URL), delete .venv and install again"
        )
    return lines


if __name__ == "__main__":
    print("\n".join(said(sizes(), sys.argv[1])))
