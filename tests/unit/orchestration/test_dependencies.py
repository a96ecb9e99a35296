"""What a result depends on: the modules that compute it, by content."""

from __future__ import annotations

import ast
import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lstmbench.orchestration import dependencies

REAL = dependencies.PACKAGE
RULES = REAL.parent / "rules"

SYNTAX = '''
"""A module."""

from __future__ import annotations
import a.b as c
type_of = lambda x, /, y=1, *z, k=None, **w: (x, *z, {**w}, {k: y for k, y in z if k}, [i async for i in z])
TEXT = u"\\u00e9\\n" + b"x".decode() + f"{TEXT!r:>{WIDTH}} {{}} {x=} {'nested'}" "tail"
NUMBERS = 1_000, 1e400, 0.1, 2j, True, None, ..., -1, x[1:, ::2]
"""A text about a constant."""


@c.decorator(1)
class Some(c.Base, metaclass=type):
    """A class."""

    field: dict[str, int] | None = None

    async def method(self, a: int = 0, *args: str, only: bool, **more) -> int:
        """A method."""
        async with a as b, c:
            await b
        global d
        try:
            yield (e := a)
        except* ValueError as error:
            raise KeyError from error
        finally:
            del b
        match a:
            case {"x": [1, *rest], **others} if rest:
                return not a <= b < 2 is not None
            case Some(field=3) | "x" | None:
                pass
        while a and (b or c):
            a @= b
        else:
            assert a, "wrong"
'''


def forget() -> None:
    """Read the package again; what a file of the same content parses to is kept."""
    for value in vars(dependencies).values():
        if hasattr(value, "cache_clear") and value is not dependencies._parsed:
            value.cache_clear()


class Package:
    """A package whose modules are written by a test, in the place of ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write(__init__="")

    def write(self, folder: str = "", **modules: str) -> None:
        """Write modules, perhaps of a package within the package."""
        (self.folder / folder).mkdir(exist_ok=True, parents=True)
        for name, source in modules.items():
            (self.folder / folder / f"{name}.py").write_text(source, encoding="utf-8")
        forget()


@pytest.fixture
def package(tmp_path, monkeypatch) -> Iterator[Package]:
    """An empty package in the place of ours."""
    monkeypatch.setattr(dependencies, "PACKAGE", tmp_path / "lstmbench")
    yield Package(dependencies.PACKAGE)
    monkeypatch.undo()
    forget()


def hash_of(source: str) -> str:
    return hashlib.sha256(dependencies.stable_form(ast.parse(source), []).encode()).hexdigest()


def test_a_syntax_tree_has_the_same_hash_in_every_version_of_python():
    """Tried with 3.11, 3.12 and 3.13; another form would void every unfinished run."""
    assert hash_of(SYNTAX) == "2a95f8fa9510f12a8d1d49d9dd0efd35709b16939af78b748a33bbed617412bc"


@pytest.mark.parametrize(
    "same",
    [
        SYNTAX.replace("import a.b as c\n", "import a.b as c  # a comment\n\n\n"),
        SYNTAX.replace('"""A method."""', '"""Another text."""'),
        SYNTAX.replace('"""A class."""\n', ""),
        SYNTAX.replace('"""A text about a constant."""\n', ""),
        SYNTAX.replace("1_000", "1000"),
    ],
)
def test_prose_and_layout_leave_the_hash_as_it_is(same):
    assert same != SYNTAX
    assert hash_of(same) == hash_of(SYNTAX)


@pytest.mark.parametrize(
    ("old", "new"),
    [("0.1", "0.2"), ("1_000", "1000.0"), ("True, None", "None, True"), ('"tail"', '"tale"'), ("a @= b", "a += b"),
     ("return not a", "return a"), ("only: bool", "only: int"), ("async with", "with"), ("k=None", "k")],
)  # fmt: skip
def test_any_other_change_is_another_hash(old, new):
    assert old in SYNTAX
    assert hash_of(SYNTAX.replace(old, new)) != hash_of(SYNTAX)


@pytest.mark.parametrize(
    "importing",
    [
        "import lstmbench.b",
        "from lstmbench import b",
        "from lstmbench.b import name",
        "from . import b",
        "from .b import name",
        "def late():\n    from lstmbench.b import name",
        "if TYPE_CHECKING:\n    import lstmbench.b as other",
        "command = [python, '-m', 'lstmbench.b']",
    ],
)
def test_an_import_is_followed_however_it_is_written(package, importing):
    package.write(a=importing, b="from lstmbench import c\nimport numpy", c="", d="")
    assert dependencies.closure(("a",)) == ("__init__", "a", "b", "c")


def test_imports_in_a_circle_end(package):
    package.write(a="import lstmbench.b", b="import lstmbench.a")
    assert dependencies.closure(("a",)) == ("__init__", "a", "b")


def test_the_packages_around_a_module_count_as_they_are_run_first(package):
    package.write(a="from lstmbench.inner.b import x")
    package.write("inner", __init__="from . import c", b="", c="")
    assert dependencies.closure(("a",)) == ("__init__", "a", "inner", "inner.b", "inner.c")


LOADER = "import importlib\ndef load(name):\n    return importlib.import_module(f'{__name__}.{name}')\ndef other(): ..."


def test_what_a_module_loads_by_name_counts_whole_unless_it_is_said_which(package):
    package.write("tasks", __init__=LOADER, x="from lstmbench import b", y="")
    package.write(
        b="", a="from lstmbench import tasks\ntasks.load(name)", c="from lstmbench import tasks\ntasks.other()"
    )
    assert dependencies.closure(("a",)) == ("__init__", "a", "b", "tasks", "tasks.x", "tasks.y")
    assert dependencies.closure(("a", "tasks.y")) == ("__init__", "a", "tasks", "tasks.y")
    assert dependencies.closure(("a", "tasks")) == ("__init__", "a", "tasks")
    assert dependencies.closure(("c",)) == ("__init__", "c", "tasks")


def test_what_only_a_module_without_numbers_imports_does_not_count_for_numbers(package):
    package.write("utils", __init__="", progress="import lstmbench.c")
    package.write(a="import lstmbench.utils.progress, lstmbench.b", b="", c="X = 1")
    before = dependencies.numbers_hash("a"), dependencies.code_hash("a")
    package.write(c="X = 2")
    assert (dependencies.numbers_hash("a"), dependencies.code_hash("a")) == (before[0], dependencies.code_hash("a"))
    assert dependencies.code_hash("a") != before[1]


def test_a_module_without_numbers_that_is_named_is_one_there_is():
    assert all(dependencies._is_module(name) for name in dependencies.NO_NUMBERS)


def test_the_hash_is_the_same_wherever_the_package_lies(package, tmp_path, monkeypatch):
    package.write(a="from lstmbench import b", b="X = 1")
    before = dependencies.code_hash("a")
    package.folder.rename(tmp_path / "elsewhere")
    monkeypatch.setattr(dependencies, "PACKAGE", tmp_path / "elsewhere")
    forget()
    assert dependencies.code_hash("a") == before


def hashes() -> dict[str, tuple[str, str]]:
    """Both hashes of every module that has a command line."""
    verbs = sorted(f"commands.{path.stem}" for path in (dependencies.PACKAGE / "commands").glob("[!_]*.py"))
    assert len(verbs) > 20
    return {verb: (dependencies.code_hash(verb), dependencies.numbers_hash(verb)) for verb in verbs}


@pytest.mark.slow
def test_a_change_in_any_module_changes_the_hashes_of_what_imports_it_and_no_others(package):
    shutil.copytree(REAL, package.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    forget()
    before = hashes()
    for path in sorted(package.folder.rglob("*.py")):
        name = ".".join(path.relative_to(package.folder).with_suffix("").parts).removesuffix(".__init__")
        source = path.read_text(encoding="utf-8")
        path.write_text(source + '\n# A comment.\n"""A text."""\n', encoding="utf-8")
        forget()
        assert hashes() == before, name
        path.write_text(source + "\nADDED = 1\n", encoding="utf-8")
        forget()
        for verb, (all_of_it, numbers) in hashes().items():
            assert (all_of_it != before[verb][0]) == (name in dependencies.closure((verb,))), (name, verb)
            assert (numbers != before[verb][1]) == (
                name in dependencies.closure((verb,), frozenset(dependencies.NO_NUMBERS))
            ), name
        path.write_text(source, encoding="utf-8")


@pytest.mark.parametrize("implementation", ["reference", "pytorch_fused-torch2.12", "tensorflow_multiworker"])
def test_a_run_depends_on_the_schedule_and_its_implementation_and_on_no_other(implementation):
    roots = dependencies.roots_of_run("classifier", implementation)
    modules = dependencies.closure(roots, frozenset(dependencies.NO_NUMBERS))
    assert {"models.schedule", "training.loop", "models.weights", "tasks.classifier"} < set(modules)
    assert "tasks.language_model" not in modules
    found = {name.removeprefix("implementations.") for name in modules if name.startswith("implementations.")}
    made_from = implementation.partition("-")[0]
    parts = {name for name in found if name.startswith("_")}
    assert found - parts == {made_from, made_from.partition("_")[0]}
    assert all(name.removeprefix("_").startswith(made_from.partition("_")[0]) for name in parts)


def test_the_batches_of_a_language_model_are_among_what_its_runs_depend_on():
    assert "datasets.ptb" in dependencies.closure(dependencies.roots_of_run("language_model", "reference"))


def test_a_process_of_a_measurement_depends_on_the_probe_of_its_framework_if_there_is_one():
    assert "timing.probes.pytorch" in dependencies.closure(dependencies.roots_of_sample("classifier", "pytorch_fused"))
    probes = [
        name
        for name in dependencies.closure(dependencies.roots_of_sample("classifier", "reference"))
        if ".probes." in name
    ]
    assert probes == []


def test_a_template_of_the_page_counts_with_the_module_that_reads_it(package):
    package.write("reporting", __init__="", html="")
    page = dependencies.code_hash("reporting.html")
    package.write("../report/vendor", **{"uPlot.css": ""})
    (package.folder.parent / "report/vendor/uPlot.js").write_text("1", encoding="utf-8")
    forget()
    assert dependencies.code_hash("reporting.html") != page


def test_every_module_that_finds_a_file_of_the_workflow_by_itself_is_known():
    """A rule does not see these files: they count with the module (``READ``), or decide no result."""
    harmless = {
        "orchestration.dependencies": "computes the hash",
        "datasets": "datasets.tsv: the rules take its checksums",
        "commands._case": "no rule runs it",
        "commands.bisect": "no rule runs it",
        "gpu_check.contract": "no rule runs it",
        "system.provenance": "the commit of the checkout",
        "utils.errors": "names the line of the package at which an error was met",
        "models.presets": "the rules take the values of a preset",
        "orchestration.environments": "where another Python finds the package",
        "orchestration.frameworks": "the imports of implementations, whose code counts by itself",
    }
    found = {
        ".".join(path.relative_to(REAL).with_suffix("").parts).removesuffix(".__init__")
        for path in REAL.rglob("*.py")
        if re.search(r"lstmbench\.utils(\.| import .*\b)paths\b", path.read_text(encoding="utf-8"))
    }
    assert found == {*harmless, *dependencies.READ}
    assert [path.name for path in REAL.rglob("*.py") if "__file__" in path.read_text(encoding="utf-8")] == ["paths.py"]


def test_each_rule_takes_the_code_of_the_verb_that_it_runs():
    of_function = dict(
        re.findall(
            r"def (code_of_\w+)\(.*?\n    return (.*?)\n\n", (RULES / "common.smk").read_text("utf-8"), re.DOTALL
        )
    )
    seen = 0
    for path in RULES.glob("*.smk"):
        for text in re.split(r"\n(?:rule|checkpoint) ", path.read_text(encoding="utf-8"))[1:]:
            # attempt only starts the command that its last option precedes.
            started = re.sub(r"-m lstmbench attempt [^\n]*?\"?\n?[ \"]*(train|certify)\b", r"-m lstmbench \1", text)
            verbs = [verb for verb in re.findall(r"-m lstmbench ([\w-]+)", started) if verb != "download"]
            (taken,) = re.findall(r" code=(.*),\n", text) or [""]
            assert taken in ("", *of_function) or taken.startswith("lambda wildcards: ")  # hashed only if it is needed
            taken = of_function.get(taken, taken)
            for verb in verbs:
                assert (
                    f'"commands.{verb.replace("-", "_")}"' in taken
                    or {"train": "training_hash", "sample": "roots_of_sample"}[verb] in taken
                )
                seen += 1
    assert seen >= 17


def test_no_table_is_made_again_because_an_implementation_is_added_or_changed():
    verbs = re.findall(r"-m lstmbench ([\w-]+)", (RULES / "compare.smk").read_text(encoding="utf-8"))
    assert "against-baselines" in verbs
    for verb in verbs:
        root = f"commands.{verb.replace('-', '_')}"
        found = {name for name in dependencies.closure((root,)) if name.startswith("implementations.")}
        # What was learned is computed by the reference itself, whoever trained the model.
        assert found == ({"implementations.reference"} if verb == "learned" else set()), verb
