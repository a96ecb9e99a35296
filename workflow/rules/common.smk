# Define what all rules share: the checked selection, the paths, and the environment of the jobs.

import csv
import json
import os
import shlex
import sys
from functools import cache
from pathlib import Path

PACKAGE_ROOT = Path(workflow.basedir) / "workflow"
# So the jobs and the next lines find the package without an installation.
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH")])))
sys.path.insert(0, str(PACKAGE_ROOT))
# An installed package of another checkout, and its terminal plugin, must not replace those of this checkout.
if getattr(sys.modules.get("lstmbench"), "__path__", [str(PACKAGE_ROOT / "lstmbench")])[0] != str(
    PACKAGE_ROOT / "lstmbench"
):
    for name in [name for name in sys.modules if name.partition(".")[0] == "lstmbench"]:
        del sys.modules[name]
# `python` in the rules is the one that runs Snakemake, unless each job has an environment (--sdm conda).
if not workflow.deployment_settings.deployment_method:
    os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]))

from lstmbench import datasets
from lstmbench.orchestration import frameworks
from lstmbench.orchestration.dependencies import code_hash, content_hash, numbers_hash, roots_of_sample, training_hash
from lstmbench.orchestration.environments import failure_file, installed, interpreter, tools
from lstmbench.utils.errors import PREFIX, BenchError, UsageError
from lstmbench.orchestration.announcement import announce
from lstmbench.utils.conversion import plain
from lstmbench.utils.files import hash_json
from lstmbench.implementations import framework, split
from lstmbench.system.device import split_device
from lstmbench.models.presets import load_preset
from lstmbench.records import paths, table_names
from lstmbench.orchestration.resources import UNPLANNED, read_plan, require_cores_of_job
from lstmbench.orchestration.failed_runs import FAILED, failed_sample, last_failure
from lstmbench.orchestration.selection import SPEED_SEED, require_own_results
from lstmbench.orchestration.config import checked, own_contents, require_once, require_path, require_plain
from lstmbench.orchestration.terminal import Job
from lstmbench.utils.escaping import printable


def stop(error):
    """End with one line for the user, because a WorkflowError would add places in this file."""
    print(f"{PREFIX}{error.label}: {printable(str(error))}", file=sys.stderr)
    sys.exit(error.exit_code)


# The machine that a job is sent to downloads and prepares nothing, so it need not have the user's files and folders.
if not workflow.is_main_process:
    config["local_data"] = []

try:
    require_path(Path(workflow.basedir))
    if workflow.is_main_process:
        require_once(sys.argv)
        for file in workflow.configfiles:
            require_plain(Path(file))
    SELECTION = checked(config)
    require_own_results(SELECTION.results)
    OWN_CONTENTS = own_contents(SELECTION) if workflow.is_main_process else {}
except BenchError as error:
    stop(error)

# Files of the workflow.  As inputs they would repeat everything after the folder has moved.  As parameters, Snakemake
# compares texts and numbers, but no Path.  So each is a parameter together with what a rule reads in it.
PRESETS = Path(HOME, "workflow/presets")
PUBLISHED = Path(HOME, "workflow/published.tsv")
TARGETS = Path(HOME, "workflow/targets.tsv")
TOOLS = Path(HOME, "envs/tools.yaml")
BASELINES = Path(HOME, "results/baselines")

# The selection for the commands that read it.
SELECTED = json.dumps(plain(SELECTION.for_tables()))

# All configurations share data, weights and environments; the rest is below `results`.
DATA = Path("results/data")
WEIGHTS = Path("results/weights")
ENVIRONMENTS = Path("results/environments")
RESULTS = Path(SELECTION.results)
TABLES = RESULTS / "tables"
FIGURES = RESULTS / "figures"

# The planned runs; empty without a plan.
PLANS = RESULTS / "plan"
PLAN = PLANS / "plan.csv"
PLANNED = read_plan(PLAN, SELECTION)


def terminal_handlers():
    """Return the log handlers of `make` (snakemake --logger lstmbench); none with plain Snakemake."""
    return [handler for handler in workflow.logger_manager.get_log_handlers() if hasattr(handler, "close_with")]


def closing_text():
    """Return the closing table of the requested target, or None if it has none."""
    made = {str(path) for job in workflow.dag.jobs for path in job.output}
    wanted = [*rules.closing.output, *rules.closing_speed.output]
    found = [Path(path) for path in wanted if str(path) in made and Path(path).exists()]
    return found[0].read_text(encoding="utf-8") if found else None


for handler in terminal_handlers():
    handler.close_with(closing_text)


def jobs_to_show(planned):
    """Return what the terminal shows of the jobs; ``planned``: seconds of a training run of each planned case."""
    jobs = [job for job in workflow.dag.needrun_jobs() if job.is_shell]
    makers = {str(path): job.jobid for job in jobs for path in job.output}
    return [
        Job(
            job.rule.name,
            dict(job.wildcards_dict),
            planned.get(tuple(map(job.wildcards_dict.get, paths.CASE_COLUMNS))) if job.rule.name == "train" else None,
            job.jobid,
            frozenset(makers[str(path)] for path in job.input if str(path) in makers),
        )
        for job in jobs
    ]


# Not earlier: only now are the executor and the jobs known, and none of the jobs has started yet.
onstart:
    if config["device"] == "auto" and workflow.non_local_exec:
        stop(
            UsageError(
                f"device auto: expected cpu or gpu, since jobs run on other machines than this one, which has "
                f"{'a' if SELECTION.device == 'gpu' else 'no'} GPU; write --config device=gpu, or device=cpu"
            )
        )
    for job in workflow.dag.needrun_jobs():
        if job.params.get("threads"):
            try:
                require_cores_of_job(
                    job.output[0], threads_of(job.wildcards), workers_of(job.wildcards), job.threads
                )
            except BenchError as error:
                stop(error)
    seconds = {case: planned.seconds for case, planned in PLANNED.items()}
    if not workflow.touch:
        announce(
            SELECTION,
            seconds,
            [(job.rule.name, job.wildcards_dict, job.threads) for job in workflow.dag.needrun_jobs()],
            DATA,
            None if workflow.non_local_exec else workflow.cores,
        )
    for handler in terminal_handlers():
        handler.expect(jobs_to_show(seconds))


onsuccess:
    for handler in terminal_handlers():
        handler.succeed()
    if not terminal_handlers():
        print(closing_text() or "", end="", flush=True)


# A job that must be alone on the machine requests all 100; every other job requests 1.
workflow.global_resources.setdefault("machine", 100)
workflow.global_resources.setdefault("gpu", max(SELECTION.workers))


wildcard_constraints:
    dataset="|".join(SELECTION.datasets),
    size="|".join({*SELECTION.sizes, *SELECTION.speed.sizes}),
    implementation="|".join({*SELECTION.implementations, *SELECTION.speed.implementations}),
    device="|".join({*SELECTION.bare_devices, *SELECTION.devices, *(device for _, device in SELECTION.cases)}),
    seed=r"\d+",
    environment=r"[a-z0-9][a-z0-9._-]*",
    threads=r"\d+",
    scaled="workers|threads",


task_of = SELECTION.task_of


# The parameter `code` of each rule is a function, so that only the code of rules in the plan is read and hashed.
def code_of_run(wildcards):
    return training_hash(task_of(wildcards.dataset), wildcards.implementation)


def code_of_measurement(wildcards):
    task = task_of(wildcards.dataset)
    samples = [root for name in SELECTION.speed.implementations for root in roots_of_sample(task, name)]
    return numbers_hash("commands.measure", *samples)


def code_of_calibration(wildcards):
    return numbers_hash("commands.calibrate", *roots_of_sample(task_of(wildcards.dataset), wildcards.implementation))


def code_of_certificate(wildcards):
    return code_hash("commands.certify", f"implementations.{split(wildcards.implementation)[0]}")


# Conda's environments are not the one that is looked at here; Snakemake itself compares their descriptions.
def versions_here(wildcards):
    """Return the versions of what an implementation imports, in the environment that the jobs share."""
    return [] if workflow.deployment_settings.deployment_method else frameworks.versions(wildcards.implementation)


def missing_in_measurement(wildcards):
    """Return the implementations whose speed is not known, because their framework is missing."""
    record = Path(RESULTS, paths.MEASUREMENT.format(**wildcards))
    own = not workflow.deployment_settings.deployment_method
    return frameworks.never_measured(record, SELECTION.speed.implementations) if own else []


@cache
def hash_of_preset(path):
    return hash_json(plain(load_preset(path)))


@cache
def rows_of_selection(path):
    """Return what the tables of the selection depend on in a file of the workflow whose first column is a data set."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream, delimiter="\t"))
    return hash_json([*rows[:1], *(row for row in rows[1:] if row and row[0] in SELECTION.datasets)])


def own_tools(environment):
    """Return the tools that an environment is built with; none are installed into a Python that exists."""
    return tools(TOOLS) if isinstance(SELECTION.environments[environment], list) else []


def preset_file(wildcards):
    return PRESETS / SELECTION.preset_folder(wildcards.dataset) / f"{wildcards.size}.yaml"


def preset_values(wildcards):
    """Return what a rule depends on in a preset, without comments."""
    return hash_of_preset(preset_file(wildcards))


def weights_of_speed(wildcards):
    """Return the initial weights for measuring the speed of a size, whatever the seeds of the runs."""
    return expand(rules.initialise.output.weights, dataset=wildcards.dataset, size=wildcards.size, seed=SPEED_SEED)


def listed_sources(dataset):
    """Return the rows of a shipped data set in datasets.tsv."""
    return [] if SELECTION.own(dataset) else datasets.sources(dataset)


def sources_of(wildcards):
    """Return the raw files of a data set and their checksums; of the user's own data also how they are read."""
    if own := SELECTION.own(wildcards.dataset):
        return sorted([*OWN_CONTENTS.get(wildcards.dataset, {}).items(), *own.options.items()])
    return sorted({(source.file, source.sha256) for source in listed_sources(wildcards.dataset)})


def origin_of(wildcards):
    """Return the arguments of prepare that say where the files of a data set are."""
    own = SELECTION.own(wildcards.dataset)
    if own is None:
        return f"--raw {DATA / wildcards.dataset}/raw"
    options = [word for name, value in own.options.items() for word in (f"--{name}", value)]
    return shlex.join([f"--{own.module.removeprefix('own_')}", str(own.path), *options])


def in_cases(pattern, cases):
    """Return ``pattern`` for each case, with implementation, device and threads filled in and other wildcards kept."""
    names, devices = zip(*cases, strict=True) if cases else ((), ())
    counts = map(SELECTION.threads_of, devices)
    return expand(pattern, zip, implementation=names, device=devices, threads=counts, allow_missing=True)


def of_each_measurement(pattern):
    """Return ``pattern`` for each measurement of speed."""
    return expand(pattern, dataset=SELECTION.datasets, size=SELECTION.speed.sizes, device=SELECTION.devices)


def data_tables(names):
    """Return the tables as CSV for people and Parquet for programs."""
    return expand(TABLES / "{name}.{suffix}", name=names, suffix=table_names.DATA_SUFFIXES, allow_missing=True)


def text_tables(names, caption="table"):
    """Return the tables for people; Snakemake's own report shows those that a browser can read."""
    shown = {"category": "Tables", "caption": f"../report/{caption}.rst"}
    marked = [report(TABLES / f"{name}.html", labels={"table": name.replace("_", " ")}, **shown) for name in names]
    others = [suffix for suffix in table_names.TEXT_SUFFIXES if suffix != "html"]
    return [*marked, *expand(TABLES / "{name}.{suffix}", name=names, suffix=others, allow_missing=True)]


def shown_figures(kind, datasets, caption):
    """Return a figure of each data set, with labels in Snakemake's own report."""
    shown = {"category": "Figures", "caption": f"../report/{caption}.rst"}
    files = {name: FIGURES / f"{kind}_{name}.svg" for name in datasets}
    return [report(file, labels={"figure": kind, "data set": name}, **shown) for name, file in files.items()]


def figures_for_paper(kinds, datasets):
    """Return the same figures in the formats for a paper."""
    return expand(FIGURES / "{kind}_{dataset}.{suffix}", kind=kinds, dataset=datasets, suffix=["png", "pdf"])


def threads_of(wildcards):
    """Return the number of threads of each worker of a run."""
    return SELECTION.threads_of(wildcards.device)


def workers_of(wildcards):
    """Return the number of workers that share a run."""
    return split_device(wildcards.device).workers


def threads_as_argument(wildcards):
    """Return a value with its name, because Snakemake compares parameters as a set, where 2 alone is ambiguous."""
    return f"--threads {threads_of(wildcards)}"


def cores_of(wildcards):
    """Return the number of threads of all workers of a run together."""
    return threads_of(wildcards) * workers_of(wildcards)


def share_of_machine(wildcards):
    """Return 1 of 100, or all 100 if runs use several GPUs, because each would start on the first GPU."""
    return 100 if SELECTION.device == "gpu" and max(SELECTION.workers) > 1 else 1


def requested_resources(wildcards, attempt):
    """Return the time and memory that an attempt at a run requests."""
    case = (wildcards.dataset, wildcards.size, wildcards.implementation, wildcards.device)
    request = PLANNED[case].request if case in PLANNED else UNPLANNED
    return request.of_attempt(attempt)


def environment(wildcards):
    """Return the environment of an implementation: its framework's, or that of the tools for plain NumPy."""
    name = framework(wildcards.implementation)
    name = name if Path(workflow.basedir, "envs", f"{name}.yaml").exists() else "tools"
    return f"../../envs/{name}.yaml"
