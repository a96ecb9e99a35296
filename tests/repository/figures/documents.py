"""Put the generated figures into README and docs, each between its markers:

    <!-- figures: NAME -->
    ...
    <!-- end -->

What stands outside the markers is free.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.repository.figures import quality, speed, versions

BLOCK = re.compile(r"(<!-- figures: (?P<name>[^>]+) -->\n)(?P<text>.*?)(<!-- end -->\n)", flags=re.DOTALL)

FIGURES: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {
        "quality": lambda: f"{quality.over_five_seeds()}\n{quality.medium()}",
        "multiples": speed.multiples,
        **{f"run {machine}": lambda machine=machine: speed.gpu_run(machine) for machine in speed.ON_GPU},
    },
    "docs/results.md": {"runs": quality.runs, "exercise": quality.exercise, "seeds": quality.seeds},
    "docs/benchmark.md": {
        **{
            f"bars {machine} {dataset}": lambda machine=machine, dataset=dataset: speed.bars(machine, dataset)
            for machine in speed.ON_CPU
            for dataset in speed.BARS
        },
        **{f"speeds {machine}": lambda machine=machine: speed.gpu_speeds(machine) for machine in speed.ON_GPU},
        **{f"run {machine}": lambda machine=machine: speed.gpu_run(machine) for machine in speed.ON_GPU},
    },
    "docs/comparing.md": {"margins": quality.margins},
    "docs/versions.md": {"versions": versions.ratios},
}
"""What is generated in each document, by the name in its marker."""


def generated(document: str, text: str) -> str:
    """The text of a document with its figures as they follow from the records; a name without a figure stays."""
    figures = FIGURES[document]

    def fill(found: re.Match[str]) -> str:
        return f"{found[1]}{figures[found['name']]()}{found[4]}" if found["name"] in figures else found[0]

    return BLOCK.sub(fill, text)
