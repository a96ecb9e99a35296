from __future__ import annotations

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lstmbench import datasets, tasks
from lstmbench.models.presets import PRESETS, Preset, load_preset
from lstmbench.models.weights import parameter_count
from lstmbench.utils.errors import UsageError

GOOD = yaml.safe_load((PRESETS / "ptb" / "small.yaml").read_text(encoding="utf-8"))
ALL = sorted(PRESETS.glob("*/*.yaml"))


def load(tmp_path, text: str) -> Preset:
    path = tmp_path / "tried.yaml"
    path.write_text(text, encoding="utf-8")
    return load_preset(path)


@pytest.mark.parametrize("path", ALL, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_preset_loads_and_belongs_to_a_dataset(path):
    assert load_preset(path).source
    assert path.parent.name in datasets.names()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        # ptb_word_lm.py: SmallConfig, MediumConfig, LargeConfig; the counts are of one bias per layer.
        ("small", (200, 20, 1.0, 0.1, 5.0, 13, 4, 0.5, 4_651_600)),
        ("medium", (650, 35, 0.5, 0.05, 5.0, 39, 6, 0.8, 19_775_200)),
        ("large", (1500, 35, 0.35, 0.04, 10.0, 55, 14, 1 / 1.15, 66_022_000)),
    ],
)
def test_the_ptb_presets_are_the_tutorials(size, expected):
    preset = load_preset(PRESETS / "ptb" / f"{size}.yaml")
    spec = tasks.load("language_model").model_spec(preset, {"vocab_size": 10_000})
    found = (
        preset.hidden_size,
        preset.num_steps,
        preset.keep_prob,
        preset.init_scale,
        preset.max_grad_norm,
        preset.epochs,
        preset.full_rate_epochs,
        preset.lr_decay,
        parameter_count(spec),
    )
    assert found == expected
    assert (preset.num_layers, preset.batch_size, preset.learning_rate) == (2, 20, 1.0)
    assert (preset.optimizer, preset.forget_bias, spec.loss_scale) == ("sgd", 0.0, preset.num_steps)


def test_mnist_small_has_the_exercises_81674_parameters():
    preset = load_preset(PRESETS / "mnist" / "small.yaml")
    assert parameter_count(tasks.load("classifier").model_spec(preset, {"classes": 10})) == 81_674


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lerning_rate": 1.0}, "did you mean learning_rate"),
        ({"learning_rate": "1e-3"}, "write 1.0e-3"),
        ({"learning_rate": True}, "expected number, found True"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"keep_prob": 0.0}, "keep_prob"),
        ({"keep_prob": 1.5}, "keep_prob"),
        ({"num_layers": 0}, "num_layers"),
        ({"hidden_size": 2.5}, "hidden_size"),
        ({"optimizer": "sdg"}, "expected 'adam' or 'sgd', found 'sdg'"),
        ({"max_grad_norm": 0}, "max_grad_norm"),
        ({"epochs": None}, "epochs"),
    ],
)
def test_a_wrong_value_is_refused_with_the_file_and_the_key(tmp_path, change, message):
    with pytest.raises(UsageError, match=message) as caught:
        load(tmp_path, yaml.safe_dump({**GOOD, **change}))
    assert "tried.yaml" in str(caught.value)


@pytest.mark.parametrize("key", [name for name in Preset.__struct_fields__ if name in GOOD])
def test_only_keys_with_a_default_may_be_missing(tmp_path, key):
    rest = {name: value for name, value in GOOD.items() if name != key}
    if not next(field for field in msgspec.structs.fields(Preset) if field.name == key).required:
        load(tmp_path, yaml.safe_dump(rest))
    else:
        with pytest.raises(UsageError, match=key):
            load(tmp_path, yaml.safe_dump(rest))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs: 1\nepochs: 2\n", "epochs"),
        ("a: &a [1]\nb: *a\n", "alias"),
        ("- 1\n", "mapping"),
        ("epochs: [", "YAML"),
        ("", "mapping"),
        ("a: !!python/object/apply:os.getcwd []\n", "YAML"),
        ("seeds: 1\nsource: 2001-99-99\n", "YAML: no such value: month must be in 1..12(?s:.*)line 2"),
        (f"epochs: {'9' * 5000}\n", "YAML: no such value"),
        ("epochs: !!int abc\n", "YAML: no such value"),
        ('epochs: !!int ""\n', "YAML: no such value"),
        ("epochs: !!bool abc\n", "YAML: no such value"),
        ("epochs: !!timestamp abc\n", "YAML: no such value"),
        ("!!int abc: 1\n", "YAML: no such value"),
    ],
)
def test_text_that_yaml_would_let_pass_is_refused(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        load(tmp_path, text)


@given(
    key=st.sampled_from(sorted(Preset.__struct_fields__)),
    value=st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers())),
)
def test_any_value_is_either_taken_or_refused_as_a_usage_error(tmp_path_factory, key, value):
    path = tmp_path_factory.mktemp("preset") / "tried.yaml"
    path.write_text(yaml.safe_dump({**GOOD, key: value}), encoding="utf-8")
    try:
        preset = load_preset(path)
    except UsageError:
        return
    assert getattr(preset, key) == value
