"""A run that failed for a reason of its own leaves a record that says so; any other failure stays one."""

from __future__ import annotations

import pytest

from lstmbench.datasets import Dataset
from lstmbench.models.presets import PRESETS
from lstmbench.orchestration.failed_runs import FAILED, last_failure
from lstmbench.records.run import read_record
from lstmbench.records.tables import read_table
from lstmbench.reporting import missing_runs
from lstmbench.training import failure
from lstmbench.training.failure import Attempt
from lstmbench.training.session import RunRequest
from lstmbench.utils.errors import DataError, DivergedError, ResourceError
from tests.factories.records import make_record, save
from tests.factories.tables import PUBLISHED, TARGETS
from tests.helpers.run_command import run_command

WHY = "E5-DIVERGED: ptb/small: the loss of update 31 is nan at learning rate 1e+06"


PTB_SMALL = PRESETS / "ptb/small.yaml"


@pytest.fixture(autouse=True)
def _data(monkeypatch):
    """PTB, without its arrays."""
    facts = {"vocab_size": 10_000}
    monkeypatch.setattr(failure, "load_dataset", lambda path: Dataset(path.name, "language_model", facts, {}, "0" * 64))


def fail(results, exit_code=5, log=f"epoch 1\nerror: {WHY}\n", implementation="tensorflow", seed=1, retries=0):
    output = results / f"runs/ptb/small/{implementation}/cpu/seed-{seed}/run.json"
    (results / "log").write_text(log, encoding="utf-8")
    request = RunRequest(
        data=results / "ptb",
        preset_file=PTB_SMALL,
        weights_file=results / "weights.safetensors",
        implementation=implementation,
        device="cpu",
        threads=1,
        seed=seed,
    )
    written = failure.write_failure(request, Attempt(exit_code, results / "log", retries), output)
    assert written == output.exists()
    return output


@pytest.mark.parametrize("code", [4, 5, 6, 132, 134, 135, 136, 137, 139])
def test_a_failure_of_the_run_alone_is_a_record_with_its_reason(tmp_path, code):
    record = read_record(fail(tmp_path, code))
    assert record.failure.exit_code == code
    assert record.task == "language_model"
    assert "error: " not in record.failure.message


@pytest.mark.parametrize("code", [ResourceError.exit_code, 132, 137, 139])
def test_a_lack_of_memory_or_a_crash_that_a_retry_may_mend_is_no_record(tmp_path, code):
    fail(tmp_path, code, retries=1)
    assert not list(tmp_path.rglob("run.json"))


def test_what_no_retry_mends_is_a_record_at_once(tmp_path):
    assert read_record(fail(tmp_path, DivergedError.exit_code, retries=3)).failure.message == WHY


def test_the_reason_is_the_error_message_of_the_log(tmp_path):
    assert read_record(fail(tmp_path)).failure.message == WHY


@pytest.mark.parametrize(
    ("code", "how"),
    [(137, "KILLED: ended by SIGKILL, as the system does"), (139, "CRASHED: ended by SIGSEGV, as a framework can")],
)
def test_a_killed_or_crashed_run_names_the_signal_and_its_last_words(tmp_path, code, how):
    message = read_record(fail(tmp_path, code, "epoch 1\nepoch 2\n")).failure.message
    assert message.startswith(f"E{code}-{how} when memory runs out; its last words: epoch 2; the model needs at least")


@pytest.mark.parametrize(
    "words",
    [
        "what(): std::bad_alloc",
        "RuntimeError: CUDA_ERROR_OUT_OF_MEMORY",
        "Cannot allocate memory",
        "OpenBLAS error: malloc failed in blas_memory_alloc",
        "[low_level_alloc.cc : 599] RAW: mmap error: 12",
        "memory allocation of 6553600 bytes failed",
    ],
)
def test_an_abort_for_lack_of_memory_is_a_record_with_the_estimate(tmp_path, words):
    message = read_record(fail(tmp_path, 134, f"{words}\n")).failure.message
    assert message.startswith(f"E134-ABORTED: out of memory; its last words: {words}; the model needs at")


@pytest.mark.parametrize("words", ["Check failed: a == b", "RAW: mmap error: 1"])
def test_any_other_abort_is_a_record_that_speaks_of_no_memory(tmp_path, words):
    message = read_record(fail(tmp_path, 134, f"{words}\n")).failure.message
    assert message == f"E134-ABORTED: ended by SIGABRT; its last words: {words}"


def test_a_processor_without_the_instructions_of_a_build_is_a_record_although_the_log_is_empty(tmp_path):
    message = read_record(fail(tmp_path, 132, "")).failure.message
    assert message.startswith("E132-CRASHED: ended by SIGILL, as on a processor that lacks instructions of a framework")
    assert message.endswith("; its last words: none")


@pytest.mark.parametrize("code", [1, 2, 3, 7, 8, 75, 129, 130, 143])
def test_any_other_failure_is_no_record(tmp_path, code):
    fail(tmp_path, code)
    assert not list(tmp_path.rglob("run.json"))


def test_a_hostile_log_makes_a_harmless_record(tmp_path):
    record = read_record(fail(tmp_path, log="error: \x1b[2J=HYPERLINK(1)\x00" + "x" * 5000))
    assert record.failure.message.startswith(r"\x1b[2J=HYPERLINK(1)\x00")
    assert len(record.failure.message) == 2000


def test_a_failure_is_kept_beside_the_record_and_told_from_the_one_before(tmp_path, monkeypatch):
    path = fail(tmp_path)
    beside = path.with_name(FAILED)
    assert beside.read_bytes() == path.read_bytes()
    first = last_failure(beside)
    path.unlink()  # as Snakemake does before it tries again
    assert last_failure(beside) == first
    monkeypatch.setattr(failure, "utc_now", lambda: "2026-01-02T03:04:05+00:00")
    fail(tmp_path)
    assert first != last_failure(beside) != ""


def test_a_run_that_never_failed_has_no_last_failure(tmp_path):
    (good,) = save(tmp_path, make_record())
    assert last_failure(good.with_name(FAILED)) == ""


@pytest.fixture
def shown(tmp_path):
    """The folder of the tables of these records."""

    def build(*paths):
        run_command("collect", ["--output-dir", str(tmp_path / "tables"), *map(str, paths)])
        folder = tmp_path / "tables"
        run_command("tabulate", ["--tables", str(folder), "--published", str(PUBLISHED), "--targets", str(TARGETS)])
        return folder

    return build


def test_a_failed_run_is_a_row_of_the_quality_table_with_its_reason(shown, tmp_path):
    folder = shown(*save(tmp_path, make_record()), fail(tmp_path), fail(tmp_path, seed=2))
    good, failed = read_table(folder / "quality.csv").to_dict("records")
    assert (good["n"], good["failure"]) == (1, "")
    assert (failed["implementation"], failed["n"], failed["seeds"]) == ("tensorflow", 0, "1 2")
    assert failed["failure"] == WHY
    text = (folder / "quality.md").read_text(encoding="utf-8")
    assert f"failed (seed 1 2): {WHY}" in text
    assert "| nan" not in text


def test_a_failed_run_changes_no_number_of_the_others(shown, tmp_path):
    runs = save(tmp_path, make_record(seed=1, metric=100.0), make_record(seed=2, metric=400.0))
    row = read_table(shown(*runs, fail(tmp_path, implementation="pytorch", seed=3)) / "quality.csv").iloc[0]
    assert (row["n"], round(row["test_mean"], 9)) == (2, 200.0)


def test_a_data_set_of_which_every_run_failed_has_its_reason_beside_the_others_numbers(shown, tmp_path):
    folder = shown(*save(tmp_path, make_record("mnist")), fail(tmp_path))
    good, failed = read_table(folder / "quality.csv").to_dict("records")
    assert (good["dataset"], good["n"], good["failure"]) == ("mnist", 1, "")
    assert (failed["dataset"], failed["n"], failed["failure"]) == ("ptb", 0, WHY)


def test_if_every_run_failed_the_tables_are_refused_in_one_line_with_the_reasons(shown, tmp_path):
    with pytest.raises(DataError) as caught:
        shown(fail(tmp_path), fail(tmp_path, 4, "error: E4-MACHINE: no GPU\n", seed=2))
    assert str(caught.value) == f"every run failed: {WHY}; E4-MACHINE: no GPU"


def test_of_many_reasons_why_every_run_failed_the_first_are_listed_and_the_others_counted(shown, tmp_path):
    with pytest.raises(DataError, match=r"^every run failed: E5.*; E5-DIVERGED: 5; 3 more reasons$"):
        shown(*(fail(tmp_path, log=f"error: E5-DIVERGED: {seed}\n", seed=seed) for seed in range(1, 9)))


def test_the_report_counts_failures_and_lists_their_reasons(shown, tmp_path):
    shown(*save(tmp_path, make_record()), fail(tmp_path))
    failures = read_table(tmp_path / "tables/failures.csv")
    assert list(missing_runs.failed(failures)) == [("ptb, small, tensorflow on cpu, seed 1", WHY, "")]
