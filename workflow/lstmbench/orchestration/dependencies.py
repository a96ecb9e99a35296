"""Hash the code that a result depends on: the modules that compute it, found by following their imports.

Snakemake does not see imports.  Therefore each rule has a hash as a parameter, and a checkpoint holds that of its run.
The hash covers syntax trees without comments and docstrings: a changed constant repeats jobs, changed prose does not.
It does not depend on the location of the folder or on the version of Python, from 3.11 on.

This module imports only the standard library, because Snakemake's own environment may lack other packages.
"""

from __future__ import annotations

import ast
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from lstmbench.implementations import framework, split
from lstmbench.utils.paths import PACKAGE

NO_NUMBERS = {
    "__init__": "the version, which is shown",
    "records.consistency": "refuses a record; collect and analyse check every record again",
    "records.measurement_consistency": "as records.consistency",
    "records.run_consistency": "as records.consistency",
    "utils.command_line": "prints errors",
    "commands": "finds a command by its name",
    "orchestration.dependencies": "decides whether something is computed again, not what",
    "system.cores": "refuses more threads than cores; what it counts is recorded beside a speed",
    "utils.errors": "words and exit codes",
    "utils.exit_codes": "as utils.errors",
    "training.model_graph": "as training.tensorboard",
    "training.projector": "as training.tensorboard",
    "training.tensorboard": "shows a run in TensorBoard while it trains",
    "system.identity": "decides on which machine a run is resumed, and is compared field by field",
    "utils.lock": "decides who may train, not what",
    "utils.validation": "the words of a refusal",
    "system.hardware": "describes the machine, which every record does; refuses a run that needs more memory",
    "system.nvidia": "says which GPUs there are; a run's device is in its path",
    "system.nvml": "counts energy, which changes no result",
    "system.processor": "as system.hardware",
    "system.provenance": "names the commit, which every record does",
    "utils.paths": "where the files of the project are",
    "utils.progress": "the progress bar",
    "training.rehearsal": "refuses a run before its first update",
    "records.calibration": "as records.run_record",
    "records.caps": "says in words what cut a run short",
    "records.measurement_record": "as records.run_record",
    "records.paths": "where the records are",
    "records.run_record": "what a record may hold, not what it holds",
    "records.version": "as records.run_record",
    "system.machine": "as records.run_record",
    "utils.conversion": "as records.consistency",
    "utils.fields": "as records.run_record",
    "system.spin": "decides how long a thread waits before it sleeps, and no bit",
    "system.switches": "as system.hardware",
    "utils.escaping": "escapes what is shown",
}
"""Modules that show or refuse something but compute no number, with the reason.  Their imports do not count either."""

READ = {
    "reporting.outcome": ("configs/*.yaml",),
    "reporting.html": ("report/**/*.j2", "report/**/*.css", "report/**/*.js"),
}
"""Files that a module always reads, relative to the folder that holds the package."""


def code_hash(*roots: str) -> str:
    """Return the sha256, in hex, of the modules ``roots`` (such as ``commands.tabulate``) and all that they import."""
    return _hash(closure(roots))


def numbers_hash(*roots: str) -> str:
    """Return the same hash without ``NO_NUMBERS``, for jobs that take long and compute numbers."""
    return _hash(closure(roots, frozenset(NO_NUMBERS)))


def training_hash(task: str, implementation: str) -> str:
    """Return the hash of the code that decides what a training run computes."""
    return numbers_hash(*roots_of_run(task, implementation))


def roots_of_run(task: str, implementation: str) -> tuple[str, ...]:
    """Return the command of a run and the modules that it loads by name."""
    return "commands.train", f"tasks.{task}", f"implementations.{split(implementation)[0]}"


def roots_of_sample(task: str, implementation: str) -> tuple[str, ...]:
    """Return the modules that one process of a measurement loads; the framework may have no probe."""
    probe = f"timing.probes.{framework(implementation)}"
    return "commands.sample", *roots_of_run(task, implementation)[1:], probe if _is_module(probe) else "timing.probes"


@cache
def closure(roots: tuple[str, ...], without: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Return the modules that ``roots`` import, directly or not, and ``roots`` themselves, in alphabetical order.

    If a package loads its modules by name, all of them count, unless ``roots`` name the package or one of its modules.
    """
    narrowed = {name for root in roots for name in (root, *_parents(root))}
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found or name in without:
            continue
        found.add(name)
        module = _module(name)
        waiting += module.imports
        waiting += [member for package in module.loaded - narrowed for member in _members(package)]
    return tuple(sorted(found))


@cache
def _hash(modules: tuple[str, ...]) -> str:
    parts = [[name, _module(name).sha256, *_read(name)] for name in modules]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class _Module(NamedTuple):
    sha256: str  # of its syntax tree
    imports: frozenset[str]  # modules of this package
    loaded: frozenset[str]  # packages of which it loads a module by name


@cache
def _module(name: str) -> _Module:
    return _parsed(name, _path(name).read_bytes())


@cache
def _parsed(name: str, source: bytes) -> _Module:
    nodes: list[ast.AST] = []
    form = stable_form(ast.parse(source), nodes)
    imports = set(_parents(name))
    for node in nodes:
        for target in _targets(node, name):
            imports |= {target, *_parents(target)}
    called = {target.rpartition(".")[2]: target for target in imports}
    loaded = set()
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = called.get(node.value.id, "")
            if node.attr in _loaders(module):
                loaded.add(module)
    return _Module(hashlib.sha256(form.encode()).hexdigest(), frozenset(imports - {name}), frozenset(loaded))


def _targets(node: ast.AST, inside: str) -> list[str]:
    """Return the modules of this package that a node names, in an import or in a string that will be run."""
    if isinstance(node, ast.Import):
        named = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = inside.split(".") if _path(inside).stem == "__init__" else inside.split(".")[:-1]
            base = ".".join(filter(None, ["lstmbench", *package[: len(package) + 1 - node.level], base]))
        named = [base, *(f"{base}.{alias.name}" for alias in node.names)]
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        named = [node.value]
    else:
        return []
    inner = [name.removeprefix("lstmbench.") for name in named if name.startswith("lstmbench.")]
    return [name for name in inner if _is_module(name)]


@cache
def _loaders(package: str) -> frozenset[str]:
    """Return the functions of a package that import one of its modules by name."""
    if not package or _path(package).name != "__init__.py":
        return frozenset()
    functions = [node for node in ast.parse(_path(package).read_bytes()).body if isinstance(node, ast.FunctionDef)]
    return frozenset(function.name for function in functions if "import_module" in ast.dump(function))


def _members(package: str) -> list[str]:
    return [f"{package}.{path.stem}" for path in _path(package).parent.glob("*.py") if path.stem != "__init__"]


def _parents(name: str) -> list[str]:
    """Return the packages that are imported before a module."""
    parts = name.split(".")
    return ["__init__", *(".".join(parts[:count]) for count in range(1, len(parts)))]


@cache
def _is_module(name: str) -> bool:
    return all(part.isidentifier() for part in name.split(".")) and _path(name).is_file()


@cache
def _path(name: str) -> Path:
    path = PACKAGE.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_name(f"{path.name}.py")


def _read(name: str) -> list[str]:
    paths = [path for pattern in READ.get(name, ()) for path in sorted(PACKAGE.parent.glob(pattern))]
    return [f"{path.name} {content_hash(path)}" for path in paths]


@cache
def content_hash(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex; the file is read once per process."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def stable_form(node: Any, nodes: list[ast.AST]) -> str:
    """Return a syntax tree as a text of JSON that is the same in every Python from 3.11 on, and append its nodes.

    Strings that are statements, such as docstrings, are left out, and so are descriptions of keys and
    empty fields, which later versions add.
    The strings within an f-string are joined, because Python 3.12 splits them at other places.
    """
    if isinstance(node, ast.AST):
        if isinstance(node, ast.JoinedStr):
            node = ast.JoinedStr(_joined(node.values))
        nodes.append(node)
        form = f'["{type(node).__name__}"'
        for name in node._fields:
            value = getattr(node, name, None)
            if value is not None and value != [] and name != "kind":
                form += f',["{name}",{stable_form(value, nodes)}]'
        return f"{form}]"
    if isinstance(node, list):
        return f"[{','.join([stable_form(item, nodes) for item in node if not _is_prose(item)])}]"
    return json.dumps(ascii(node))


def _joined(values: list[ast.expr]) -> list[ast.expr]:
    result: list[ast.expr] = []
    for value in values:
        last = result[-1] if result else None
        if isinstance(value, ast.Constant) and isinstance(last, ast.Constant):
            result[-1] = ast.Constant(f"{last.value!s}{value.value!s}")
        elif not (isinstance(value, ast.Constant) and value.value == ""):
            result.append(value)
    return result


def _is_prose(node: Any) -> bool:
    """Return whether a node is a string that is a statement, or describes a key of a record."""
    if isinstance(node, ast.keyword):
        return node.arg == "description"
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
