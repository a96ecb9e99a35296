"""The energy of a GPU is what NVML counts; elsewhere it is not measured, and never estimated."""

from __future__ import annotations

import ctypes

import pytest

from lstmbench.system import nvidia, nvml
from lstmbench.system.nvml import energy_of
from lstmbench.utils.errors import MachineError

NOT_SUPPORTED = 3


class Nvml:
    """Stands in for the driver's library: its functions take and fill the same C values."""

    def __init__(self, millijoules, code=0, known=b"GPU-aa11"):
        self.millijoules, self.code, self.known = iter(millijoules), code, known

    def nvmlInit_v2(self):
        return 0

    def nvmlDeviceGetHandleByUUID(self, uuid, handle):
        handle._obj.value = 77
        return 0 if uuid == self.known else NOT_SUPPORTED

    def nvmlDeviceGetTotalEnergyConsumption(self, handle, energy):
        assert isinstance(handle, ctypes.c_void_p)
        assert handle.value == 77
        assert isinstance(energy._obj, ctypes.c_ulonglong)
        if not self.code:
            energy._obj.value = next(self.millijoules)
        return self.code


@pytest.fixture
def driver(monkeypatch):
    """Make these the GPUs and the library of the driver."""

    def put(library, gpus=(["GPU-aa11", "Disabled"], ["GPU-bb22", "Disabled"])):
        def visible_gpus(*fields):
            assert fields == ("uuid", "mig.mode.current")
            if isinstance(gpus, MachineError):
                raise gpus
            return list(gpus)

        def load(name):
            assert name == "libnvidia-ml.so.1"
            if library is None:
                raise OSError("cannot open shared object file")
            return library

        monkeypatch.setattr(nvidia, "visible_gpus", visible_gpus)
        monkeypatch.setattr(nvml.ctypes, "CDLL", load)

    return put


def test_the_counter_of_the_first_visible_gpu_is_read_in_joules(driver):
    driver(Nvml([5_000, 7_500, 2**40]))
    joules = energy_of("gpu", 1)
    assert [joules(), joules(), joules()] == [5.0, 7.5, 2**40 / 1000]


@pytest.mark.parametrize(("kind", "workers"), [("cpu", 1), ("gpu", 2)])
def test_a_cpu_and_several_workers_are_not_measured(driver, kind, workers):
    driver(Nvml([5_000]))
    assert energy_of(kind, workers)() is None


@pytest.mark.parametrize(
    ("library", "gpus"),
    [
        (None, [["GPU-aa11", "[N/A]"]]),
        (Nvml([5_000], code=NOT_SUPPORTED), [["GPU-aa11", "[N/A]"]]),
        (Nvml([5_000]), [["GPU-cc33", "Disabled"]]),
        (Nvml([5_000]), [["GPU-aa11", "Enabled"]]),
        (Nvml([5_000]), []),
        (Nvml([5_000]), MachineError("nvidia-smi did not answer")),
        (object(), [["GPU-aa11", "Disabled"]]),
    ],
    ids=["no library", "an old GPU", "an unknown GPU", "a part of a card", "no GPU", "a driver that hangs", "no NVML"],
)
def test_what_has_no_counter_of_its_own_is_not_measured(driver, library, gpus):
    driver(library, gpus)
    assert energy_of("gpu", 1)() is None
