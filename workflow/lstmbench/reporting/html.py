"""Render a page: self-contained HTML from a template of ``workflow/report``, and the tables on it.

Styles and scripts are inside the page, and its Content-Security-Policy lists them by their hashes.  The page runs
nothing else and loads nothing.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from lstmbench import __version__
from lstmbench.analysis.chosen_size import STANDARD_SIZES
from lstmbench.records.paths import CASE_COLUMNS
from lstmbench.reporting import cells
from lstmbench.reporting.alignment import leading_number, numeric
from lstmbench.utils.errors import DataError
from lstmbench.utils.paths import WORKFLOW

TEMPLATES = WORKFLOW / "report"
STYLES = ("base.css", "vendor/uPlot-1.6.32.min.css", "page.css")
PLAIN_STYLES = ("base.css",)
"""Of a page that has tables and nothing else."""

SCRIPTS = ("vendor/uPlot-1.6.32.iife.min.js", "vendor/sortable-tablesort-4.1.7.min.js", "page.js")
"""In this order; vendor/README.md lists the origin of those by others."""

SIZES = {size: str(rank) for rank, size in enumerate(STANDARD_SIZES)}
"""Sorts a column of sizes."""

IDENTIFYING = ("bundle", *CASE_COLUMNS, "threads", "machine", "settings", "data", "compared")
"""Headings of the columns that say what a row is about; ``verdict`` follows them."""

VERDICT = "verdict"

NOTHING = "'none'"
"""What a policy allows where it allows no source."""

WIDE_POINTS = 360
"""A wider figure has several panels."""

_WIDTH = re.compile(rb'<svg[^>]* width="([\d.]+)pt"')


@dataclass(frozen=True)
class Table:
    """A table of text; ``numeric``: columns to align to the right; ``keys``: what their cells are sorted by."""

    header: list[str]
    rows: list[list[str]]
    numeric: list[bool]
    note: str
    keys: list[list[str]]


@dataclass(frozen=True)
class Section:
    """A part of a page below the data sets: paragraphs and tables under their titles ("" for none)."""

    name: str
    title: str
    paragraphs: list[str] = field(default_factory=list)
    tables: dict[str, Table] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """A figure as the source of an image; ``wide``: it has to keep its size on a narrow screen."""

    source: str
    text: str
    wide: bool


def render(template: str, *, styles: Iterable[str] = STYLES, scripts: Iterable[str] = SCRIPTS, **values: Any) -> str:
    """Return the page that ``template`` makes of ``values``, with these files of styles and scripts in it."""
    style = "\n".join(_inline(name) for name in styles)
    inline = [_inline(name) for name in scripts]
    policy = "; ".join([
        f"default-src {NOTHING}",
        f"script-src {' '.join(map(_source, inline)) or NOTHING}",
        f"style-src {_source(style)}",
        "img-src data:",
        f"base-uri {NOTHING}",
        f"form-action {NOTHING}",
    ])  # fmt: skip
    page = _environment().get_template(template)
    return page.render(
        version=__version__, policy=policy, style=Markup(style), scripts=[Markup(one) for one in inline], **values
    )


@functools.cache
def _environment() -> jinja2.Environment:
    """Return where templates are compiled, once for all pages of a process."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _inline(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """Return the hash of the text between two tags as a policy lists it (W3C, Content Security Policy Level 3)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def tables_page(title: str, parts: Mapping[str, pd.DataFrame], notes: Iterable[str]) -> str:
    """Return tables of text under their headings ("" for none), and notes below, as a page without scripts."""
    tables = {heading: as_table(frame) for heading, frame in parts.items()}
    return render("tables.html.j2", styles=PLAIN_STYLES, scripts=(), title=title, tables=tables, notes=list(notes))


def as_table(frame: pd.DataFrame, note: str = "") -> Table:
    """Return a frame of text as a table, its verdict beside what each row is about."""
    frame = _verdict_beside_case(frame)
    rows = frame.to_numpy().tolist()
    right = numeric(frame)
    keys = [[_key(cell, number) for cell, number in zip(row, right, strict=True)] for row in rows]
    return Table(header=list(frame.columns), rows=rows, numeric=right, note=note, keys=keys)


def _verdict_beside_case(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with its verdict, if any, where a window shows it however many columns follow."""
    if VERDICT not in frame:
        return frame
    others = [name for name in frame if name != VERDICT]
    place = max((place for place, name in enumerate(others, start=1) if name in IDENTIFYING), default=0)
    return frame[[*others[:place], VERDICT, *others[place:]]]


def _key(cell: str, numeric: bool) -> str:
    """Return a number for scripts, a size by its rank, "" for what is missing; otherwise the text itself."""
    if cell == cells.ABSENT:
        return ""
    if not numeric:
        return SIZES.get(cell.partition(",")[0], cell)
    return leading_number(cell)


def picture(path: Path, text: str) -> Picture:
    """Return an SVG file as an image that ``text`` describes.

    Raises:
        DataError: it cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}. Run `lstm-bench plot` first.") from error
    source = "data:image/svg+xml;base64," + base64.b64encode(content).decode("ascii")
    width = _WIDTH.search(content)
    return Picture(source, text, wide=width is not None and float(width[1]) > WIDE_POINTS)
