"""The report: self-contained, safe against whatever a table says, and true to the tables."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import yaml

from lstmbench import datasets
from lstmbench.inference.learned import Continuation, Learned, Sentence, Shown
from lstmbench.orchestration.config import checked
from lstmbench.records.bundle import pack
from lstmbench.records.measurement import write_measurement
from lstmbench.reporting.comparison import TITLE_OF_BASELINES
from lstmbench.reporting.data_sets import about
from lstmbench.reporting.html import SCRIPTS, TEMPLATES
from lstmbench.reporting.reproduce import measure_command, train_command, whole_command
from lstmbench.utils.errors import DataError
from lstmbench.utils.files import hash_file
from tests.factories.measurements import edited, make_measurement
from tests.factories.pages import SELECTION, make_page
from tests.factories.records import CAPS, make_failure, make_pair, make_record, save
from tests.factories.tables import PUBLISHED, TARGETS

NAMES = ("pytorch", "tensorflow")


@pytest.fixture
def page(tmp_path):
    """The page of these records, as text."""

    def build(*records, **options):
        return make_page(tmp_path, *records, **options).read_text(encoding="utf-8")

    return build


class Elements(HTMLParser):
    """Start tags and their attributes; fails on tags that do not match."""

    VOID = ("meta", "img", "br", "wbr")

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def scripts(text):
    return re.findall(r"<script>(.*?)</script>", text, re.S)


def own_scripts():
    return [(TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS]


def source(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def plain(text):
    return html.unescape(re.sub(r"<[^>]+>", "", text)).replace("\N{NO-BREAK SPACE}", " ")


def first_lines(text):
    """The lines of the first screen: data set and size, what the line is about, what was found, how far it carries."""
    return [
        (html.unescape(where), *map(plain, parts))
        for where, lines in re.findall(r'<section class="headline" aria-label="(.*?)">(.*?)</section>', text, re.S)
        for parts in re.findall(
            r"<dt>(.*?)</dt><dd><span class=.said.>(.*?)</span> <span class=.reaches.>(.*?)</span></dd>", lines
        )
    ]


def line(text, where, what):
    """What one line found, and how far it carries."""
    ((found, reaches),) = [rest for place, about, *rest in first_lines(text) if (place, about) == (where, what)]
    return found, reaches


def first_screen(text):
    return plain(text[text.index("<header>") : text.index("</header>")])


def speed_lines(text):
    lists = re.findall(r'<ul class="speeds">(.*?)</ul>', text, re.S)
    return [plain(line) for lines in lists for line in re.findall(r"<li>(.*?)</li>", lines)]


def test_the_page_is_self_contained_and_holds_no_script_but_its_own(page):
    measured = [make_measurement({"pytorch": [10.0]}), make_measurement({"pytorch": [9.0]}, dataset="mnist")]
    text = page(*make_pair(), make_record("mnist"), measured=measured)
    elements = Elements(text).found
    tags = {tag for tag, _ in elements}
    assert not tags & {"link", "iframe", "object", "embed", "base", "form"}
    sources = [attributes["src"] for _, attributes in elements if "src" in attributes]
    assert len(sources) == 9
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert not any(name.startswith("on") for _, attributes in elements for name in attributes)
    assert scripts(text) == own_scripts()


def test_the_policy_allows_the_page_s_scripts_and_styles_by_their_hashes_and_nothing_else(page):
    text = page(make_record())
    elements = Elements(text).found
    (policy,) = [a["content"] for t, a in elements if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.S)
    assert rules == {
        "default-src": "'none'",
        "script-src": " ".join(map(source, scripts(text))),
        "style-src": source(style),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not any("style" in attributes for _, attributes in elements)


def test_what_is_kept_of_others_is_what_its_list_says():
    output = re.findall(r"`([^`]+)` \| ([0-9a-f]{64})", (TEMPLATES / "vendor/README.md").read_text(encoding="utf-8"))
    kept = {path.name for path in (TEMPLATES / "vendor").glob("*.min.*")}
    assert {name for name, _ in output} == kept
    for name, digest in output:
        assert hash_file(TEMPLATES / "vendor" / name) == digest


def test_every_picture_says_in_words_what_it_shows(page):
    text = page(*make_pair(), measured=[make_measurement({"pytorch": [10.0], "tensorflow": [5.0]})])
    pictures = [attributes for tag, attributes in Elements(text).found if tag == "img"]
    overview, *pictures = pictures
    assert "perplexity against seconds of training" in overview["alt"]
    assert len(pictures) == 4
    assert all("ptb" in picture["alt"] and "pytorch and tensorflow" in picture["alt"] for picture in pictures)


def test_a_line_gives_numbers_seeds_and_what_is_published(page):
    text = page(*make_pair(1, 110.0, 112.2), *make_pair(2, 110.0, 113.3))
    found, reaches = line(text, "PTB small", "quality")
    assert found.startswith("PyTorch 110.00 ")
    # 2.50 % is exp of the mean of log 1.02 and log 1.03; t = 12.71 with one degree of freedom.
    assert found.endswith(" test perplexity (lower is better), 2.50 % apart")
    assert reaches.startswith(
        "2 seeds each, too few to call them equal or different (that takes 5): TensorFlow is +2.50 %"
    )
    assert reaches.endswith("95 % interval \N{MINUS SIGN}3.66 to +9.05 %")
    assert "Best published value for this size: 114.50 (Zaremba et al. 2014)." in first_screen(text)


def test_the_lines_speak_of_the_largest_size_that_was_run_whole(page):
    records = [
        make_record(size="small"),
        make_record(size="medium", metric=82.0),
        make_record(size="large", metric=2100.0, caps=CAPS),
    ]
    text = page(*records)
    assert {where for where, *_ in first_lines(text)} == {"PTB medium"}
    assert line(text, "PTB medium", "quality")[0].startswith("PyTorch 82.00 test perplexity")
    assert "2,100" not in first_screen(text)


def test_of_runs_that_were_cut_short_the_line_says_how_far_they_went_and_nothing_published(page):
    text = page(make_record(caps=CAPS))
    assert line(text, "PTB small", "quality")[0] == f"the only run was cut short ({CAPS[0]})"
    assert "1 training, all cut short" in first_screen(text)
    assert "114.50" not in text
    assert f"<strong>ptb, small</strong>: {CAPS[0]} (pytorch on cpu)" in text


def test_what_was_not_run_is_named(page):
    text = page(*make_pair(seed=1), make_record(seed=2, implementation="pytorch"))
    assert "<li>ptb, small, tensorflow on cpu: seed 2</li>" in text
    assert "Nothing is missing" not in text


def left_out(text):
    return text[text.index('<section id="left-out">') :].partition("</section>")[0]


def test_a_speed_that_could_not_be_measured_is_listed_as_failed_and_something_is_missing(page):
    reason = "E4-MACHINE: it did not run as loop over time; expected MatMul; found 12 others"
    measured = [make_measurement({"pytorch": [10.0]}, failures={"tensorflow": reason})]
    listed = left_out(page(*make_pair(), measured=measured))
    assert "<strong>speed of ptb, small, tensorflow on cpu</strong>: E4-MACHINE: it did not run as loop over" in listed
    assert "<details><summary>Details</summary>expected MatMul; found 12 others</details>" in listed
    assert "Nothing is missing" not in listed


def test_a_reason_of_one_sentence_has_no_details(page):
    measured = [make_measurement({"pytorch": [10.0]}, failures={"tensorflow": "no GPU"})]
    listed = left_out(page(*make_pair(), measured=measured))
    assert "<strong>speed of ptb, small, tensorflow on cpu</strong>: no GPU" in listed
    assert "<details>" not in listed


def test_a_complete_crossing_is_said_to_be_complete(page):
    text = page(*make_pair())
    assert "Nothing is missing" in text
    assert "No run was cut short" in text


def test_how_to_reproduce_names_the_commit_and_the_configuration(page):
    caps = {"small": 7, "medium": 7, "large": None}
    selection = SELECTION | {"seeds": [4], "max_updates": caps, "results": "results/mine"}
    text = page(make_record(commit_dirty=True, resumed=2), selection=selection)
    assert f"git checkout {'0123456789abcdef' * 2}01234567   # and changes that were not committed" in text
    (command,) = re.findall(r"^make install\n\. \.venv/bin/activate\n(.*)</pre>$", text, re.M)
    assert html.unescape(command) == whole_command(checked(selection))
    assert "make GPU=1 install" in page(make_record(), selection=selection | {"device": "gpu"})
    assert "1 run was interrupted" in text


def test_text_from_tables_cannot_become_html(page, tmp_path):
    hostile = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    published = tmp_path / "published.tsv"
    published.write_text(
        PUBLISHED.read_text(encoding="utf-8").splitlines()[0]
        + f"\nptb\tsmall\ttest_perplexity\t114.5\t<script>alert(2)</script>\tjavascript:alert(3)\t{hostile}\n",
        encoding="utf-8",
    )
    targets = tmp_path / "targets.tsv"
    header = TARGETS.read_text(encoding="utf-8").splitlines()[0]
    targets.write_text(f"{header}\nptb\tsmall\tcomplete\t120\t\t\t{hostile}\n", encoding="utf-8")
    changes = {"machine__cpu": hostile, "settings__preset__source": hostile, "caps": []}
    failed = {"failures": {"tensorflow": hostile}, "disturbances": [hostile], "details__trace__path": hostile}
    measured = [make_measurement({"pytorch": [10.0]}, **failed)]
    words = Shown(hostile, Sentence([hostile], [hostile]), (Continuation(hostile, {hostile: 0.5}, hostile),))
    learned = [Learned("ptb", "small", 1, [words], [hostile])]
    text = page(
        make_record(**changes), measured=measured, published=published, targets=targets, config=hostile, learned=learned
    )
    elements = Elements(text).found
    assert "failed: &lt;script&gt;" in text
    assert scripts(text) == own_scripts()
    assert not any(name.startswith("on") for _, attributes in elements for name in attributes)
    assert not any("javascript" in attributes.get("href", "") for _, attributes in elements)


def test_no_case_says_nan(page):
    unmeasured = make_record(size="medium", speed__median=None, speed__p25=None, speed__p75=None, speed__blocks=0)
    measured = [make_measurement({"pytorch": [10.0]}, failures={"tensorflow": "no GPU"})]
    text = page(*make_pair(), unmeasured, make_record("mnist"), make_record("markov"), measured=measured)
    assert not re.search(r">[^<]*\b(nan|none)\b[^<]*</t[dh]>", text, re.IGNORECASE)


def test_sizes_may_have_seeds_of_their_own_and_nothing_is_missing(page):
    few, more = make_pair(1), [record for seed in (1, 2, 3) for record in make_pair(seed)]
    for record in few:
        record["run"]["size"] = "large"
    text = page(*more, *few)
    assert "Nothing is missing" in text
    assert "1, 2, 3 (small); 1 (large)" in text


def test_a_missing_figure_is_an_error_by_name(page):
    with pytest.raises(DataError, match=r"quality_ptb\.svg: cannot be read"):
        page(make_record(), figures="none")


def test_captions_for_snakemakes_report_are_there():
    folder = Path(PUBLISHED).parent / "report"
    for name in ("workflow", "quality", "learning", "speed", "table", "report"):
        assert (folder / f"{name}.rst").read_text(encoding="utf-8").strip()


def test_the_time_to_quality_stands_with_its_data_set_and_says_what_was_not_reached(page):
    text = page(make_record(metric=200.0))
    section = text[text.index('<section id="data-ptb">') :]
    assert "<h3>Time to quality</h3>" in section
    assert ">0 of 1</td>" in section
    assert ">not reached</td>" in section


def test_the_page_shows_the_measured_speeds_and_names_the_fastest(page):
    measured = [make_measurement({"pytorch": [10.0, 10.1, 9.9], "tensorflow": [5.0, 5.1, 4.9]})]
    text = page(*make_pair(), measured=measured)
    (output,) = speed_lines(text)
    assert output.startswith("Training speed, size small on cpu: pytorch is the fastest with 3,999 words/s")
    assert "2.00" in output
    assert "oneDNN LSTM" in text


def test_a_finding_on_speed_gives_the_ratio_with_its_interval(page):
    speeds = {"pytorch": [10.0, 10.2, 9.8, 10.1, 9.9], "tensorflow": [5.0, 5.2, 4.8, 5.1, 4.9]}
    (output,) = speed_lines(page(*make_pair(), measured=[make_measurement(speeds)]))
    assert "50 % of its ceiling" in output
    assert "pytorch trains 2.00 times as fast as tensorflow (95 % interval 1.96 to 2.04, 5 pairs)." in output


def test_a_data_set_without_a_speed_says_so_and_needs_no_figure_of_it(page):
    text = page(
        *make_pair(), make_record("mnist"), measured=[make_measurement({"pytorch": [10.0], "tensorflow": [5.0]})]
    )
    mnist, ptb = text.split('<section id="data-')[1:3]
    assert "The speed of mnist was not measured." in mnist
    assert "<img" in mnist
    assert "<h3>How many times as fast</h3>" in ptb
    assert "was not measured" not in ptb
    (line_of_ptb,) = speed_lines(text)
    assert "pytorch is the fastest" in line_of_ptb


def test_a_speed_that_may_not_be_quoted_is_in_no_line(page):
    measurement = make_measurement({"pytorch": [10.0]}, failures={"tensorflow": "<script>alert(1)</script>"})
    measurement.blocks.loc[::2, "seconds"] *= 1.6
    text = page(*make_pair(), measured=[measurement])
    (output,) = speed_lines(text)
    assert "fastest" not in output
    assert "Not to be quoted: " in output
    found, reaches = first_lines(text)[1][2:]
    assert found == "0 of 2 speeds can be relied on"
    assert "words/s" not in reaches
    assert scripts(text) == own_scripts()
    assert "&lt;script&gt;" in text


def test_the_first_line_calls_equal_what_five_seeds_show_equal(page):
    runs = [run for seed in range(1, 6) for run in make_pair(seed, 115.0 + 0.1 * seed, 115.2 + 0.11 * seed)]
    found, reaches = line(page(*runs), "PTB small", "quality")
    # Means of the logarithms; half-widths: t = 2.776 with four degrees of freedom, times 0.1581 (0.1739) / sqrt 5.
    assert found == (
        "PyTorch 115.30 \N{PLUS-MINUS SIGN} 0.20, TensorFlow 115.53 \N{PLUS-MINUS SIGN} 0.22 test perplexity "
        "(lower is better), 0.20 % apart: equal within 1 %"
    )
    assert reaches.startswith("5 seeds each: TensorFlow is +0.20 % from PyTorch, 95 % interval +0.18 to +0.22 %")


def test_the_first_line_names_the_better_one_only_if_a_test_tells_them_apart(page):
    runs = [run for seed in range(1, 6) for run in make_pair(seed, 115.0 + 0.1 * seed, 118.2 + 0.11 * seed)]
    found, _ = line(page(*runs), "PTB small", "quality")
    assert found.endswith(" test perplexity (lower is better): PyTorch is better by 2.80 %")


def test_the_first_line_says_inconclusive_at_its_end_where_the_interval_is_wide(page):
    others = (110.0, 119.0, 113.0, 118.5, 115.0)
    runs = [run for seed, other in enumerate(others, start=1) for run in make_pair(seed, 115.0, other)]
    found, reaches = line(page(*runs), "PTB small", "quality")
    assert re.match(r"PyTorch 115\.00 \S+ 0\.00, TensorFlow 115\.0\d ", found)
    assert reaches.endswith(", too wide to call them equal or different (inconclusive)")


def test_of_one_seed_the_line_gives_both_numbers_and_of_capped_runs_only_that_they_are(page):
    text = page(*make_pair(first=114.9, second=115.4), make_record("mnist", caps=CAPS))
    assert line(text, "MNIST small", "quality")[0] == f"the only run was cut short ({CAPS[0]})"
    assert line(text, "PTB small", "quality") == (
        "PyTorch 114.90, TensorFlow 115.40 test perplexity (lower is better), 0.44 % apart",
        "one seed each, too few to call them equal or different (that takes 5)",
    )


def test_the_line_on_speed_is_a_ratio_with_its_interval(page):
    speeds = {"pytorch": [10.0, 10.2, 9.8, 10.1, 9.9], "tensorflow": [5.0, 5.2, 4.8, 5.1, 4.9]}
    assert line(page(*make_pair(), measured=[make_measurement(speeds)]), "PTB small", "speed") == (
        "PyTorch 3,999, TensorFlow 1,999 words/s (higher is faster): PyTorch is 2.00 times as fast as TensorFlow",
        "95 % interval 1.96 to 2.04, 5 pairs of processes",
    )


def test_a_disturbed_speed_is_said_to_be_and_by_what_and_nothing_says_that_nothing_else_ran(page):
    speeds = {"pytorch": [10.0, 10.2], "tensorflow": [5.0, 5.1]}
    measured = make_measurement(speeds, disturbances=["steal 4.5 % > 1.0 %"], load__steal_share=0.045)
    text = page(*make_pair(), measured=[measured])
    assert line(text, "PTB small", "speed")[1].endswith(
        "2 pairs of processes; PyTorch was disturbed (steal 4.5 % > 1.0 %); "
        "TensorFlow was disturbed (steal 4.5 % > 1.0 %)"
    )
    assert "2 of 2 are disturbed: steal 4.5 % > 1.0 %." in first_screen(text)
    assert "No other use of the machine was noticed" not in text
    assert "nothing else running" not in text
    quiet = page(*make_pair(), measured=[make_measurement(speeds)])
    assert "No other use of the machine was noticed meanwhile." in first_screen(quiet)


def test_speeds_with_too_few_blocks_are_said_to_be_untested_and_not_steady(page):
    few = make_measurement({"pytorch": [10.0], "tensorflow": [5.0]}, blocks=4)
    many = make_measurement({"pytorch": [10.0, 10.1, 10.2]}, size="medium")
    many.blocks.loc[(many.blocks["round"] == 1) & (many.blocks["block"] > 4), "seconds"] *= 1.1
    steady = make_measurement({"pytorch": [10.0]}, size="large")
    text = page(*make_pair(), measured=[few, many, steady])
    counted = "1 steady, 1 unsteady in some process and 2 not tested for it (too few blocks to test)"
    assert f"4 of 4 measured speeds may be quoted: {counted}." in text
    assert "A process must be in a steady state" not in text


def test_the_line_on_speed_is_inconclusive_if_the_interval_holds_one(page):
    speeds = {"pytorch": [10.0, 10.2, 9.8, 10.1, 9.9], "tensorflow": [9.9, 10.0, 10.1, 9.9, 10.1]}
    found, reaches = line(page(*make_pair(), measured=[make_measurement(speeds)]), "PTB small", "speed")
    assert re.search(r" 1\.0\d times as fast as ", found)
    assert reaches.startswith("95 % interval 0.9")
    assert reaches.endswith("it includes 1, so which is faster is open (inconclusive)")


def shipped(name):
    """The selection of a configuration that comes with the workflow."""
    values = yaml.safe_load((Path(PUBLISHED).parent / f"configs/{name}.yaml").read_text(encoding="utf-8"))
    return SELECTION | values | {"speed": SELECTION["speed"] | values["speed"]}


def test_the_first_sentence_says_what_ran_and_what_to_do_next(page):
    records = [make_record(dataset, implementation=name) for dataset in ("markov", "glyphs") for name in NAMES]
    text = first_screen(page(*records, selection=shipped("demo") | {"results": "elsewhere"}))
    assert "This was the demo: all 4 cases ran (2 data sets \N{MULTIPLICATION SIGN} 1 size" in text
    assert "4 trainings), and no speed was measured. Next: make quick " in text
    assert "This was the quick run: " in first_screen(page(*make_pair(), selection=shipped("quick")))
    other = shipped("demo") | {"seeds": [7]}
    assert "This was a run of mine.yaml: " in first_screen(page(*make_pair(), selection=other, config="mine.yaml"))


def test_what_failed_is_on_the_first_screen_in_one_sentence_each_with_its_details_folded(page):
    reason = "E4-MACHINE: it did not run as loop over time; expected MatMul; found 12 others"
    failures = [
        make_failure(implementation="tensorflow", seed=seed, message=f"{reason} {seed}") for seed in range(1, 5)
    ]
    measured = [make_measurement({"pytorch": [10.0]}, failures={"tensorflow": reason})]
    text = page(make_record(), *failures, measured=measured, selection=shipped("demo"))
    first = text[text.index("<header>") : text.index("</header>")]
    assert "1 of 2 cases ran" in plain(first)
    assert "1 of 2 speeds were measured. Next: the same command tries again what failed" in plain(first)
    assert first.count("</strong>: E4-MACHINE: it did not run as loop over time<details>") == 3
    assert 'and 2 more: <a href="#left-out">' in first


def test_embedded_data_sets_are_explained_with_one_floor_and_no_word_on_what_is_published(page):
    text = page(*make_pair(first=22.0, second=22.1, dataset="markov"), make_record("glyphs"))
    screen = first_screen(text)
    assert "A text drawn from a known source" in screen
    assert "Images of digits drawn by an unsteady pen" in screen
    assert screen.count("It comes with the workflow (embedded), without a download; nobody has published") == 2
    assert "perplexity of 20.50 over endless text and, by chance, of 20.00 on the words of this test text" in screen
    assert "published value" not in text
    assert "nothing published" not in text
    assert "published value" in page(*make_pair())


def test_data_that_a_user_supplied_are_described_by_their_records_and_nothing_published_is_known(page):
    facts = {"vocab_size": 10_000, "level": "word", "about": "Text that the user supplied: <script>."}
    selection = {**SELECTION, "datasets": ["novel"], "texts": {"novel": "novel.txt"}}
    text = page(*make_pair(dataset="novel", data__facts=facts), selection=selection)
    assert "In it, novel.txt stands for data that a user supplied: write their path." in text
    assert "texts={novel: novel.txt}" in html.unescape(text)
    assert "Text that the user supplied: &lt;script&gt;. Nothing published is known of this data set." in text


def test_every_data_set_says_in_a_sentence_what_it_is():
    for name in datasets.names():
        output = about(name, pd.DataFrame({"published_source": [""]}), pd.DataFrame({"about": [""]}))
        assert 40 < len(output) < 320
        assert "`" not in output
        assert output.endswith(".")


def test_the_guide_explains_the_words_that_this_page_uses_and_no_others(page):
    measured = [make_measurement({"pytorch": [10.0], "pytorch_fused": [12.0]})]
    both = first_screen(page(*make_pair(), make_record("mnist", caps=CAPS), measured=measured))
    for word in ("perplexity:Lower is better", "accuracy:Higher is better", "words/s, images/s:Higher is faster"):
        assert word.replace(":", "") in both
    for word in ("seed", "case", "share of the ceiling", "_fused", "capped"):
        assert re.search(rf"^{word}[A-Z]", both, re.M), word
    small = first_screen(page(*make_pair()))
    for word in ("accuracy", "share of the ceiling", "_fused", "capped"):
        assert not re.search(rf"^{word}[A-Z]", small, re.M), word


def test_each_row_has_the_command_that_makes_it_again(page):
    caps = {"small": 7, "medium": None, "large": 9}
    changes = {"seeds": [2, 1, 3], "max_updates": caps, "threads": 1, "results": "results/mine"}
    measured = [make_measurement({"pytorch": [10.0], "tensorflow": [5.0]})]
    text = page(*make_pair(1), *make_pair(2), measured=measured, selection=SELECTION | changes)
    found = [html.unescape(command) for command in re.findall(r'<td class="code"[^>]*>(snakemake .*?)</td>', text)]
    chosen = checked(SELECTION | changes)
    assert found == [
        *(train_command(chosen, "ptb", "small", name, "cpu", [1, 2]) for name in ("pytorch", "tensorflow")),
        measure_command(chosen, "ptb", "small", "cpu"),
    ]
    assert "max_updates=7" in found[0]


def test_results_stand_beside_those_of_a_baseline_machine_with_the_same_case(page, tmp_path):
    save(tmp_path / "there", make_record())
    pack(tmp_path / "there", tmp_path / "example.zip")
    assert TITLE_OF_BASELINES in page(*make_pair(), baselines=[tmp_path / "example.zip"])


@pytest.mark.parametrize(("settings", "verdict"), [({}, "faster"), ({"learning_rate": 0.5}, "learning_rate differs")])
def test_speeds_beside_those_of_a_baseline_machine_are_shown_compared_or_not(page, tmp_path, settings, verdict):
    there, here = (make_measurement({"pytorch": [times * value for value in (5.0, 5.02, 4.99)]}) for times in (1, 2))
    there = edited(there, **{f"settings__{name}": value for name, value in settings.items()})
    for measurement, root in ((there, tmp_path / "there"), (here, tmp_path)):
        write_measurement(root / "measurements/ptb/small/cpu/measurement.json", measurement)
    pack(tmp_path / "there", tmp_path / "example.zip")
    text = page(*make_pair(), measured=[here], baselines=[tmp_path / "example.zip"])
    assert verdict in text[text.index(TITLE_OF_BASELINES) :]


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_a_baseline_machine_may_be_a_gpu_without_tensorflow(page, tmp_path, device):
    speeds = {"pytorch": [5.0, 5.02, 4.99]}
    there, here = make_measurement(speeds, device="gpu"), make_measurement(speeds, device=device)
    for measurement, root, where in ((there, tmp_path / "there", "gpu"), (here, tmp_path, device)):
        write_measurement(root / f"measurements/ptb/small/{where}/measurement.json", measurement)
    save(tmp_path / "there", make_record(device="gpu"))
    pack(tmp_path / "there", tmp_path / "example.zip")
    runs = [make_record(implementation=name, device=device) for name in ("pytorch", "tensorflow")]
    text = page(*runs, measured=[here], baselines=[tmp_path / "example.zip"])
    assert (TITLE_OF_BASELINES in text) == (device == "gpu")


def test_without_a_common_case_no_baseline_machine_is_spoken_of(page, tmp_path):
    save(tmp_path / "there", make_record(size="large"))
    pack(tmp_path / "there", tmp_path / "example.zip")
    assert TITLE_OF_BASELINES not in page(*make_pair(), baselines=[tmp_path / "example.zip"])


def test_a_data_set_whose_runs_all_failed_keeps_the_page_of_the_others(tmp_path):
    failed = make_failure("ptb", message="E132-CRASHED: ended by SIGILL")
    text = make_page(tmp_path, make_record("mnist"), failed, figures="drawn").read_text(encoding="utf-8")
    assert "E132-CRASHED: ended by SIGILL" in text
    assert (tmp_path / "figures/quality_ptb.svg").exists()
    assert (tmp_path / "figures/learning_ptb.pdf").exists()
    assert "ptb, small, pytorch on cpu, seed 1" in plain(text)
