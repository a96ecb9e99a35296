"""Write the figures into every document: ``make figures``.  A test fails while they differ from the records."""

from __future__ import annotations

from lstmbench.utils.paths import ROOT
from tests.repository.figures.documents import FIGURES, generated


def main() -> None:
    """Write the figures into every document."""
    for document in FIGURES:
        path = ROOT / document
        before = path.read_text(encoding="utf-8")
        after = generated(document, before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"{document}: figures written")


if __name__ == "__main__":
    main()
