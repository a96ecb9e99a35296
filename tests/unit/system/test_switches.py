"""Which environment variables are recorded, and which of them count."""

from __future__ import annotations

import pytest

from lstmbench.system.switches import counting, switches


def test_switches_of_libraries_are_recorded_but_not_the_threads_and_nothing_else():
    here = {
        "TF_ENABLE_ONEDNN_OPTS": "0", "OMP_NUM_THREADS": "2", "VECLIB_MAXIMUM_THREADS": "2",
        "OMP_PROC_BIND": "\x1b[2Jtrue", "SECRET": "x", "TF_CLI_CONFIG_FILE": "of Terraform", "TF_CONFIG": "addresses",
    }  # fmt: skip
    assert switches(here) == {"TF_ENABLE_ONEDNN_OPTS": "0", "OMP_PROC_BIND": r"\x1b[2Jtrue"}


@pytest.mark.parametrize(
    "name",
    [
        "TF_CPP_MIN_LOG_LEVEL", "TF_CPP_MAX_VLOG_LEVEL", "TF_CPP_VMODULE", "OMP_DISPLAY_ENV", "OMP_DISPLAY_AFFINITY",
        "OMP_AFFINITY_FORMAT", "KMP_SETTINGS", "KMP_WARNINGS", "MKL_VERBOSE", "DNNL_VERBOSE", "ONEDNN_VERBOSE",
        "DNNL_VERBOSE_TIMESTAMP", "OPENBLAS_VERBOSE", "TORCH_LOGS", "TORCH_LOGS_OUT", "TORCH_CPP_LOG_LEVEL",
        "TORCH_SHOW_CPP_STACKTRACES", "CUDNN_LOGINFO_DBG", "CUDNN_LOGLEVEL_DBG", "CUBLAS_LOGINFO_DBG",
        "CUBLASLT_LOG_LEVEL", "CUDNN_FRONTEND_LOG_INFO", "GOMP_DEBUG",
    ],
)  # fmt: skip
def test_a_variable_that_only_says_what_is_printed_is_recorded_and_does_not_count(name):
    found = switches({name: "1"})
    assert found == {name: "1"}
    assert counting(found) == {}


@pytest.mark.parametrize(
    "name",
    [
        "OMP_PROC_BIND", "OMP_PLACES", "OMP_WAIT_POLICY", "OMP_DYNAMIC", "OMP_SCHEDULE", "GOMP_CPU_AFFINITY",
        "GOMP_SPINCOUNT", "KMP_AFFINITY", "KMP_BLOCKTIME", "MKL_DYNAMIC", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS",
        "OPENBLAS_CORETYPE", "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "ATEN_CPU_CAPABILITY",
        "TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "XLA_FLAGS", "NVIDIA_TF32_OVERRIDE", "PYTORCH_CUDA_ALLOC_CONF",
        "TORCH_DISTRIBUTED_DEBUG", "GLIBC_TUNABLES", "MALLOC_ARENA_MAX", "MALLOC_PERTURB_", "MALLOC_CONF", "LD_PRELOAD",
        "PYTHONMALLOC",
    ],
)  # fmt: skip
def test_a_variable_that_may_change_a_bit_or_a_speed_counts(name):
    assert counting(switches({name: "1"})) == {name: "1"}


@pytest.mark.parametrize(
    "name", ["TORCH_HOME", "MKL_ROOT", "CUDNN_PATH", "PYTORCH_VERSION", "PYTORCH_KERNEL_CACHE_PATH"]
)
def test_where_something_lies_and_what_it_is_called_is_not_even_recorded(name):
    assert switches({name: "/home/somebody"}) == {}


def test_a_preloaded_library_is_recorded_without_the_folders_of_its_user():
    here = {"LD_PRELOAD": "/home/somebody/lib/libjemalloc.so.2:/opt/x/libtcmalloc.so /usr/lib/libiomp5.so"}
    assert switches(here) == {"LD_PRELOAD": "libjemalloc.so.2 libtcmalloc.so libiomp5.so"}
