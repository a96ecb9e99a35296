"""Check that a run.json that fits its type agrees with itself and can be true."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import UNSET

from lstmbench import tasks
from lstmbench.models.schedule import learning_rate_at
from lstmbench.models.weights import parameter_count
from lstmbench.records.caps import caps_in_words, whole_schedule
from lstmbench.records.consistency import ROUNDING, Check, between, equal, memory
from lstmbench.records.format import FIRST_LOSSES
from lstmbench.records.run_record import Epoch, RunRecord
from lstmbench.statistics.perplexity import perplexity
from lstmbench.system.device import split_device
from lstmbench.utils.conversion import plain
from lstmbench.utils.files import hash_json

MIN_PERPLEXITY = 20.0
REAL_VOCABULARY = 1000
"""No model of a text with at least ``REAL_VOCABULARY`` words, trained on that text alone, has come near this perplexity
(PTB: 47.7 with dynamic evaluation of a mixture of softmaxes, Yang et al. 2018).  Less means that the model was trained
on the test."""

MAX_WATTS = 5000
"""No card draws as much; a counter that says more has another unit."""

COUNTER_SECONDS = 1.0
"""The counter of a GPU lags behind by a tenth of a second or so."""

SURE_PREDICTIONS = 5000
"""At least this many correct answers without one error cannot result from learning from other images."""


def checks_of_run(record: RunRecord) -> Iterator[Check]:
    """Yield all checks of a record; later ones rely on earlier ones."""
    yield from _task(record)
    yield from _perplexities(record)
    yield from _order(record.history)
    yield from _settings(record)
    yield from _schedule(record)
    yield from _counts(record)
    yield from _first_losses(record)
    yield from _caps(record)
    yield from _times(record)
    yield from _speed(record)
    yield from _machine(record)
    yield from _energy(record)
    yield from _plausible(record)


def _task(record: RunRecord) -> Iterator[Check]:
    """Check that the metrics are those of the task: of a text a perplexity, of images an accuracy.

    A text may have an accuracy too, the share of next words predicted right; older records lack it.
    """
    is_text = record.data.task == "language_model"
    final = record.final
    keys: list[tuple[str, float | None, bool]] = [("$.final.perplexity", final.perplexity, is_text)]
    if not is_text:
        keys.append(("$.final.accuracy", final.accuracy, True))
    for index, row in enumerate(record.history):
        here = f"$.history[{index}]"
        keys.append((f"{here}.train_perplexity", row.train_perplexity, is_text))
        keys.append((f"{here}.valid_perplexity", row.valid_perplexity, is_text))
        if not is_text:
            keys.append((f"{here}.valid_accuracy", row.valid_accuracy, True))
    for where, found, needed in keys:
        expected = "a number" if needed else "no such key"
        yield Check(where, (found is not None) == needed, f"{expected} for this task", found)
    unit = tasks.load(record.data.task).unit(record.data.facts)
    yield equal("$.speed.unit", record.speed.unit, unit, "as for this task")


def _perplexities(record: RunRecord) -> Iterator[Check]:
    final = record.final
    rows = [("$.final", "", final.loss, final.perplexity)]
    for index, row in enumerate(record.history):
        here = f"$.history[{index}]"
        rows.append((here, "train_", row.train_loss, row.train_perplexity))
        rows.append((here, "valid_", row.valid_loss, row.valid_perplexity))
    for where, split, loss, found in rows:
        if found is not None:
            value = perplexity(loss)
            close = math.isclose(found, value, rel_tol=ROUNDING)
            yield Check(f"{where}.{split}perplexity", close, f"exp({split}loss) = {value:.9g}", found)


def _order(history: Sequence[Epoch]) -> Iterator[Check]:
    epochs = [row.epoch for row in history]
    in_order = list(range(1, len(epochs) + 1))
    yield Check("$.history", epochs == in_order, f"epochs 1 to {len(epochs)} in order", epochs)
    updates = [row.updates for row in history]
    yield Check("$.history", updates == sorted(set(updates)), "updates to grow from epoch to epoch", updates)


def _settings(record: RunRecord) -> Iterator[Check]:
    settings, data = record.settings, record.data
    yield equal("$.settings_sha256", record.settings_sha256, hash_json(plain(settings)), "the hash of the settings")
    precision = split_device(record.run.device).precision
    yield equal("$.settings.dtype", settings.dtype, precision, "as the device's name says")
    size = "vocab_size" if data.task == "language_model" else "classes"
    yield Check("$.data.facts", size in data.facts, f"the fact {size}", data.facts)
    spec = tasks.load(data.task).model_spec(settings.preset, data.facts)
    yield equal("$.parameters", record.parameters, parameter_count(spec), "by the preset and the data")
    if (rows := data.known_facts.rows) is not UNSET:
        yield equal("$.settings.preset.num_steps", settings.preset.num_steps, rows, "a time step per row of an image")
    initial, final = record.initial_weights_sha256, record.final_weights_sha256
    yield Check("$.final_weights_sha256", initial != final, "other weights than the initial ones", final)


def _schedule(record: RunRecord) -> Iterator[Check]:
    preset = record.settings.preset
    for index, row in enumerate(record.history):
        rate = learning_rate_at(preset, row.epoch)
        yield equal(f"$.history[{index}].learning_rate", row.learning_rate, rate, "by the preset's schedule")
    asked, updates = preset.report_after_updates, record.history[-1].updates
    for index, test in enumerate(record.milestones):
        yield equal(f"$.milestones[{index}].updates", test.updates, asked, "as the preset asks")
    there = asked is not None and asked <= updates
    yield equal("$.milestones", bool(record.milestones), there, "whether the preset asks for tests so early")


def _counts(record: RunRecord) -> Iterator[Check]:
    preset, history = record.settings.preset, record.history
    per_example = preset.num_steps if record.data.task == "language_model" else 1
    before = 0
    for index, row in enumerate(history):
        here = f"$.history[{index}]"
        trained = (row.updates - before) * preset.batch_size * per_example
        yield equal(f"{here}.train_predictions", row.train_predictions, trained, "by its updates")
        first = history[0]
        yield equal(f"{here}.valid_predictions", row.valid_predictions, first.valid_predictions, "as at first")
        if index < len(history) - 1 or not record.caps:
            yield equal(f"{here}.updates", row.updates, row.epoch * first.updates, "epochs of one length")
        before = row.updates
    final = record.final
    places = [("$.final.accuracy", final.accuracy, final.predictions)]
    for index, row in enumerate(history):
        places.append((f"$.history[{index}].valid_accuracy", row.valid_accuracy, row.valid_predictions))
    for index, test in enumerate(record.milestones):
        places.append((f"$.milestones[{index}].accuracy", test.accuracy, test.predictions))
    for where, accuracy, count in places:
        if accuracy is not None:
            whole = abs(accuracy * count - round(accuracy * count)) < 1e-3
            yield Check(where, whole, f"a whole number of {count:,} predictions", accuracy)


def _first_losses(record: RunRecord) -> Iterator[Check]:
    if losses := record.first_losses:
        first, updates = record.history[0], record.history[-1].updates
        yield equal("$.first_losses", len(losses), min(FIRST_LOSSES, updates), "one per first update")
        if first.updates <= len(losses):
            mean = math.fsum(losses[: first.updates]) / first.updates
            yield equal("$.first_losses", mean, first.train_loss, "the first epoch's loss, on average")


def _caps(record: RunRecord) -> Iterator[Check]:
    settings, updates = record.settings, record.history[-1].updates
    whole = record.full_updates or whole_schedule(record.caps) or updates
    yield Check("$.full_updates", updates <= whole, f"no fewer than the {updates:,} updates made", whole)
    yield equal("$.caps", record.caps, caps_in_words(settings, updates, whole), "as the settings and the updates say")
    if updates < whole:
        yield equal("$.settings.max_updates", settings.max_updates, updates, "where the run was cut short")
    else:
        epochs = settings.preset.epochs
        yield equal("$.history", len(record.history), epochs, "epochs of a run that was not cut short")


def _times(record: RunRecord) -> Iterator[Check]:
    speed, history = record.speed, record.history
    training = math.fsum(row.train_seconds for row in history)
    yield equal("$.speed.train_seconds", speed.train_seconds, training, "the sum over the epochs")
    first = speed.first_step_seconds
    yield between("$.speed.first_step_seconds", first, 0, training, "no longer than all training")
    started, finished = map(datetime.fromisoformat, (record.started, record.finished))
    yield Check("$.finished", started <= finished, f"not before it started, {record.started}", record.finished)
    if record.resumed == 0:
        tests = [row.valid_seconds for row in history] + [row.seconds for row in record.milestones]
        others = [record.final.seconds, speed.import_seconds, speed.build_seconds]
        spent = math.fsum([training, *tests, *others])
        elapsed = (finished - started).total_seconds() + 2  # both are truncated to whole seconds
        expected = f"at least the {spent:.0f} s of its parts after {record.started}"
        yield Check("$.finished", spent <= elapsed, expected, record.finished)


def _speed(record: RunRecord) -> Iterator[Check]:
    speed = record.speed
    found = [speed.p25, speed.median, speed.p75]
    quartiles = [value for value in found if value is not None]
    there = len(quartiles) == (3 if speed.blocks > 0 else 0)
    ordered = there and quartiles == sorted(quartiles)
    yield Check("$.speed", ordered, "p25 <= median <= p75, all null without blocks", found)
    updates = record.history[-1].updates
    yield between("$.speed.blocks", speed.blocks, 0, updates, "no more than updates")
    if speed.median is not None:
        # A machine may become slower, or stop for hours, at any moment, so the average speed bounds no quartile.  But
        # half of the blocks were no faster than the median, and none has less than one training step.
        per_step = sum(row.train_predictions for row in record.history) / updates
        fit = speed.blocks / 2 * per_step <= speed.median * speed.train_seconds * (1 + ROUNDING)
        expected = f"half of the {speed.blocks:,} blocks to fit into {speed.train_seconds:.4g} s at this speed"
        yield Check("$.speed.median", fit, expected, speed.median)


def _energy(record: RunRecord) -> Iterator[Check]:
    where = split_device(record.run.device)
    for index, row in enumerate(record.history):
        here, joules = f"$.history[{index}].train_joules", row.train_joules
        if joules is not None:
            alone = where.kind == "gpu" and where.workers == 1
            yield Check(here, alone, "none of a run that has no GPU to itself", joules)
            most = MAX_WATTS * (row.train_seconds + COUNTER_SECONDS)
            yield between(here, joules, 0, most, f"no more than {MAX_WATTS:,} W over {row.train_seconds:.4g} s")


def _machine(record: RunRecord) -> Iterator[Check]:
    on_gpu = split_device(record.run.device).kind == "gpu"
    used, machine = record.memory, record.machine
    known = used.peak_device_bytes is not None
    yield equal("$.memory.peak_device_bytes", known, on_gpu, "whether it ran on a GPU")
    if on_gpu:
        yield Check("$.machine.gpu", machine.gpu is not None, "the GPU it ran on", machine.gpu)
    yield memory("$.memory.peak_rss_bytes", used.peak_rss_bytes, record.parameters, machine)
    clean = record.commit is not None or not record.commit_dirty
    yield Check("$.commit_dirty", clean, "no changes where there is no commit", record.commit_dirty)


def _plausible(record: RunRecord) -> Iterator[Check]:
    facts, final = record.data.known_facts, record.final
    own = facts.about is not UNSET  # may repeat itself, or be easy: nothing is known of it
    if not own and final.perplexity is not None and (facts.vocab_size or 0) >= REAL_VOCABULARY:
        fair = final.perplexity >= MIN_PERPLEXITY
        expected = f"at least {MIN_PERPLEXITY:g} of a model that never saw the test"
        yield Check("$.final.perplexity", fair, expected, final.perplexity)
    floor = facts.source_cross_entropy_nats_test
    if floor is not UNSET and record.settings.max_eval_predictions is None:
        fair = final.loss >= 0.98 * floor
        yield Check("$.final.loss", fair, f"at least about {floor:.4f}, that of the text's own source", final.loss)
    if not own and final.accuracy is not None and final.predictions >= SURE_PREDICTIONS:
        yield Check("$.final.accuracy", final.accuracy < 1, "an error or two", final.accuracy)
