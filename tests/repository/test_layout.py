"""The tests lie as the package does: a module's test is found by its name, and what tests share is no test file."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from lstmbench.utils.paths import PACKAGE, ROOT

TESTS = ROOT / "tests"
UNIT = TESTS / "unit"

BY_NAME = {"commands": "unit/commands/test_init.py", "implementations": "contract/conftest.py"}
"""Folders whose modules are found by their names, each with the file that loads all of them."""

ELSEWHERE = {
    "unit/analysis/test_comparison.py": ["reporting/comparison"],
    "unit/analysis/test_forecast.py": ["reporting/forecast"],
    "unit/analysis/test_history.py": ["reporting/history"],
    "unit/analysis/test_parity.py": ["reporting/parity"],
    "unit/analysis/test_precision.py": ["reporting/precision"],
    "unit/analysis/test_scaling.py": ["reporting/scaling"],
    "unit/inference/test_demonstration.py": ["inference/learned"],
    "unit/models/test_weights.py": ["models/learner"],
    "unit/parity/test_certificate.py": ["parity/comparison"],
    "unit/orchestration/test_config.py": ["orchestration/selection"],
    "unit/preparation/test_download.py": [
        "preparation/archive",
        "preparation/failures",
        "preparation/fetch",
        "preparation/local_files",
    ],
    "unit/preparation/test_prepare.py": ["datasets/__init__"],
    "unit/records/test_bundle.py": ["records/certificate"],
    "unit/records/test_interference.py": ["timing/counters"],
    "unit/records/test_measurement.py": ["records/measurement_record"],
    "unit/records/test_run.py": ["records/run_record", "records/version"],
    "unit/reporting/figures/test_quality.py": ["reporting/figures/overview", "reporting/figures/style"],
    "unit/reporting/test_findings.py": ["analysis/chosen_size"],
    "unit/reporting/test_report.py": ["reporting/chosen_size", "reporting/data_sets"],
    "unit/system/test_identity.py": ["system/machine"],
    "unit/system/test_cores.py": ["system/control_groups"],
    "unit/tasks/test_init.py": ["tasks/classifier", "tasks/language_model"],
    "unit/timing/probes/test_pytorch.py": ["timing/probes/__init__"],
    "unit/timing/test_calibration.py": ["records/calibration"],
    "unit/training/test_failure.py": ["orchestration/failed_runs", "reporting/missing_runs"],
    "unit/training/test_run.py": ["training/recorder", "training/rehearsal", "training/session"],
    "unit/utils/test_conversion.py": ["utils/fields"],
}
"""Modules that are tested with another one, by the file that tests them: it or the module of its name imports them."""

CONSTANTS = {"records/format", "utils/paths"}
"""Modules that hold nothing but names for values."""


def modules() -> Iterator[str]:
    """Yield the modules of the package as paths; a package that only says what it is for has nothing to test."""
    for path in sorted(PACKAGE.rglob("*.py")):
        logic = [node for node in parsed(path).body if not isinstance(node, ast.Expr)]
        if path.parent != PACKAGE and (logic or path.name != "__init__.py"):
            yield path.relative_to(PACKAGE).with_suffix("").as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_file(module: str) -> Path:
    """Where the test of a module lies; that of ``__init__`` is ``test_init.py``."""
    folder, _, name = module.rpartition("/")
    return UNIT / folder / f"test_{name.strip('_')}.py"


test_file.__test__ = False


def imported(path: Path) -> set[str]:
    """What a file imports, with its packages; of ``from a import b`` both ``a`` and ``a.b``."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def dotted(module: str) -> str:
    return f"lstmbench.{module.replace('/', '.')}".removesuffix(".__init__")


MODULES = list(modules())
TEST_FILES = sorted(UNIT.rglob("test_*.py"))


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.relative_to(UNIT).as_posix())
def test_every_unit_test_is_of_a_module_of_its_name(path):
    homes = {test_file(module): module for module in MODULES}
    assert path in homes, (
        f"{path.relative_to(ROOT)}: no module of that name; what tests no module is in tests/repository"
    )


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_a_test_of_its_name_or_is_said_to_be_tested_elsewhere(module):
    elsewhere = [name for name, tested in ELSEWHERE.items() if module in tested]
    if test_file(module).exists():
        assert not elsewhere, f"{module} has a test of its own: remove it from ELSEWHERE"
        assert module not in CONSTANTS
    elif module.partition("/")[0] not in BY_NAME and module not in CONSTANTS:
        expected = test_file(module).relative_to(ROOT)
        assert elsewhere, f"{module}: expected {expected}, or an entry in ELSEWHERE, found neither"


@pytest.mark.parametrize(("name", "tested"), ELSEWHERE.items())
def test_a_file_that_is_said_to_test_a_module_imports_it(name, tested):
    found = imported(TESTS / name)
    for module in MODULES:
        if test_file(module) == TESTS / name:
            found |= imported(PACKAGE / f"{module}.py")
    assert {dotted(module) for module in tested} <= found
    assert set(tested) <= set(MODULES)


@pytest.mark.parametrize(("folder", "name"), BY_NAME.items())
def test_a_file_that_is_said_to_load_all_modules_of_a_folder_does(folder, name):
    package = importlib.import_module(f"lstmbench.{folder}")
    public = {module.rpartition("/")[2] for module in MODULES if module.startswith(f"{folder}/")}
    assert {name.replace("-", "_") for name in package.names()} == {one for one in public if one[0] != "_"}
    assert f"lstmbench.{folder}" in imported(TESTS / name)


def test_a_module_of_constants_holds_nothing_else():
    for module in CONSTANTS:
        body = parsed(PACKAGE / f"{module}.py").body
        assert {type(node) for node in body} <= {ast.Expr, ast.ImportFrom, ast.Assign, ast.AnnAssign}, module


def test_no_file_of_the_tests_imports_a_test_file():
    for path in TESTS.rglob("*.py"):
        taken = [name for name in imported(path) if name.rpartition(".")[2].startswith("test_") and "tests." in name]
        assert not taken, f"{path.relative_to(ROOT)} imports {', '.join(taken)}: move what both need to tests/factories"
