"""Describe a data set, and what its quality can be compared with: published values, and a generated text's floor."""

from __future__ import annotations

import pandas as pd

from lstmbench import datasets
from lstmbench.reporting import cells


def about(dataset: str, quality: pd.DataFrame, runs: pd.DataFrame) -> str:
    """Return what is said of a data set: of a user's own in its records, of a shipped one in its module.

    A shipped data set without a source comes with the workflow.
    """
    if supplied := " ".join(runs["about"].unique()):
        return f"{supplied} Nothing published is known of this data set."
    if dataset not in datasets.names():
        return ""
    first = (datasets.load_module(dataset).__doc__ or "").partition("\n\n")[0].replace("``", "")
    text = " ".join(first.split())
    text = text[len(dataset) + 2 :] if text.lower().startswith(f"{dataset}: ") else text
    text = text[:1].upper() + text[1:]
    if datasets.sources(dataset):
        return text
    nothing = "" if (quality["published_source"] != "").any() else "; nobody has published results for it"
    return f"{text} It comes with the workflow (embedded), without a download{nothing}."


def compared_with(quality: pd.DataFrame, size: str) -> list[str]:
    """Return sentences on the best published value of a size, and on the floor of a generated text.

    A floor has two numbers, which only these sentences explain.  The source's perplexity over endless text applies to
    targets and learning curves; its perplexity on the words of the test text applies to tests.
    """
    rows = quality[(quality["size"] == size) & (quality["failure"] == "")]
    metric = quality["metric"].iloc[0]
    sentences = [
        f"Best published value for this size: {cells.metric(row.published, metric)} ({row.published_source})."
        for row in rows[rows["published"].notna()].head(1).itertuples()
    ]
    for average in rows["source_perplexity"].dropna().unique()[:1]:
        floor = f"The text's own source has a perplexity of {cells.metric(average, metric)} over endless text"
        for on_test in rows["floor"].dropna().unique()[:1]:
            floor += f" and, by chance, of {cells.metric(on_test, metric)} on the words of this test text"
        sentences.append(f"{floor}: the floor, below which a model gets only by luck.")
    return sentences
