"""Check a GPU: compare its results with the reference, resume runs bit for bit, and measure its speed.

This is one command for a machine that is available only for minutes.  It needs neither Snakemake nor TensorFlow.  It
runs five steps in this order, each within its share of a budget in seconds:

    1  the machine     GPU, driver, CUDA, libraries, power limit            card, framework
    2  correctness     contract tests and certificates in every precision   contract
    3  resume          whether a resumed run ends with the same bits        resume
    4  speed           as ``measure`` does: one round of everything, then a second
    5  trainings       whole runs, each started only if its predicted time fits

Every result is written as soon as it is known: the records, as in any results folder; ``gpu-check.json`` (what was
done, skipped or failed, and why); and ``bundle.zip``, which ``make compare`` and the report read.
"""
