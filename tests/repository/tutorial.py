"""The tutorial: a page, and the same as a notebook.  Both show functions of the package, cut from its modules.

The source of both is the page, ``docs/tutorial/README.md``.  Between these markers it shows what a module holds:

    <!-- cut: implementations/pytorch.py: Learner._clip, Learner._clip_factor -->
    ...
    <!-- end -->

``python -m tests.repository.tutorial`` (``make tutorial``) writes the cuts and the notebook.  A test fails while they
differ.
"""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

import jupytext
import nbformat

from lstmbench import implementations
from lstmbench.utils.paths import ROOT, WORKFLOW

FOLDER = ROOT / "docs/tutorial"
PAGE = FOLDER / "README.md"
NOTEBOOK = FOLDER / "tutorial.ipynb"

CUT = re.compile(r"<!-- cut: (?P<module>\S+): (?P<names>[^>]+) -->\n(?P<text>.*?)<!-- end -->\n", flags=re.DOTALL)

FRAMEWORKS = {"reference": "NumPy", "pytorch": "PyTorch", "tensorflow": "TensorFlow 2", "jax": "JAX"}
"""Frameworks as the modules of ``implementations`` begin, and as they are written."""


def cut(module: str, name: str) -> str:
    """Return the source of a function or class of the package, such as ``Learner._clip``, flush left."""
    source = (WORKFLOW / "lstmbench" / module).read_text(encoding="utf-8")
    node: ast.AST = ast.parse(source)
    for part in name.split("."):
        node = next(one for one in ast.iter_child_nodes(node) if getattr(one, "name", None) == part)
    first = min(one.lineno for one in [node, *node.decorator_list])
    return textwrap.dedent("\n".join(source.splitlines()[first - 1 : node.end_lineno]))


def shown(module: str, names: str) -> str:
    """Return what stands between the markers: the module, and the functions in a block that no notebook runs."""
    path = f"workflow/lstmbench/{module}"
    title = FRAMEWORKS.get(implementations.framework(Path(module).stem), "All frameworks")
    code = "\n\n".join(cut(module, name) for name in names.split(", "))
    return f"\n**{title}**: [`{path}`](../../{path})\n\n```python .noeval\n{code}\n```\n\n"


def with_cuts(page: str) -> str:
    """Return the page with everything between the markers as the modules are now."""
    return CUT.sub(
        lambda found: (
            f"<!-- cut: {found['module']}: {found['names']} -->\n{shown(found['module'], found['names'])}<!-- end -->\n"
        ),
        page,
    )


def notebook(page: str) -> nbformat.NotebookNode:
    """Return the page as a notebook without outputs."""
    result = jupytext.reads(page, fmt="md")
    result.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(result.cells):
        cell.id = f"cell-{number}"  # otherwise drawn at random
        cell.metadata = {}
    return result


def as_text(book: nbformat.NotebookNode) -> str:
    """Return a notebook as the text of its file."""
    return nbformat.writes(book, version=4) + "\n"


def main() -> None:
    """Write the cuts of the page, and the notebook."""
    page = with_cuts(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(page, encoding="utf-8")
    NOTEBOOK.write_text(as_text(notebook(page)), encoding="utf-8")


if __name__ == "__main__":
    main()
