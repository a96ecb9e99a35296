"""Resolve the requirements for every system and Python that README names, from the metadata of an index alone.

Nothing is installed, and no other system is needed.  ``uv`` finds the index as the user's own settings say.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

SYSTEMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux ARM": "aarch64-manylinux_2_28",
    "macOS ARM": "aarch64-apple-darwin",
}
"""System -> what uv calls it."""

PYTHONS = ("3.11", "3.12", "3.13")

MACOS = "14.0"
"""The first macOS that PyTorch's wheels are for; uv takes an earlier one unless it is told."""

SOURCE_ONLY = "connection-pool"
"""The one package without a wheel, which Snakemake needs; it is plain Python."""

SETS = {
    "everything": ("requirements.txt", "requirements-jax.txt", "requirements-dev.txt", "requirements-cluster.txt"),
    "with CUDA": ("requirements-gpu.txt", "requirements-jax.txt"),
}

UNSOLVABLE = "No solution found"


def resolved(system: str, python: str, files: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Ask uv for versions of everything in ``files`` that has wheels for a system and a Python."""
    command = ["uv", "pip", "compile", "--quiet", *(str(HERE / name) for name in files), "--python-version", python]
    command += ["--python-platform", SYSTEMS[system], "--only-binary", ":all:", "--no-binary", SOURCE_ONLY]
    environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": MACOS}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def main() -> int:
    """Resolve all; return 1 if one has no solution, 7 if no index answers."""
    wanted = [(system, python, "everything") for system in SYSTEMS for python in PYTHONS]
    wanted += [("Linux x86-64", python, "with CUDA") for python in PYTHONS]
    unsolvable = False
    for system, python, name in wanted:
        done = resolved(system, python, SETS[name])
        where = f"{system}, Python {python}, {name}"
        if done.returncode == 0:
            packages = [line for line in done.stdout.splitlines() if line[:1].isalnum()]
            print(f"{where}: {len(packages)} packages", flush=True)
        elif UNSOLVABLE in done.stderr:
            unsolvable = True
            print(f"{where}: {done.stderr.strip()}", flush=True)
        else:
            print(f"not resolved, no index answers: {(done.stderr.strip().splitlines() or ['no message'])[0]}")
            return 7
    return int(unsolvable)


if __name__ == "__main__":
    sys.exit(main())
