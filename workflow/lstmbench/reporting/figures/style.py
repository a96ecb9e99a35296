"""Give all figures one look, and one way to save them.

Colours are those of Okabe & Ito (2008, "Color Universal Design"), and wine, indigo, olive and brown of Paul Tol (2021,
"Colour Schemes"), which are distinguishable with any colour vision.  Each implementation has its own colour, marker and
line style everywhere, so that a grey print is readable too.

A user's own settings for figures (``matplotlibrc``, ``MPLBACKEND``) do not affect these.  matplotlib reads them when it
is imported, so every module that draws imports this one first.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

# A notebook's backend is not installed here, and its name alone would end the import with a traceback.
with patch.dict(os.environ, {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}):
    import matplotlib as mpl

from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from lstmbench.utils.files import atomic

FORMATS = ("svg", "png", "pdf")
_SIGNED = {".svg": ["Date", "Creator"], ".png": ["Software"], ".pdf": ["CreationDate", "Creator", "Producer"]}
"""The metadata that matplotlib writes into each format."""

INK = "#333333"
FAINT = "#d9d9d9"
REFERENCE = "#6e6e6e"


@dataclass(frozen=True)
class Look:
    """How one implementation is drawn."""

    colour: str
    marker: str
    line: Any


_FIXED = {
    "jax": Look("#000000", "X", (0, (1, 2.5))),
    "jax_fused": Look("#999933", "d", (0, (9, 2, 4, 2))),
    "pytorch": Look("#D55E00", "o", "solid"),
    "pytorch_ddp": Look("#882255", "p", (0, (12, 1.5, 3, 1.5))),
    "pytorch_fused": Look("#CC79A7", "D", (0, (7, 1.5, 1.5, 1.5, 1.5, 1.5))),
    "pytorch_plain": Look("#E69F00", "v", (0, (10, 2))),
    "tensorflow": Look("#0072B2", "s", (0, (7, 1.5, 1.5, 1.5))),
    "tensorflow_fused": Look("#56B4E9", "P", (0, (3, 1.5, 1, 1.5))),
    "tensorflow_multiworker": Look("#332288", "*", (0, (4, 1, 4, 3.5))),
    "reference": Look("#009E73", "^", (0, (1, 1.2))),
}
_SPARE = (
    Look("#661100", "<", (0, (2, 3.5))),
    Look("#8C8C8C", "h", (0, (5, 3))),
)


def looks(implementations: Iterable[str]) -> dict[str, Look]:
    """Return a look for each name: its fixed one, or the next spare one in the order of the names."""
    names = sorted(set(implementations))
    others = [name for name in names if name not in _FIXED]
    spare = {name: _SPARE[index % len(_SPARE)] for index, name in enumerate(others)}
    return {name: _FIXED.get(name) or spare[name] for name in names}


def tint(colour: str) -> tuple[float, float, float]:
    """Return a light shade of a colour, on which text and marks are readable."""
    red, green, blue = (0.35 * part + 0.65 for part in to_rgb(colour))
    return red, green, blue


@contextmanager
def figure_style() -> Iterator[None]:
    """Set the look of a figure while it is drawn and saved: matplotlib's defaults and our own settings."""
    with mpl.rc_context(
        {
            **{name: value for name, value in mpl.rcParamsDefault.items() if name != "backend"},
            "font.family": "DejaVu Sans",  # comes with matplotlib, so that every machine draws the same
            "font.size": 9,
            "axes.titlesize": 10,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "axes.grid": True,
            "axes.grid.axis": "y",
            "axes.axisbelow": True,
            "hatch.linewidth": 0.7,
            "grid.color": FAINT,
            "grid.linewidth": 0.6,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "legend.frameon": False,
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "savefig.dpi": 160,
            "svg.fonttype": "path",
            "pdf.fonttype": 42,  # TrueType; journals refuse the Type 3 fonts that are the default
            "svg.hashsalt": "lstm-bench",  # otherwise matplotlib names the elements inside an SVG at random
        }
    ):
        yield


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure in each of ``FORMATS``, atomically; return the paths written, ``stem`` with a suffix."""
    written = [stem.with_name(f"{stem.name}.{suffix}") for suffix in FORMATS]
    for path in written:
        # No date and no version, so that the same tables give the same bytes.
        metadata = dict.fromkeys(_SIGNED[path.suffix])
        with atomic(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:], metadata=metadata)
    return written
