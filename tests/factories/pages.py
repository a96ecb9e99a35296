"""Report pages of made-up records, for tests of the page's text and of the page in a browser."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from lstmbench.analysis import scaling, speed
from lstmbench.inference.learned import Learned
from lstmbench.parity import certificate
from lstmbench.records.measurement import Measurement
from lstmbench.records.tables import write_table
from lstmbench.utils.conversion import plain
from lstmbench.utils.files import write_json
from lstmbench.utils.paths import ROOT
from tests.factories.tables import PUBLISHED, TARGETS, make_tables
from tests.helpers.run_command import run_command

SELECTION = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")) | {"device": "cpu"}

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


@functools.cache
def certificate_of_the_reference() -> pd.DataFrame:
    """The certificate of the reference, computed once."""
    return certificate.certify("reference", "cpu", threads=1)


def make_page(
    folder: Path,
    *records: dict[str, Any],
    published: Path = PUBLISHED,
    targets: Path = TARGETS,
    config: str = "config.yaml",
    figures: str = "empty",
    measured: Iterable[Measurement] = (),
    baselines: Iterable[Path] = (),
    selection: Mapping[str, Any] = SELECTION,
    learned: Iterable[Learned] = (),
) -> Path:
    """The path of the report of these records, its tables beside it; ``figures``: empty, drawn or none."""
    tables, pictures, output = folder / "tables", folder / "figures", folder / "report.html"
    make_tables(folder, *records, published=published, targets=targets)
    for name, table in speed.analyse(measured).items():
        write_table(tables / f"{name}.csv", table)
    run_command("precision", ["--tables", str(tables)])
    run_command("against-baselines", [*map(str, baselines), "--results", str(folder), "--tables", str(tables)])
    for name in scaling.SCALED:
        run_command("scaling", ["--of", name, "--tables", str(tables)])
    datasets = {record["run"]["dataset"] for record in records}
    if figures == "drawn":
        for drawing in ("plot", "plot-speed", "plot-overview"):
            run_command(drawing, ["--tables", str(tables), "--output-dir", str(pictures)])
        for name, dataset in itertools.product(scaling.SCALED, datasets):
            of = ["--of", name, "--dataset", dataset]
            run_command("plot-scaling", [*of, "--tables", str(tables), "--output-dir", str(pictures)])
    if figures == "empty":
        pictures.mkdir(exist_ok=True)
        kinds = ("learning", "quality", "ceiling", "anatomy", *scaling.SCALED)
        for kind, dataset in itertools.product(kinds, datasets):
            (pictures / f"{kind}_{dataset}.svg").write_bytes(SVG)
        (pictures / "overview.svg").write_bytes(SVG)
    certified = folder / "parity.csv"
    write_table(certified, certificate_of_the_reference())
    for one in learned:
        write_json(folder / "learned" / f"{one.dataset}.json", plain(one))
    shown = sorted((folder / "learned").glob("*.json"))
    run_command("report", [
        "--learned", *map(str, shown),
        "--tables", str(tables), "--figures", str(pictures), "--parity", str(certified), "--config-name", config,
        "--selection", json.dumps(selection), "--output", str(output)
    ])  # fmt: skip
    return output
