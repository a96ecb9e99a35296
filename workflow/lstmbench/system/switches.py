"""Record the environment variables that change how libraries compute, and decide which of them count.

A value in a user's shell can halve a speed or change the last bits of a result.  Not all variables of the libraries are
known.  Therefore every variable with one of their prefixes counts, unless its name shows that it only affects printing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import PurePath

from lstmbench.utils.escaping import one_line

PREFIXES = (
    # Threads, where they run and how they wait; matrix products.
    "OMP_", "KMP_", "GOMP_", "LIBGOMP_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_", "VECLIB_", "DNNL_", "ONEDNN_", "ACL_",
    # The frameworks, and what they compute with.
    "ATEN_", "PYTORCH_", "TORCH_", "TF_", "JAX_", "XLA_", "CUBLAS_", "CUBLASLT_", "CUDNN_", "CUDA_LAUNCH_BLOCKING",
    "NVIDIA_TF32_",
    # The C library and its memory; libraries that replace the installed ones.
    "GLIBC_TUNABLES", "MALLOC_", "TCMALLOC_", "PYTHONMALLOC", "LD_PRELOAD", "LD_BIND_NOW", "DYLD_INSERT_LIBRARIES",
)  # fmt: skip

FILES = ("LD_PRELOAD", "DYLD_INSERT_LIBRARIES")
"""Lists of files, recorded without folders, because records are sent to others and a path often holds a user's name."""

THREADS = ("_NUM_THREADS", "_MAXIMUM_THREADS")
"""Left out, because Snakemake sets them for every job and a record's settings hold the number."""

OTHERS = ("TF_CONFIG", "TF_CLI_", "TF_VAR_", "TF_DATA_DIR", "TF_INPUT", "TF_WORKSPACE")
"""Left out: the addresses of workers, and the variables of Terraform, which shares TensorFlow's prefix."""

PLACES = {"CACHE", "DIR", "HOME", "PATH", "ROOT", "VERSION"}
"""Last words of names that hold a path or a version.  They are left out, as they have no effect and may hold a user's
folder."""

PRINTING = {
    "DISPLAY", "LOG", "LOGDEST", "LOGGING", "LOGINFO", "LOGLEVEL", "LOGS", "SHOW", "VERBOSE", "VERBOSITY", "VLOG",
    "VMODULE", "WARNINGS",
}  # fmt: skip
"""Words of names that only affect what is printed, and where: TF_CPP_MIN_LOG_LEVEL, OMP_DISPLAY_ENV, TORCH_LOGS."""

ALSO_PRINTING = ("OMP_AFFINITY_FORMAT", "KMP_SETTINGS", "KMP_VERSION", "GOMP_DEBUG")


def switches(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables to record, by name."""
    return {
        name: _harmless(name, value)
        for name, value in sorted(environment.items())
        if name.startswith(PREFIXES)
        and not name.startswith(OTHERS)
        and not name.endswith(THREADS)
        and name.rpartition("_")[2] not in PLACES
    }


def counting(recorded: Mapping[str, str]) -> dict[str, str]:
    """Return those of ``recorded`` that may affect a result or a speed, and not only what is printed."""
    return {name: value for name, value in recorded.items() if not _prints(name)}


def _prints(name: str) -> bool:
    return name in ALSO_PRINTING or not PRINTING.isdisjoint(name.split("_"))


def _harmless(name: str, value: str) -> str:
    if name in FILES:
        value = " ".join(PurePath(file).name for file in value.replace(":", " ").split())
    return one_line(value)[:200]
