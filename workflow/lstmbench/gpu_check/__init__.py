"""Check a GPU: does it compute what the reference computes, does a run resume bit for bit, and how fast is it?

One command for a machine that is at hand for minutes.  It needs neither Snakemake nor TensorFlow, and runs five steps
in this order, each within its share of a budget in seconds:

    1  the machine     GPU, driver, CUDA, libraries, power limit            card, framework
    2  correctness     contract tests and certificates in every precision   contract
    3  resume          does a resumed run end with the same bits?           resume
    4  speed           the instrument of ``measure``, one round of all, then a second
    5  trainings       whole runs, each begun only if its predicted time fits

Every result is written when it is known: the records as under any results folder, ``gpu-check.json`` (what was done,
skipped or failed, and why) and ``bundle.zip``, which ``make compare`` and the report read.
"""
