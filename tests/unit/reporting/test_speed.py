"""The tables of speed as text: readable, and without a claim that the numbers do not bear."""

from __future__ import annotations

import pytest

from lstmbench.records.measurement import write_measurement
from lstmbench.records.tables import read_table
from lstmbench.reporting import speed
from lstmbench.statistics.spread import iqr_over_median
from tests.factories.measurements import edited, make_measurement
from tests.helpers.run_command import run_command

SPEEDS = {
    "pytorch_plain": [8.0, 8.1, 7.9, 8.05, 7.95],
    "pytorch": [8.01, 7.9, 8.1, 7.95, 8.06],
    "pytorch_fused": [10.0, 10.2, 9.8, 10.1, 9.9],
    "tensorflow": [5.0, 5.1, 4.9, 5.05, 4.95],
}


@pytest.fixture
def tables(tmp_path):
    """Analysed tables of the measurements given, by name, as analyse wrote and a reader reads them."""

    def build(*measurements):
        paths = [tmp_path / f"{place}/measurement.json" for place, _ in enumerate(measurements)]
        for path, measurement in zip(paths, measurements, strict=True):
            write_measurement(path, measurement)
        run_command("analyse", ["--output-dir", str(tmp_path), *map(str, paths)])
        found = {path.stem: read_table(path) for path in tmp_path.glob("*.csv")}
        return found | {"phases": found["speed"]}

    return build


def shown(tables, name, dataset="ptb"):
    return speed.by_dataset(name, tables[name])[dataset]


def in_words(tables):
    return "\n".join(speed.in_words(tables["speed"], tables["ratios"]))


def test_a_speed_table_reads_as_intended(tables):
    (row,) = shown(tables(make_measurement({"tensorflow": [2.0, 2.0]})), "speed").to_dict("records")
    assert row == {
        "size": "small",
        "implementation": "tensorflow",
        "device": "cpu",
        "words/s": "800",
        "95 % interval": "800 to 800",
        "n": "2",
        "ms/step": "500",
        "GFLOP/s": "3.71",
        "share of the ceiling": "10 % (10 to 10)",
        "first step, s": "1.50",
        "verdict": "good",
    }


def test_one_process_is_said_to_give_no_interval(tables):
    built = tables(make_measurement({"pytorch": [10.0], "tensorflow": [5.0]}))
    assert set(shown(built, "speed")["95 % interval"]) == {"one process: no interval"}
    assert shown(built, "ratios")["95 % interval"].tolist() == ["one pair: no interval"]
    assert "pytorch trains 2.00 times as fast as tensorflow (one pair: no interval)." in in_words(built)


def test_a_case_that_failed_is_a_row_with_its_reason(tables):
    built = tables(make_measurement({"pytorch": [10.0]}, failures={"tensorflow": "no GPU"}))
    rows = shown(built, "speed").set_index("implementation")
    assert rows.loc["tensorflow", "verdict"] == "failed: no GPU"
    assert rows.loc["tensorflow", "words/s"] == "\N{EN DASH}"
    text = in_words(built)
    assert "pytorch is the fastest that may be quoted, with " in text
    assert text.endswith("Not to be quoted: tensorflow (failed: no GPU).")


def test_a_long_reason_is_one_sentence_in_the_table_and_in_words(tables):
    reason = "E4-MACHINE: it did not run as loop over time; expected MatMul; found 12 others"
    built = tables(make_measurement({"pytorch": [10.0]}, failures={"tensorflow": reason}))
    rows = shown(built, "speed").set_index("implementation")
    assert rows.loc["tensorflow", "verdict"] == "failed: E4-MACHINE: it did not run as loop over time"
    assert in_words(built).endswith("tensorflow (failed: E4-MACHINE: it did not run as loop over time).")


def test_a_group_of_which_all_failed_is_shown_and_quotes_nothing(tables):
    built = tables(make_measurement({}, failures={"tensorflow": "no GPU"}), make_measurement(SPEEDS, size="large"))
    assert shown(built, "speed").columns[3] == "words/s"
    small, large = in_words(built).splitlines()
    assert small == "Training speed, size small on cpu: Not to be quoted: tensorflow (failed: no GPU)."
    assert "pytorch_fused is the fastest" in large


def test_tables_without_a_row_say_why(tables, tmp_path):
    tables(make_measurement({}, failures={"tensorflow": "no GPU"}))
    for name in ("ratios", "anatomy", "products"):
        assert speed.EMPTY[name] in (tmp_path / f"{name}.md").read_text(encoding="utf-8")


def test_a_failure_cannot_become_html_or_break_the_table(tables, tmp_path):
    tables(make_measurement({"pytorch": [1.0]}, failures={"tensorflow": "<script>alert(1)</script> | # y"}))
    text = (tmp_path / "speed.md").read_text(encoding="utf-8")
    assert "&lt;script>" in text
    assert "<script" not in text
    (line,) = [line for line in text.splitlines() if "script" in line]
    assert line.startswith("| small")
    assert "\\| # y" in line


def test_no_table_says_nan(tables, tmp_path):
    tables(make_measurement(SPEEDS), make_measurement({"pytorch": [1.0]}, size="large", failures={"tensorflow": "x"}))
    for path in tmp_path.glob("*.md"):
        text = path.read_text(encoding="utf-8").lower()
        assert not any(word in text for word in ("nan", "none |", "<na>")), path


def test_a_good_verdict_tells_all_the_same_what_disturbed_it_and_so_do_the_words(tables):
    disturbed = {"disturbances": ["steal 4.5 % > 1.0 %"], "load__steal_share": 0.045}
    built = tables(make_measurement({"pytorch": [1.0]}, blocks=4, **disturbed))
    assert in_words(built).endswith("Disturbed in some process: pytorch.")
    assert shown(built, "speed")["verdict"].tolist() == ["good; too few blocks to test; disturbed: steal 4.5 % > 1.0 %"]


def test_a_ratio_with_a_speed_that_is_not_quotable_is_marked_and_not_quoted(tables):
    measurement = make_measurement({"pytorch": [10.0] * 3, "tensorflow": [5.0] * 3})
    blocks = measurement.blocks
    odd = (blocks["implementation"] == "tensorflow") & (blocks["block"] % 2 == 1)
    # Some blocks faster and some slower, so that each process takes as long as it says.
    blocks.loc[odd, "seconds"] *= 1.3

    def as_timed(sample):
        mine = blocks[(blocks["implementation"] == sample["implementation"]) & (blocks["round"] == sample["round"])]
        sample["phases"]["steady_seconds"] = sample["load"]["wall_seconds"] = float(mine["seconds"].sum())
        sample["load"]["cpu_seconds"] = 1.98 * sample["load"]["wall_seconds"]
        sample["spread"] = iqr_over_median((mine["seconds"] / mine["steps"]).tolist())
        sample["disturbances"] = ["its blocks spread"] if sample["spread"] > 0.1 else []

    built = tables(edited(measurement, as_timed))
    assert shown(built, "ratios")["verdict"].tolist() == ["not to be quoted: one of the speeds is not"]
    assert "times as fast" not in in_words(built)
    assert "Not to be quoted: tensorflow (blocks spread by" in in_words(built)


def test_an_interval_that_holds_one_is_inconclusive_in_the_table_and_in_words(tables):
    built = tables(make_measurement({name: SPEEDS[name] for name in ("pytorch", "pytorch_plain")}))
    assert shown(built, "ratios")["verdict"].tolist() == ["inconclusive"]
    assert "Between pytorch and pytorch_plain it is inconclusive (1.00 times as fast, 95 % interval 0.9" in in_words(
        built
    )


def test_the_ratios_told_are_those_within_a_framework_and_between_the_best(tables):
    text = in_words(tables(make_measurement(SPEEDS)))
    assert text.count("times as fast") == 2
    assert "pytorch_fused trains 1.25 times as fast as pytorch_plain (95 % interval 1.2" in text
    assert "pytorch_fused trains 2.00 times as fast as tensorflow (" in text


def test_the_anatomy_has_a_column_per_implementation_and_the_parts_in_order(tables):
    built = tables(make_measurement({"pytorch": [10.0], "tensorflow": [5.0]}))
    rows = shown(built, "anatomy")
    assert list(rows) == ["size", "device", "part", "pytorch", "tensorflow"]
    assert rows[["part", "pytorch"]].to_numpy().tolist() == [
        ["recurrent, forward", "40.0 (30.0)"],
        ["output, backward", "30.0 (20.0)"],
        ["clip", "10.0"],
        ["between operations", "20.0"],
        ["the whole step", "100"],
    ]


def test_an_anatomy_that_covers_little_of_the_step_says_how_much_in_the_table_and_below_it(tables, tmp_path):
    little = make_measurement({"pytorch": [10.0], "tensorflow": [5.0]})
    seconds = {"samples__0__details__trace__step_seconds": 0.081, "samples__1__details__trace__step_seconds": 0.4}
    built = tables(edited(little, **seconds))
    assert shown(built, "anatomy").to_numpy()[-1].tolist()[-2:] == ["81.0", "400, 20 % traced"]
    text = (tmp_path / "anatomy.md").read_text(encoding="utf-8")
    assert "tensorflow, small on cpu: the operations that the profiler shows take 20 % of the step" in text
    assert "pytorch, small" not in text


def test_a_path_that_was_not_seen_is_told_beside_the_speed_which_stands(tables):
    measurement = make_measurement({"pytorch": [1.0] * 3})
    built = tables(edited(measurement, samples__0__details__trace__path=None))
    assert shown(built, "phases")["path"].tolist() == ["not seen"]
    assert shown(built, "speed")["verdict"].tolist() == ["good; path not seen"]
    assert "pytorch is the fastest with" in in_words(built)


def test_threads_stand_in_a_column_only_where_they_differ(tables):
    more = edited(make_measurement({"pytorch": [20.0]}, size="large"), threads=4)
    assert "threads" not in shown(tables(make_measurement({"pytorch": [10.0]})), "speed")
    assert shown(tables(make_measurement({"pytorch": [10.0]}), more), "anatomy")["threads"].unique().tolist() == [
        "2",
        "4",
    ]


def test_the_notes_name_a_machine_once_with_the_libraries_of_each_implementation(tables, tmp_path):
    def with_torch(sample):
        if sample["implementation"] != "tensorflow":
            sample["versions"] = {"torch": "2.13.0"}

    speeds = {name: [10.0] for name in ("pytorch", "pytorch_fused", "tensorflow")}
    tables(edited(make_measurement(speeds), with_torch))
    (note,) = [
        line for line in (tmp_path / "speed.md").read_text(encoding="utf-8").splitlines() if "Measured on" in line
    ]
    assert "Measured on Example CPU, 2 threads of 2 cores" in note
    assert "commit 0123456789ab: pytorch, pytorch_fused (torch 2.13.0); tensorflow (numpy 2.4.6)." in note


@pytest.mark.parametrize(("device", "said"), [("gpu-tf32", True), ("cpu", False)])
def test_a_share_of_a_gpu_s_ceiling_is_said_to_be_of_products_that_are_launched_one_at_a_time(tables, device, said):
    table = tables(make_measurement({"pytorch": [10.0]}, device=device))["speed"]
    assert (speed.CEILING_ON_GPU in speed.notes("speed", table)) is said
    unmeasured = table.assign(share=float("nan"))
    assert speed.CEILING_ON_GPU not in speed.notes("speed", unmeasured)


def test_a_product_shows_its_shapes_and_which_operand_lies_transposed(tables):
    rows = shown(tables(make_measurement({"pytorch": [10.0]})), "products").set_index("product")
    assert rows.loc["layer 0 state, forward", "times"] == "20"
    assert rows.loc["output, backward", "shapes"] == "[400, 10000] @ [10000, 200], right one transposed"


def test_peak_memory_stands_beside_the_least(tables):
    (row,) = shown(tables(make_measurement({"pytorch": [10.0]})), "phases").to_dict("records")
    assert (row["peak memory, MB"], row["the least, MB"], row["loop"], row["path"]) == (
        "500", "50", "0.50 %", "oneDNN LSTM"
    )  # fmt: skip
    assert "peak GPU memory, MB" not in row


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.00449, "0.00449"), (0.0196, "0.0196"), (0.449, "0.449"), (1.5, "1.50"), (9.999, "10.0"), (99.96, "100"),
        (1234.5, "1,234"), (0.0, "0"), (float("nan"), "\N{EN DASH}"),
    ],
)  # fmt: skip
def test_a_small_number_has_three_significant_digits_as_well(value, expected):
    assert speed.rounded(value) == expected
