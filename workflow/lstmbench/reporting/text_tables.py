"""Write the tables for people: Markdown, HTML for a browser, LaTeX for a paper (packages booktabs and longtable)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from lstmbench.reporting.alignment import numeric
from lstmbench.reporting.html import tables_page
from lstmbench.utils.escaping import one_line
from lstmbench.utils.files import write_text

_TEX = str.maketrans({
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "\N{NO-BREAK SPACE}": "~", "\N{MINUS SIGN}": "$-$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$", "\N{MULTIPLICATION SIGN}": r"$\times$",
})  # fmt: skip
"""Characters that LaTeX would take for a command, or does not know in its default encoding."""


def write_text_tables(path: Path, title: str, parts: Mapping[str, pd.DataFrame], notes: Iterable[str]) -> None:
    """Write tables of text under their headings ("" for none), and notes below, atomically, in every text format.

    ``path`` is without the suffix; the formats are ``table_names.TEXT_SUFFIXES``.
    """
    notes = list(notes)
    write_text(Path(f"{path}.md"), _markdown(title, parts, notes))
    write_text(Path(f"{path}.html"), tables_page(title, parts, notes))
    write_text(Path(f"{path}.tex"), _latex(path.name, title, parts, notes))


def _markdown(title: str, parts: Mapping[str, pd.DataFrame], notes: list[str]) -> str:
    blocks = [f"# {title}"]
    for heading, frame in parts.items():
        if heading:
            blocks.append(f"## {heading}")
        blocks.append(frame.map(_in_markdown).to_markdown(index=False, disable_numparse=True))
    return "\n\n".join([*blocks, *notes]) + "\n"


def _in_markdown(text: str) -> str:
    """Return a cell on one line that is no HTML, no link or image, and no end of a cell."""
    text = one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`|\[\]])", r"\\\1", text)


def _latex(name: str, title: str, parts: Mapping[str, pd.DataFrame], notes: list[str]) -> str:
    blocks = [r"% \usepackage{booktabs, longtable}"]
    for number, (heading, frame) in enumerate(parts.items(), start=1):
        safe = frame.map(in_tex).rename(columns=in_tex)
        styled = safe.style.hide(axis="index")
        blocks.append(
            styled.to_latex(
                environment="longtable",
                hrules=True,
                column_format="".join("r" if right else "l" for right in numeric(frame)),
                caption=in_tex(f"{title}: {heading}" if heading else title),
                label=f"tab:{name}-{number}",
            )
        )
    return "\n".join([*blocks, *(rf"\noindent{{\footnotesize {in_tex(note)}\par}}" for note in notes)]) + "\n"


def in_tex(text: str) -> str:
    """Return text on one line as LaTeX shows it, with no character that is a command."""
    return one_line(text).translate(_TEX)
