"""Through the queue to the report: the shipped profile, on nodes of which one has a GPU that is none."""

from __future__ import annotations

import json
import socket

import pytest

from lstmbench import implementations
from lstmbench.records.tables import read_table
from tests.cluster.conftest import RUNS
from tests.cluster.slurm import NODES, PROCESSORS

NAMES = implementations.names()


@pytest.fixture(scope="module")
def whole(build_site):
    """Both embedded data sets with every implementation, cut short, to the report."""
    site = build_site("whole")
    speed = "{sizes: [small], implementations: [reference, pytorch], processes: 1, attempts: 1, blocks: 2}"
    chosen = {"datasets": "[markov,glyphs]", "sizes": "[small]", "implementations": f"[{','.join(NAMES)}]"}
    site.run(results="results/whole", speed=speed, **chosen)
    return site


def test_every_implementation_is_trained_in_the_queue_on_both_embedded_data_sets(whole):
    for dataset in ("markov", "glyphs"):
        for name in NAMES:
            (job,) = whole.jobs("train", dataset, *name.split("_"), "small")[:1] or [None]
            assert job, name
            assert job["JobState"] == "COMPLETED"
            record = json.loads(
                (whole.root / f"results/whole/runs/{dataset}/small/{name}/cpu/seed-1/run.json").read_text()
            )
            assert "failure" not in record, record
    assert (whole.root / "results/whole/report.html").exists()


def test_only_what_a_node_s_own_hardware_and_software_decide_is_submitted(whole):
    assert {job["Comment"].split("_")[1] for job in whole.jobs()} == {"train", "measure", "certify"}


def test_records_and_tables_name_the_node_of_the_process_and_not_the_host_that_submitted(whole):
    paths = [
        *whole.root.glob("results/whole/runs/*/*/*/*/*/run.json"),
        *whole.root.glob("results/whole/measurements/*/*/*/measurement.json"),
    ]
    assert len(paths) == 2 * len(NAMES) + 2
    assert socket.gethostname() not in NODES
    ran = {path: json.loads(path.read_text())["machine"]["node"] for path in paths}
    assert set(ran.values()) <= set(NODES)
    shown = read_table(whole.root / "results/whole/tables/environment.csv")
    used = {node for path, node in ran.items() if path.name == "run.json"}
    assert set(", ".join(shown["nodes"]).split(", ")) == used
    assert set(shown["machine"]) == {1}
    text = (whole.root / "results/whole/tables/environment.md").read_text()
    assert all(node in text for node in used)


def test_what_is_timed_has_a_node_to_itself_and_what_is_not_shares_one(whole):
    measured = whole.jobs("measure")
    assert len(measured) == 2
    assert {job["NumCPUs"] for job in measured} == {str(PROCESSORS)}
    assert {job["NumCPUs"] for job in whole.jobs("train")} == {"1"}


def test_a_run_on_the_gpu_goes_where_one_is(build_site):
    site = build_site("gpu")
    site.run(f"{RUNS}/reference/gpu/seed-1/run.json", device="gpu", implementations="[reference]")
    (job,) = site.jobs("train")
    assert "gres:gpu:1" in job["TresPerJob"]
    assert job["NodeList"] == NODES[-1]
    # It is a file, and the reference takes no GPU anyway: a row with the reason, and nothing to try again.
    record = json.loads((site.root / RUNS / "reference/gpu/seed-1/run.json").read_text())
    assert record["failure"]["exit_code"] == 4


def test_the_runs_of_a_sweep_can_be_one_array(build_site):
    site = build_site("array")
    site.adapt(lambda profile: profile.update({"slurm-array-jobs": "train"}))
    records = [f"{RUNS}/reference/cpu/seed-{seed}/run.json" for seed in (1, 2, 3)]
    chosen = {"implementations": "[reference]", "seeds": "[1,2,3]"}
    # Only jobs that are ready at the same moment make an array.
    site.run(*(f"results/weights/markov/tiny/seed-{seed}.safetensors" for seed in (1, 2, 3)), **chosen)
    site.run(*records, **chosen)
    jobs = site.jobs("train")
    assert len(jobs) == 3
    assert len({job["ArrayJobId"] for job in jobs}) == 1
    assert len({json.loads((site.root / path).read_text())["final_weights_sha256"] for path in records}) == 3
