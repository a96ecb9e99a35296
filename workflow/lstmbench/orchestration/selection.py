"""Define what a configuration holds, and list the cases that it selects.

The schema ``config`` in ``workflow/schemas`` is made from this type.
"""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from lstmbench import datasets, implementations
from lstmbench.datasets import OwnData
from lstmbench.models.presets import PRESETS
from lstmbench.records import paths
from lstmbench.system.device import resolve_device, split_device
from lstmbench.utils.errors import UsageError
from lstmbench.utils.fields import Name, Number, Seed, StrictStruct

_UNIQUE = {"uniqueItems": True}
_Names = Annotated[list[Name], Meta(min_length=1, extra_json_schema=_UNIQUE)]
_Seeds = Annotated[list[Seed], Meta(min_length=1, extra_json_schema=_UNIQUE)]
_Processes = Annotated[int, Meta(ge=1, le=1024)]
_Word = Annotated[str, Meta(min_length=1)]
_EnvironmentName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,31}(?!\n)$")]
_Folder = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*(?!\n)$")]

SPEED_SEED = 1
"""The seed of the weights that speeds are measured with: another selection of seeds must not measure them again."""


FOLDERS_OF_OTHERS = (
    *("docs", "envs", "profiles", "tests", "workflow"),
    *(f"results/{name}" for name in ("baselines", "calibration", "data", "environments", "logs", "weights")),
)
"""Folders with files of the project, or with what all configurations share."""


class Speed(StrictStruct, frozen=True):
    """What the measurement of speed covers; it is apart from training."""

    sizes: Annotated[_Names, Meta(description="Model sizes to measure, each a file in workflow/presets/{dataset}.")]
    implementations: Annotated[
        _Names, Meta(description="Implementations to measure, each a module in workflow/lstmbench/implementations.")
    ]
    processes: Annotated[Number, Meta(description="Processes per case, a count; five or more for an interval.")]
    attempts: Annotated[
        Number, Meta(description="Times that a round is tried if one of its processes was disturbed, a count.")
    ]
    blocks: Annotated[
        Number, Meta(description="Timed blocks per process, a count; a block takes at least 0.25 seconds.")
    ]


class OwnText(StrictStruct, frozen=True):
    """A text of one's own."""

    path: Annotated[_Word, Meta(description="A UTF-8 text, or a folder with a text for each of train, valid and test.")]
    level: Annotated[
        Literal["word", "character"], Meta(description="What is predicted: the next word or the next character.")
    ] = "word"


class Selection(StrictStruct, frozen=True):
    """What to run.  Names are checked against the files that there are once the types are right."""

    datasets: Annotated[
        _Names,
        Meta(description="Data sets, each a module in workflow/lstmbench/datasets or a name in texts or images."),
    ]
    texts: Annotated[
        dict[Name, _Word | OwnText],
        Meta(description="Texts of your own by name: a path, or a path and whether words or characters are predicted."),
    ]
    images: Annotated[
        dict[Name, _Word],
        Meta(description="Images of your own by name, each the path of a folder with four IDX files, as MNIST's."),
    ]
    sizes: Annotated[_Names, Meta(description="Model sizes, each a file in workflow/presets/{dataset}.")]
    implementations: Annotated[
        _Names,
        Meta(
            description="Implementations, each a module in workflow/lstmbench/implementations, and after a hyphen its "
            "environment."
        ),
    ]
    environments: Annotated[
        dict[
            _EnvironmentName,
            Annotated[list[_Word], Meta(min_length=1)] | Annotated[dict[Literal["python"], _Word], Meta(min_length=1)],
        ],
        Meta(
            description="Other versions of the frameworks by name, each what pip install is given, or the path of a "
            "Python."
        ),
    ]
    seeds: Annotated[
        _Seeds | Annotated[dict[str, _Seeds], Meta(min_length=1)],
        Meta(description="Seeds of the initial weights, the shuffling and the dropout masks, of all sizes or by size."),
    ]
    device: Annotated[Literal["auto", "cpu", "gpu"], Meta(description="auto (the GPU where there is one), cpu or gpu.")]
    precisions: Annotated[
        Annotated[list[Literal["float32", "tf32", "bfloat16"]], Meta(min_length=1, extra_json_schema=_UNIQUE)],
        Meta(description="How matrix products are computed; one name, or several that are run side by side."),
    ]
    workers: Annotated[
        Annotated[list[_Processes], Meta(min_length=1, extra_json_schema=_UNIQUE)],
        Meta(description="Workers that share one training, a count; one, or several that are run side by side."),
    ]
    threads: Annotated[
        _Processes | Annotated[list[_Processes], Meta(min_length=1, extra_json_schema=_UNIQUE)],
        Meta(
            description="CPU threads of each worker of a run; a number, or several in a list that are run side by side."
        ),
    ]
    results: Annotated[
        _Folder, Meta(description="Folder of runs, tables, figures and report, relative to the working directory.")
    ]
    local_data: Annotated[
        list[_Word], Meta(description="Folders with local copies of the data files, looked at before any download.")
    ]
    max_updates: Annotated[
        Number | dict[str, Number | None] | None,
        Meta(description="Updates after which training stops, for all sizes or by size; null for the whole schedule."),
    ]
    max_eval_predictions: Annotated[
        Number | None,
        Meta(description="Predictions (words or images) a validation or test is limited to; null for all."),
    ]
    checkpoint_seconds: Annotated[
        Number,
        Meta(
            description="Seconds between two checkpoints of a run, at least; it changes no result and repeats no run."
        ),
    ]
    keep_models: Annotated[
        bool,
        Meta(description="Whether a complete run keeps its final weights; it changes no result and repeats no run."),
    ]
    speed: Speed

    @property
    def bare_devices(self) -> list[str]:
        """The device's name in each precision, without threads and workers: cpu, gpu-tf32."""
        return [resolve_device(f"{self.device}-{precision}") for precision in self.precisions]

    @property
    def devices(self) -> list[str]:
        """The device's names in each precision and, if ``threads`` is a list, with each number of threads: cpu-t1."""
        counts = self.threads if isinstance(self.threads, list) else [None]
        return [split_device(bare)._replace(threads=count).name for bare in self.bare_devices for count in counts]

    @property
    def cases(self) -> list[tuple[str, str]]:
        """The implementation and device of all runs; several workers only if the implementation supports them."""
        return [
            (implementation, split_device(device)._replace(workers=count).name)
            for implementation in self.implementations
            for device in self.devices
            for count in self.workers
            if count == 1 or implementations.distributed(implementation)
        ]

    @property
    def cases_of_one(self) -> list[tuple[str, str]]:
        """The cases with one worker: only these can ``sample`` measure and ``plan`` predict."""
        return [(implementation, device) for implementation, device in self.cases if device in self.devices]

    def own(self, dataset: str) -> OwnData | None:
        """Return where a data set of the user's own is and how it is read; None if the data set is a shipped one."""
        if dataset in self.texts:
            text = self.texts[dataset]
            text = OwnText(path=text) if isinstance(text, str) else text
            return OwnData("own_text", _expanded(text.path), {"level": text.level})
        return OwnData("own_images", _expanded(self.images[dataset])) if dataset in self.images else None

    def module_of(self, dataset: str) -> str:
        """Return the module of ``lstmbench.datasets`` that prepares a data set."""
        own = self.own(dataset)
        return own.module if own else dataset

    def task_of(self, dataset: str) -> str:
        """Return the task of a data set."""
        task: str = datasets.load_module(self.module_of(dataset)).TASK
        return task

    def preset_folder(self, dataset: str) -> str:
        """Return the folder of ``workflow/presets`` with a data set's sizes: its own or, if it has none, a shipped one.

        Without a folder of its name, a text of one's own has the sizes of PTB, and images have those of MNIST.
        """
        if self.own(dataset) is None or (PRESETS / dataset).is_dir():
            return dataset
        return {"language_model": "ptb", "classifier": "mnist"}[self.task_of(dataset)]

    def preset_file(self, dataset: str, size: str) -> Path:
        """Return the preset of a size."""
        return PRESETS / self.preset_folder(dataset) / f"{size}.yaml"

    def for_plan(self) -> Selection:
        """Return the selection without what changes no number of the plan, so that it repeats nothing.

        That is what no case uses, and what depends on this machine's folders.  The path of each data set of the user's
        own becomes its name, so that a report tells nobody where a user keeps what.
        """
        texts: dict[str, str | OwnText] = {
            name: f"{name}.txt" if isinstance(text, str) else replace(text, path=f"{name}.txt")
            for name, text in self.texts.items()
            if name in self.datasets
        }
        sizes = {*self.sizes, *self.speed.sizes}
        named = {implementations.split(name)[1] for name in (*self.implementations, *self.speed.implementations)}
        caps = self.max_updates
        if isinstance(caps, Mapping):
            caps = {size: count for size, count in caps.items() if size in sizes}
            caps = caps if any(caps.values()) else None
        return replace(
            self,
            local_data=[],
            texts=texts,
            images={name: name for name in self.images if name in self.datasets},
            environments={name: words for name, words in self.environments.items() if name in named},
            max_updates=caps,
            checkpoint_seconds=1,
        )

    def for_tables(self) -> Selection:
        """Return the selection without what changes no table, so that it repeats none."""
        return replace(self.for_plan(), keep_models=True)

    def records(self) -> list[Path]:
        """Return the paths of the records of all runs, whether they exist or not."""
        return [
            self._record(dataset, size, case, seed)
            for dataset, size, case in itertools.product(self.datasets, self.sizes, self.cases)
            for seed in self.seeds_of(size)
        ]

    def records_of(self, dataset: str) -> list[Path]:
        """Return the paths of the records of a data set's runs of the first seed of each size."""
        return [
            self._record(dataset, size, case, self.seeds_of(size)[0])
            for size, case in itertools.product(self.sizes, self.cases)
        ]

    def _record(self, dataset: str, size: str, case: tuple[str, str], seed: int) -> Path:
        name, device = case
        record = paths.RUN.format(dataset=dataset, size=size, implementation=name, device=device, seed=seed)
        return Path(self.results, record)

    def seeds_of(self, size: str) -> list[int]:
        """Return the seeds of a size."""
        return self.seeds[size] if isinstance(self.seeds, Mapping) else self.seeds

    def threads_of(self, device: str) -> int:
        """Return the CPU threads of each worker of a run on ``device``.

        Raises:
            UsageError: the selection has several numbers of threads, and ``device`` names none.
        """
        threads = self.threads if isinstance(self.threads, int) else split_device(device).threads
        if threads is None:
            known = ", ".join(self.devices)
            raise UsageError(f"device {device}: expected one of this selection, with its threads ({known})")
        return threads

    def max_updates_of(self, size: str) -> int | None:
        """Return the number of updates after which a run of this size stops, or None."""
        return self.max_updates.get(size) if isinstance(self.max_updates, Mapping) else self.max_updates

    def caps_as_arguments(self, size: str) -> str:
        """Return the caps of a run of this size as arguments of ``lstm-bench train``."""
        caps = {"--max-updates": self.max_updates_of(size), "--max-eval-predictions": self.max_eval_predictions}
        return shlex.join(str(word) for name, value in caps.items() if value is not None for word in (name, value))


def require_own_results(results: str) -> None:
    """Refuse a folder of results that would mix them with other files.

    Raises:
        UsageError: the folder is one of ``FOLDERS_OF_OTHERS``, or below one.
    """
    for name in FOLDERS_OF_OTHERS:
        if Path(results).is_relative_to(name):
            raise UsageError(
                f"configuration at $.results: expected a folder of their own, found {results}, but {name} holds files "
                "of the project or of all configurations; write another, as in results/mine"
            )


def _expanded(path: str) -> Path:
    # os.path accepts any text; Path raises an error for the home of an unknown user.
    return Path(os.path.expanduser(path))  # noqa: PTH111
