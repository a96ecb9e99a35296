"""Print docstrings drawn at random: ``python -m tests.repository.docstrings [SEED]``.

Read them as a stranger would.
"""

from __future__ import annotations

import ast
import random
import sys
from collections.abc import Iterator

from lstmbench.utils.paths import PACKAGE

COUNT = 30


def docstrings() -> Iterator[tuple[str, str]]:
    """Yield the place and the text of every docstring of a module, class or function of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
                name = "" if isinstance(node, ast.Module) else f":{node.name}"
                yield f"{path.relative_to(PACKAGE)}{name}", text


def main(seed: int) -> None:
    """Print ``COUNT`` docstrings."""
    for place, text in random.Random(seed).sample(sorted(docstrings()), COUNT):
        print(f"## {place}\n{text}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
