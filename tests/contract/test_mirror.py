"""All implementations have the face that ``learner`` describes: know one, know all."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest

from lstmbench.models import learner
from lstmbench.utils.errors import MachineError

FUNCTIONS = {"configure": ["threads"], "has_gpu": [], "versions": []}
CONSTRUCTOR = ["self", "spec", "device", "seed", "dtype"]


def _public(owner: object, package: str) -> dict[str, list[str]]:
    """Names and parameter names of the functions that ``owner`` has for others, its own or another's in ``package``."""
    # One implementation may be made from another: what a base class defines comes first.
    members = [vars(part) for part in reversed(owner.__mro__)] if inspect.isclass(owner) else [vars(owner)]
    functions = {
        name: function
        for part in members
        for name, function in part.items()
        if inspect.isfunction(inspect.unwrap(function))
        and not name.startswith("_")
        and function.__module__.startswith(package)
    }
    return {name: list(inspect.signature(function).parameters) for name, function in functions.items()}


def test_a_module_has_the_contract_s_functions_and_no_others(implementation: ModuleType):
    assert _public(implementation, implementation.__package__) == FUNCTIONS


def test_a_learner_has_the_contract_s_methods_and_no_others(implementation: ModuleType):
    assert issubclass(implementation.Learner, learner.Learner)
    assert not inspect.isabstract(implementation.Learner)
    assert _public(implementation.Learner, "lstmbench") == _public(learner.Learner, learner.__name__)
    assert list(inspect.signature(implementation.Learner.__init__).parameters) == CONSTRUCTOR


def test_a_learner_defines_its_methods_in_the_contract_s_order_and_marks_them(implementation: ModuleType):
    contract = _public(learner.Learner, learner.__name__)
    for part in inspect.getmro(implementation.Learner)[: -len(inspect.getmro(learner.Learner))]:
        own = {name: value for name, value in vars(part).items() if name in contract}
        assert list(own) == [name for name in contract if name in own]
        assert [name for name, value in own.items() if not getattr(value, "__override__", False)] == []


def test_every_device_has_a_path_and_an_operation_that_proves_it(implementation: ModuleType):
    devices = {key.partition(" ")[0] for key in implementation.EXPECTED_KERNELS} - {"cpu-bfloat16"}
    assert devices == {"cpu", "gpu"} or implementation.__name__.endswith("reference")
    assert all(len(path) > 1 for path in implementation.EXPECTED_KERNELS.values())
    assert all(isinstance(part, str) and part for path in implementation.EXPECTED_KERNELS.values() for part in path)


def test_versions_are_names_and_texts(implementation: ModuleType):
    versions = implementation.versions()
    assert versions
    assert all(isinstance(part, str) and part for item in versions.items() for part in item)


def test_a_gpu_that_is_not_there_is_reported(implementation: ModuleType):
    if implementation.has_gpu():
        pytest.skip("there is a GPU")
    with pytest.raises(MachineError, match="gpu"):
        implementation.Learner(None, "gpu", 0, "float32")
