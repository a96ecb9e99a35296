from __future__ import annotations

import copy
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from snakemake.cli import parse_config
from snakemake.utils import update_config

from lstmbench import datasets, implementations
from lstmbench.models.presets import PRESETS
from lstmbench.orchestration import config as config_module
from lstmbench.orchestration import selection as selection_module
from lstmbench.orchestration.config import checked, own_contents, require_once, require_plain, sizes
from lstmbench.orchestration.selection import FOLDERS_OF_OTHERS, Selection, require_own_results
from lstmbench.system import device
from lstmbench.utils.conversion import plain
from lstmbench.utils.errors import UsageError
from lstmbench.utils.files import hash_file
from lstmbench.utils.paths import ROOT

SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def test_the_shipped_configuration_is_the_full_benchmark():
    selection = checked({**SHIPPED, "device": "cpu"})
    assert selection.datasets == ["ptb", "mnist"]
    assert selection.sizes == ["small", "medium", "large"]
    assert selection.implementations == ["tensorflow", "pytorch"]
    assert selection.caps_as_arguments("large") == ""


@pytest.mark.parametrize("path", sorted((ROOT / "workflow/configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_ready_configuration_is_a_valid_difference_to_the_shipped_one(path):
    changed = copy.deepcopy(SHIPPED)
    update_config(changed, yaml.safe_load(path.read_text(encoding="utf-8")))  # as --configfile does
    assert checked({**changed, "device": "cpu"})


def test_every_key_of_the_shipped_configuration_is_explained():
    blocks = (ROOT / "config.yaml").read_text(encoding="utf-8").split("\n\n")
    for key in SHIPPED:
        (block,) = [block for block in blocks if f"\n{key}:" in block]
        assert block.startswith("# ")
    assert {field.name for field in msgspec.structs.fields(Selection) if field.required} == set(SHIPPED)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"datasets": ["ptp"]}, "unknown dataset 'ptp' (did you mean ptb?); known: " + ", ".join(datasets.names())),
        (
            {"implementations": ["pytroch"]},
            "unknown implementation 'pytroch' (did you mean pytorch?); known: " + ", ".join(implementations.names()),
        ),
        (
            {"sizes": ["adventures"]},
            "unknown size of dataset mnist 'adventures'; known: " + ", ".join(sizes("mnist")),
        ),
        (
            {"sizes": ["../../small"]},
            "sizes[0]: expected text matching regex '^[a-z0-9][a-z0-9._-]{0,63}$', found '../",
        ),
        ({"device": "tpu"}, "device: expected 'auto' or 'cpu' or 'gpu', found 'tpu'"),
        ({"seeds": []}, "seeds: expected list of length >= 1, found []"),
        ({"seeds": [1, 1]}, "seeds: expected each value once, found 1 twice"),
        ({"seeds": [1.5]}, "seeds[0]: expected integer, found 1.5"),
        ({"seeds": 1}, "seeds: expected mapping or list, found 1"),
        ({"seeds": {}}, "seeds: expected mapping of length >= 1, found {}"),
        ({"seeds": {"small": 1}}, "seeds.small: expected list, found 1"),
        ({"seeds": {"small": [1, 1]}}, "seeds.small: expected each value once, found 1 twice"),
        ({"seeds": {"smal": [1]}}, "unknown size in seeds 'smal' (did you mean small?); known: "),
        ({"threads": 0}, "threads: expected integer >= 1, found 0"),
        ({"threads": True}, "threads: expected integer or list, found True"),
        ({"threads": []}, "threads: expected list of length >= 1, found []"),
        ({"threads": [2, 2]}, "threads: expected each value once, found 2 twice"),
        ({"threads": [1, 0]}, "threads[1]: expected integer >= 1, found 0"),
        ({"max_updates": {"huge": 3}}, "unknown size in max_updates 'huge'"),
        ({"max_updates": 0}, "max_updates: expected integer >= 1, found 0"),
        ({"workers": [0]}, "workers[0]: expected integer >= 1, found 0"),
        (
            {"workers": [2]},
            "workers [2]: each of tensorflow, pytorch runs with 1 alone; add 1, or an implementation of",
        ),
        (
            {"workers": [1, 3], "implementations": ["pytorch_ddp"]},
            "ptb small: 3 workers: expected a number that divides the batch_size 20",
        ),
        ({"environments": {"old": []}}, "environments.old: expected list of length >= 1, found []"),
        ({"environments": {"old": {"pyhton": "x"}}}, "environments.old: expected 'python', found {'pyhton': 'x'}"),
        ({"environments": {"old": {"python": ""}}}, "environments.old.python: expected text of length >= 1, found ''"),
        ({"environments": {"old": "torch"}}, "environments.old: expected mapping or list, found 'torch'"),
        (
            {"results": "/somewhere"},
            "results: expected text matching regex '^[A-Za-z0-9][A-Za-z0-9._-]*(/[A",
        ),
        ({"results": "a/../b"}, "found 'a/../b'"),
        (
            {"datasets": ["novl"], "texts": {"novel": "a.txt"}},
            "unknown dataset 'novl' (did you mean novel?); known: " + ", ".join([*datasets.names(), "novel"]),
        ),
        ({"texts": {"ptb": "a.txt"}}, "data set 'ptb': a shipped data set has this name; choose another"),
        ({"images": {"mnist": "a"}}, "data set 'mnist': a shipped data set has this name; choose another"),
        (
            {"texts": {"a": "a.txt"}, "images": {"a": "a"}},
            "expected each name once in texts and images, found a in both",
        ),
        ({"texts": {"../a": "a.txt"}}, "texts: expected text matching regex '^[a-z0-9]"),
        ({"texts": {"novel": 3}}, "texts.novel: expected text or mapping, found 3"),
        ({"texts": {"novel": ""}}, "texts.novel: expected text of length >= 1, found ''"),
        ({"texts": {"novel": {}}}, "texts[...]: expected the key 'path', found none"),
        (
            {"texts": {"novel": {"path": "a", "level": "letter"}}},
            "texts.novel.level: expected 'character' or 'word', found 'letter'",
        ),
        (
            {"datasets": ["ptb", "novel"], "texts": {"novel": {"path": "a", "level": "character"}}},
            "expected texts that are all read by words, or all by characters, because their perplexities cannot be "
            "compared, found novel by characters and ptb by words; run them apart",
        ),
        (
            {"datasets": ["novel"], "texts": {"novel": "a"}, "sizes": ["huge"]},
            "unknown size of dataset novel 'huge'; known: adventures, large, medium, schedule-zaremba-large, "
            "schedule-zaremba-medium, schedule-zaremba-small, small",
        ),
        ({"thread": 1}, "unknown configuration key 'thread' (did you mean threads?)"),
    ],
)
def test_a_wrong_selection_is_refused_in_one_line_that_names_what_is_known(change, message):
    with pytest.raises(UsageError) as caught:
        checked({**SHIPPED, "device": "cpu", **change})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_text_that_is_to_be_tested_on_the_way_is_refused_before_any_job(tmp_path, monkeypatch):
    preset = (PRESETS / "markov/small.yaml").read_text(encoding="utf-8")
    (tmp_path / "markov").mkdir()
    (tmp_path / "markov/small.yaml").write_text(f"{preset}report_after_updates: 5\n", encoding="utf-8")
    monkeypatch.setattr("lstmbench.orchestration.selection.PRESETS", tmp_path)
    chosen = {
        "datasets": ["markov"],
        "sizes": ["small"],
        "device": "cpu",
        "speed": {**SHIPPED["speed"], "sizes": ["small"]},
    }
    with pytest.raises(UsageError, match=r"markov small: report_after_updates 5: .* null"):
        checked({**SHIPPED, **chosen})


def test_a_folder_of_local_data_is_there_or_refused_with_the_nearest(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("data", "~/data", str(tmp_path / "data")):
        (folder,) = checked({**SHIPPED, "device": "cpu", "local_data": [name]}).local_data
        assert Path(folder).samefile(tmp_path / "data")
    parts = {
        "dta": f"local_data 'dta': expected a folder, found nothing at '{tmp_path}/dta' (did you mean 'data'?)",
        "~/dta/ptb": f"found nothing at '{tmp_path}/dta/ptb' (did you mean '{tmp_path}/data/ptb'?)",
        "file": f"expected a folder, found a file at '{tmp_path}/file'",
        "~nobody-at-all": "expected a folder, found nothing at",
        "x" * 300: "expected a folder, found nothing at",
    }
    for name, part in parts.items():
        with pytest.raises(UsageError) as caught:
            checked({**SHIPPED, "device": "cpu", "local_data": [name]})
        assert part in str(caught.value)


def test_several_workers_are_for_the_implementations_that_can_have_them():
    chosen = {"implementations": ["pytorch", "pytorch_ddp"], "workers": ["1", 2], "precisions": ["float32", "tf32"]}
    selection = checked({**SHIPPED, **chosen, "device": "gpu"})
    assert selection.cases == [
        ("pytorch", "gpu"),
        ("pytorch", "gpu-tf32"),
        ("pytorch_ddp", "gpu"),
        ("pytorch_ddp", "gpu-x2"),
        ("pytorch_ddp", "gpu-tf32"),
        ("pytorch_ddp", "gpu-tf32-x2"),
    ]
    assert {device for _, device in selection.cases_of_one} == {"gpu", "gpu-tf32"} == set(selection.devices)
    assert checked({**SHIPPED, **chosen, "device": "cpu", "workers": [2], "precisions": ["float32"]}).cases == [
        ("pytorch_ddp", "cpu-x2")
    ]


def test_a_list_of_threads_is_part_of_the_devices_and_one_number_is_not():
    chosen = {"implementations": ["pytorch", "pytorch_ddp"], "workers": [1, 2], "device": "cpu"}
    selection = checked({**SHIPPED, **chosen, "threads": ["1", 2]})
    assert selection.devices == ["cpu-t1", "cpu-t2"]
    assert selection.bare_devices == ["cpu"]
    assert selection.cases == [
        ("pytorch", "cpu-t1"),
        ("pytorch", "cpu-t2"),
        ("pytorch_ddp", "cpu-t1"),
        ("pytorch_ddp", "cpu-t1-x2"),
        ("pytorch_ddp", "cpu-t2"),
        ("pytorch_ddp", "cpu-t2-x2"),
    ]
    assert [selection.threads_of(device) for _, device in selection.cases] == [1, 2, 1, 1, 2, 2]
    assert checked({**SHIPPED, **chosen, "threads": [4]}).devices == ["cpu-t4"]
    assert checked({**SHIPPED, **chosen, "threads": 4}).devices == ["cpu"]
    assert checked({**SHIPPED, **chosen, "threads": 4}).threads_of("cpu-x2") == 4


def test_a_device_without_the_threads_that_a_list_of_them_needs_is_refused():
    selection = checked({**SHIPPED, "implementations": ["pytorch"], "device": "cpu", "threads": [1, 2]})
    with pytest.raises(UsageError, match=r"device cpu: expected one of this selection, .*\(cpu-t1, cpu-t2\)"):
        selection.threads_of("cpu")


def test_numbers_from_snakemakes_command_line_are_numbers():
    caps = {"small": "5", "medium": "null", "large": None}
    selection = checked({**SHIPPED, "device": "cpu", "seeds": ["1", "2"], "max_updates": caps})
    assert selection.seeds == [1, 2]
    assert selection.caps_as_arguments("small") == "--max-updates 5"
    assert selection.caps_as_arguments("large") == ""
    assert checked({**SHIPPED, "device": "cpu", "max_updates": "null"}).max_updates is None


@pytest.mark.parametrize("text", ["9" * 5000, "\u0663"])
def test_a_text_on_the_command_line_that_is_no_usual_integer_is_refused(text):
    with pytest.raises(UsageError, match=r"max_updates.*expected integer"):
        checked({**SHIPPED, "device": "cpu", "max_updates": text})


def understood(*keys, ready=None):
    """The selection of the shipped configuration, and a ready one, with what Snakemake's command line says of keys."""
    config = copy.deepcopy(SHIPPED)
    update_config(config, ready or {})
    update_config(config, parse_config(["device=cpu", *keys]))
    return checked(config)


def test_each_size_has_the_seeds_that_a_mapping_names_for_it_and_seed_1_if_it_names_none():
    selection = understood("datasets=[markov]", "implementations=[pytorch]", "seeds={small: [1, 2], large: [7]}")
    assert [selection.seeds_of(size) for size in ("small", "medium", "large")] == [[1, 2], [1], [7]]
    runs = [path.parts[3] + path.parts[6].removeprefix("seed-") for path in selection.records()]
    assert runs == ["small1", "small2", "medium1", "large7"]
    # Sizes that are measured and not trained start from weights too.
    assert understood("sizes=[small]", "seeds={small: [2]}").seeds_of("large") == [1]


def test_the_same_seeds_are_the_same_selection_whether_they_come_as_a_list_or_by_size():
    for_all = understood("seeds=[3, 1]")
    assert for_all.seeds == [3, 1]
    assert understood("seeds={small: [3, 1], medium: [3, 1], large: [3, 1]}") == for_all
    assert understood("seeds={medium: [1]}") == understood("seeds=[1]")


def test_a_size_that_is_not_selected_may_keep_its_seeds_and_its_cap():
    narrow = ("sizes=[small]", "speed={sizes: [small]}")
    narrowed = understood(*narrow, "seeds={small: [2], large: [5]}", "max_updates={small: null, large: 5}")
    assert narrowed.seeds == [2]
    assert narrowed.max_updates_of("small") is None


def test_a_selected_size_without_a_cap_beside_sizes_that_have_one_is_refused():
    with pytest.raises(UsageError, match=r"for the selected size large, or null .* found medium, small; add it"):
        understood("max_updates={small: 5, medium: null}")
    # What is measured alone is not trained.
    assert understood("sizes=[small]", "max_updates={small: 5}").max_updates_of("small") == 5


def test_every_size_of_a_shipped_data_set_is_cut_short_by_the_quick_configuration():
    quick = yaml.safe_load((ROOT / "workflow/configs/quick.yaml").read_text(encoding="utf-8"))
    for dataset in datasets.names():
        config = {**copy.deepcopy(SHIPPED), "device": "cpu", "datasets": [dataset], "sizes": sizes(dataset)}
        update_config(config, quick)
        assert all(checked(config).max_updates_of(size) for size in sizes(dataset))


def test_the_quick_configuration_takes_presets_of_ones_own_once_they_have_a_cap(monkeypatch, tmp_path):
    shutil.copytree(PRESETS, tmp_path / "presets")
    (tmp_path / "presets/novel").mkdir()
    shutil.copy(PRESETS / "ptb/small.yaml", tmp_path / "presets/novel/tiny.yaml")
    for module in (config_module, selection_module):
        monkeypatch.setattr(module, "PRESETS", tmp_path / "presets")
    quick = yaml.safe_load((ROOT / "workflow/configs/quick.yaml").read_text(encoding="utf-8"))
    own = ("texts={novel: novel.txt}", "datasets=[novel]", "sizes=[tiny]", "speed={sizes: [tiny]}")
    with pytest.raises(UsageError, match=r"max_updates: expected a number for the selected size tiny"):
        understood(*own, ready=quick)
    assert understood(*own, "max_updates={tiny: 50}", ready=quick).max_updates_of("tiny") == 50


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("seeds: [1]\nthreads: 2\nseeds: [7]\n", r"mine\.yaml line 3: expected each key once, found 'seeds' again"),
        ("speed: {blocks: 1, attempts: 2, blocks: 3}\n", "line 1: expected each key once, found 'blocks' again"),
        ("threads: 2\nmax_updates: 010\n", "line 2: expected a number without a leading zero.*, found 010"),
        ("seeds: [1, 08]\n", "line 1: expected a number without a leading zero.*, found 08"),
        ('{\n\t"threads": 1,\n\t"threads": 2\n}', "line 3: expected each key once, found 'threads' again"),
    ],
)
def test_a_file_that_yaml_would_read_otherwise_than_it_looks_is_refused_by_its_line(tmp_path, text, why):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=why):
        require_plain(path)


@pytest.mark.parametrize("path", [ROOT / "config.yaml", *sorted((ROOT / "workflow/configs").glob("*.yaml"))], ids=str)
def test_a_shipped_file_is_read_as_it_looks_aliases_among_it(path):
    require_plain(path)


def test_numbers_that_begin_with_zero_in_a_text_or_before_a_point_are_what_they_look_like(tmp_path):
    (tmp_path / "mine.yaml").write_text("results: '007'\nthreads: 0\nother: 0.5\n", encoding="utf-8")
    require_plain(tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("--configfile workflow/configs/quick.yaml --configfile mine.yaml", "--configfile"),
        ("--configfiles quick.yaml --cores 2 --configfile=mine.yaml", "--configfile"),
        ("--config datasets=[ptb] -C sizes=[small]", "--config"),
        ("plan -R calibrate --forcerun plan", "--forcerun"),
    ],
)
def test_an_option_whose_first_values_would_be_lost_is_refused_in_one_line(words, name):
    with pytest.raises(UsageError, match=f"^command line: expected {name} once, found it twice.*{name} "):
        require_once(["snakemake", *words.split()])


@pytest.mark.parametrize("words", ["--configfile a.yaml b.yaml --config a=1 b=2", "--cores 2 --cores 1", ""])
def test_any_other_command_line_is_taken(words):
    require_once(["snakemake", *words.split()])


@pytest.mark.parametrize("text", ["false", "False"])
def test_whether_models_are_kept_may_come_from_snakemakes_command_line(text):
    assert SHIPPED["keep_models"] is True
    assert checked({**SHIPPED, "device": "cpu", "keep_models": text}).keep_models is False
    with pytest.raises(UsageError, match="keep_models: expected boolean, found 'no'"):
        checked({**SHIPPED, "device": "cpu", "keep_models": "no"})


def test_auto_takes_the_gpu_where_there_is_one_and_else_the_cpu(monkeypatch):
    monkeypatch.setattr(device, "gpu_names", lambda: ["a GPU"])
    assert checked(SHIPPED).device == "gpu"
    monkeypatch.setattr(device, "gpu_names", list)
    assert checked(SHIPPED).device == "cpu"


def test_a_gpu_that_was_asked_for_is_never_replaced_by_the_cpu(monkeypatch):
    monkeypatch.setattr(device, "gpu_names", list)
    assert checked({**SHIPPED, "device": "gpu"}).device == "gpu"


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS.filter(bool), inner, max_size=3)
)


@example("environments", {True: None, "0": None})  # no two of these can be compared
@example("max_updates", {True: None, "2": {1: 2}})
@example("seeds", [{"a": 1, 2: 3}])
@given(key=st.sampled_from(sorted(SHIPPED)) | st.text(max_size=20), value=VALUES)
def test_any_value_of_any_key_is_taken_or_refused_in_one_line(key, value):
    try:
        checked({**SHIPPED, "device": "cpu", key: value})
    except UsageError as error:
        lines = str(error).splitlines()
    else:
        return
    assert len(lines) == 1


def test_an_implementation_may_name_an_environment_that_the_configuration_lists():
    change = {"device": "cpu", "implementations": ["pytorch", "pytorch-old"]}
    assert checked({**SHIPPED, **change, "environments": {"old": ["torch==2.12.0"]}}).implementations == [
        "pytorch",
        "pytorch-old",
    ]
    there = {"old": {"python": ".venv-old/bin/python"}}
    assert checked({**SHIPPED, **change, "environments": there}).environments == there
    with pytest.raises(UsageError, match="unknown environment of pytorch-old: 'old'; known: none"):
        checked({**SHIPPED, **change})


def test_a_hostile_name_in_a_key_is_refused_in_one_line():
    with pytest.raises(UsageError) as refused:
        checked({"checkpoint_seconds": {"a\rb": {1: None}}})
    assert str(refused.value).startswith("configuration at $.checkpoint_seconds.a b: expected a name")


OWN = {"datasets": ["novel", "fashion"], "texts": {"novel": "novel.txt"}, "images": {"fashion": "fashion"}}


def test_data_of_ones_own_have_the_task_of_their_kind_and_the_presets_of_ptb_or_mnist():
    selection = checked({**SHIPPED, **OWN, "device": "cpu"})
    assert [selection.task_of(name) for name in OWN["datasets"]] == ["language_model", "classifier"]
    assert [selection.module_of(name) for name in ("novel", "fashion", "ptb")] == ["own_text", "own_images", "ptb"]
    assert selection.preset_file("novel", "small") == PRESETS / "ptb/small.yaml"
    assert selection.preset_file("fashion", "small") == PRESETS / "mnist/small.yaml"
    assert selection.own("ptb") is None


def test_a_folder_of_presets_with_its_name_is_that_of_a_data_set_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "novel").mkdir()
    (tmp_path / "novel/tiny.yaml").write_bytes((PRESETS / "ptb/small.yaml").read_bytes())
    for module in ("config", "selection"):
        monkeypatch.setattr(f"lstmbench.orchestration.{module}.PRESETS", tmp_path)
    chosen = {**OWN, "datasets": ["novel"], "sizes": ["tiny"], "speed": {**SHIPPED["speed"], "sizes": ["tiny"]}}
    selection = checked({**SHIPPED, **chosen, "device": "cpu"})
    assert selection.preset_file("novel", "tiny") == tmp_path / "novel/tiny.yaml"


def test_the_place_of_data_of_ones_own_is_found_from_home_and_is_no_part_of_what_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    texts = {"novel": "~/secret/novel.txt", "letters": {"path": "~/secret/letters", "level": "character"}}
    config = {**SHIPPED, **OWN, "texts": texts, "datasets": ["novel"], "device": "cpu", "local_data": [str(tmp_path)]}
    selection = checked(config)
    assert selection.own("novel").path == tmp_path / "secret/novel.txt"
    assert selection.own("letters").options == {"level": "character"}
    kept = selection.for_plan()
    assert kept.texts["novel"] == "novel.txt"
    letters = checked({**config, "datasets": ["letters"]}).for_plan()
    assert letters.own("letters").options == {"level": "character"}
    assert str(tmp_path) not in str(kept)
    assert "secret" not in str(kept)


@pytest.mark.parametrize("results", ["workflow", "envs", "docs/mine", "results/data", "results/baselines/mine"])
def test_results_among_files_of_the_project_or_of_all_configurations_are_refused(results):
    with pytest.raises(UsageError, match=rf"\$\.results: expected a folder of their own, found {results}, but"):
        require_own_results(results)


def test_every_folder_of_the_project_is_refused():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    tracked = {folder for folder, found, _ in (line.partition("/") for line in listed.splitlines()) if found}
    assert {name for name in tracked - {"results"} if name[0] != "."} <= {*FOLDERS_OF_OTHERS}


@pytest.mark.parametrize("results", ["results", "results/mine", "results/data2", "workflows", "a/workflow"])
def test_any_other_folder_is_one_for_results(results):
    require_own_results(results)


def test_what_changes_no_table_is_no_part_of_the_selection_of_a_table():
    config = {**SHIPPED, "sizes": ["small"], "speed": {**SHIPPED["speed"], "sizes": ["small"]}, "device": "cpu"}
    before = checked(config)
    unused = {
        "texts": {"novel": "novel.txt"},
        "images": {"fashion": "fashion"},
        "environments": {"old": ["torch==1.0"]},
        "max_updates": {"small": None, "large": 7},
        "checkpoint_seconds": 7,
    }
    after = checked({**config, **unused})
    assert after.for_plan() == before.for_plan()
    models = {"keep_models": not config["keep_models"]}
    assert checked({**config, **models}).for_tables() == before.for_tables()
    assert checked({**config, **models}).for_plan() != before.for_plan()
    implementations = ["pytorch-old"]
    for used in ({"max_updates": {"small": 7}}, {**unused, "implementations": implementations}):
        chosen = checked({**config, **used})
        assert chosen.for_tables() != before.for_tables()
        assert checked(plain(chosen.for_tables())) == chosen.for_tables()
    assert chosen.for_tables().environments == {"old": ["torch==1.0"]}


def test_the_contents_of_selected_data_are_read_and_what_is_no_such_file_is_named_with_its_key(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("novel.txt").write_text("a text", encoding="utf-8")
    config = {**SHIPPED, **OWN, "datasets": ["novel"], "device": "cpu"}
    assert own_contents(checked(config)) == {"novel": {"all": hash_file(Path("novel.txt"))}}
    assert own_contents(checked({**config, "datasets": ["ptb"]})) == {}
    for change, message in (
        ({"texts": {"novel": "novl.txt"}}, "texts novel: novl.txt: expected a text file (UTF-8), found nothing"),
        ({"texts": {"novel": "x" * 300}}, "texts novel: "),
        ({"datasets": ["fashion"]}, "images fashion: fashion: expected a folder with four IDX files, as MNIST's"),
    ):
        with pytest.raises(UsageError) as caught:
            own_contents(checked({**config, **change}))
        assert str(caught.value).startswith(message)
        assert "\n" not in str(caught.value)
