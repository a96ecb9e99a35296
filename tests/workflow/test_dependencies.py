"""A rule depends on content: an edit of code plans the rules that compute with it, another folder plans none."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lstmbench.orchestration import dependencies
from lstmbench.utils.paths import ROOT
from tests.helpers.workdir import CONFIG, TINY, Workdir, edited, planned


def test_another_schedule_of_the_learning_rate_trains_again(workdir):
    change = ("workflow/lstmbench/models/schedule.py", "max(epoch - preset.full_rate_epochs, 0)", "max(epoch - 1, 0)")
    with edited(workdir, change):
        assert workdir.planned()["train"] == 2


def test_another_margin_of_equivalence_makes_the_tables_again_and_trains_nothing(workdir):
    with edited(workdir, ("workflow/lstmbench/statistics/equivalence.py", "MARGINS = {", 'MARGINS = {"none": 0.0, ')):
        jobs = workdir.planned()
    assert jobs["tabulate"]
    assert not jobs["train"]


def test_prose_plans_nothing(workdir):
    with edited(
        workdir,
        ("workflow/lstmbench/models/schedule.py", '"""Return the learning rate of', '"""How fast to learn in'),
        ("workflow/lstmbench/training/loop.py", "from __future__", "# Another comment.\nfrom __future__"),
        ("workflow/lstmbench/implementations/copycat.py", "another name", "a name of its own"),
        ("workflow/presets/markov/tiny.yaml", "source:", "# Another comment.\nsource:"),
    ):
        assert not workdir.planned()


def test_a_run_depends_on_the_content_of_weights_of_any_size_not_on_their_time(workdir):
    (workdir.root / "workflow/presets/markov/wide.yaml").write_text(TINY.replace("hidden_size: 8", "hidden_size: 256"))
    run = "results/wide/runs/markov/wide/reference/cpu/seed-1/run.json"
    changes = {"sizes": "[wide]", "results": "results/wide"}
    done = workdir.snakemake(run, **changes)
    assert done.returncode == 0, done.stdout
    weights = workdir.root / "results/weights/markov/wide/seed-1.safetensors"
    content = weights.read_bytes()
    assert len(content) > 1_000_000  # up to here Snakemake would compare content by itself
    weights.touch()
    assert not workdir.planned(run, **changes)
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert workdir.planned(run, **changes) == {"train": 1}


def test_the_profile_for_slurm_compares_inputs_as_the_default_one_does():
    limits = [
        yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text(encoding="utf-8"))["max-checksum-file-size"]
        for name in ("default", "slurm")
    ]
    assert limits[0] == limits[1]


@pytest.mark.parametrize("seeds", ["[2]", "[2,1]"])
def test_other_seeds_measure_no_speed_again(workdir, seeds):
    jobs = workdir.planned(seeds=seeds)
    assert (jobs["train"], jobs["measure"]) == (2, 0)


def test_a_published_value_and_a_target_of_another_data_set_plan_nothing(workdir):
    for path in ("workflow/published.tsv", "workflow/targets.tsv"):
        with edited(workdir, (path, "\nptb\tsmall\t", "\n\nptb\tmedium\t")):
            assert not workdir.planned()
    with edited(workdir, ("workflow/targets.tsv", "\t16.31\t", "\t16.4\t")):
        assert workdir.planned()["tabulate"] == 1


NUMBERS = {
    "prepare": {"datasets.markov"},
    "initialise": {"tasks.language_model"},
    "train": {"tasks.language_model", "implementations.reference", "implementations.copycat"},
    "measure": {
        "commands.sample",
        "tasks.language_model",
        "implementations.reference",
        "implementations.copycat",
        "timing.probes",
    },
}
"""What each rule that computes numbers loads by name in the workdir."""

TABLES = (
    "collect",
    "tabulate",
    "precision",
    "against_baselines",
    "scaling",
    "plot",
    "analyse",
    "plot_speed",
    "plot_overview",
    "learned",
    "closing",
    "report",
)
"""The rules that show numbers; each runs the command of its name."""


def imported_by(rule: str, without: frozenset[str] = frozenset()) -> set[str]:
    """The modules that a rule of the workdir imports, directly or not."""
    certify = {"implementations.copycat", "implementations.reference"}
    roots = NUMBERS.get(rule) or (certify if rule == "certify" else set())
    return set(dependencies.closure((f"commands.{rule}", *sorted(roots)), without))


def depends_on(rule: str) -> set[str]:
    """The modules of which a change makes a rule of the workdir run again."""
    return imported_by(rule, frozenset(dependencies.NO_NUMBERS) if rule in NUMBERS else frozenset())


@pytest.fixture
def code_of_workdir(workdir, monkeypatch):
    """The dependencies of the workdir's package, which has an implementation more."""
    monkeypatch.setattr(dependencies, "PACKAGE", workdir.root / "workflow/lstmbench")
    caches = [value for value in vars(dependencies).values() if hasattr(value, "cache_clear")]
    for one in caches:
        one.cache_clear()
    yield
    for one in caches:
        one.cache_clear()


@pytest.mark.usefixtures("code_of_workdir")
def test_every_module_that_a_rule_imports_when_it_runs_is_found_in_the_source(workdir):
    rules = {}
    for path in workdir.recorder.glob("*.txt"):
        for process in path.read_text(encoding="utf-8").split("\n\n"):
            verb, *modules = process.split() or ["train"]
            rules.setdefault("measure" if verb == "sample" else verb, set()).update(modules)
    assert {*NUMBERS, *TABLES, "certify"} <= rules.keys()
    for rule, modules in rules.items():
        found = {name for name in modules if dependencies._is_module(name)} - {
            "__main__"
        }  # which only starts a command
        assert found <= imported_by(rule), rule


@pytest.mark.usefixtures("code_of_workdir")
def test_a_constant_in_any_module_plans_the_rules_that_depend_on_it(workdir):
    modules = [path.relative_to(dependencies.PACKAGE) for path in sorted(dependencies.PACKAGE.rglob("*.py"))]
    seed = random.randrange(10**6)
    print(f"modules drawn with seed {seed}")  # which pytest shows of a failure
    for module in random.Random(seed).sample(modules, 5):
        name = ".".join(module.with_suffix("").parts).removesuffix(".__init__")
        expected = {rule for rule in (*NUMBERS, *TABLES, "certify") if name in depends_on(rule)}
        text = (dependencies.PACKAGE / module).read_text(encoding="utf-8")
        with edited(workdir, (f"workflow/lstmbench/{module}", text, f"{text}\n\nADDED = 1\n")):
            done = workdir.snakemake("--dry-run")
        # The rules after them are planned as well.
        assert expected <= planned(done).keys(), name
        changed = re.findall(r"params have changed since last execution:\n +(.*)", done.stdout)
        assert set(", ".join(changed).split(", ")) - {""} <= expected, name
        assert bool(changed) == bool(expected), name


@pytest.fixture
def moved(workdir: Workdir, tmp_path: Path) -> Iterator[Workdir]:
    """The workdir and its results at another place."""
    root = tmp_path / "project2"
    workdir.root.rename(root)
    yield Workdir(root)
    root.rename(workdir.root)


def test_nothing_is_planned_after_the_project_has_moved(moved):
    assert not moved.planned()


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A configuration in a folder of its own, which has a space in its name."""
    folder = tmp_path / "else where"
    folder.mkdir()
    config = {key: yaml.safe_load(value) for key, value in CONFIG.items()}
    config["implementations"] = config["speed"]["implementations"] = ["reference"]
    (folder / "mine.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder / "mine.yaml"


def test_results_go_where_the_working_directory_is(workdir, mine):
    tables = [f"results/tiny/tables/{name}.csv" for name in ("baseline_quality", "quality")]
    words = [*tables, "-s", str(workdir.root / "Snakefile"), "-d", str(mine.parent), "--configfile", str(mine)]
    done = workdir.command(*words)
    assert done.returncode == 0, done.stdout
    assert all((mine.parent / table).exists() for table in tables)
    words[words.index("-s") + 1] = str(mine.parent / "moved/Snakefile")
    workdir.root.rename(mine.parent / "moved")
    try:
        again = Workdir(mine.parent / "moved").command(*words, "--dry-run")
    finally:
        (mine.parent / "moved").rename(workdir.root)
    assert not planned(again)


def test_rules_run_in_the_python_that_runs_snakemake(workdir, mine):
    other = mine.parent / "bin/python"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\necho 'another Python' >&2\nexit 1\n", encoding="utf-8")
    other.chmod(0o755)
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("snakemake"), "--cores", "1", "-s", workdir.root / "Snakefile"),
            *("-d", mine.parent, "results/data/markov/manifest.json", "--configfile", mine),
        ],
        env={**os.environ, "PATH": f"{other.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_package_of_another_checkout_that_is_installed_does_not_take_the_place_of_this_one(workdir, mine):
    """Snakemake imports the logger plugin of the other, which is found first."""
    environment = {**workdir.circumstances()["env"], "PYTHONPATH": str(ROOT / "workflow")}
    for logger in ([], ["--logger", "lstmbench"]):
        done = subprocess.run(
            [
                *("snakemake", "--cores", "1", *logger, "-s", workdir.root / "Snakefile", "-d", mine.parent),
                *("results/weights/markov/tiny/seed-1.safetensors", "--forceall", "--configfile", mine),
            ],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        # Only the workdir has a size of this name.
        assert done.returncode == 0, done.stdout + done.stderr
