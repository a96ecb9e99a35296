"""Train the same LSTM, from the same weights, on the same batches, in several frameworks, and compare them.

The folders, from the top down; a folder imports from those below its own line, and from none beside it (import-linter
holds them to that: ``make lint``).  The first lines of each folder's ``__init__`` say what it is for.

    commands                       the command line, a file per command: ``python -m lstmbench --help``
    gpu_check                      one command that asks a GPU everything within a budget of seconds
    reporting                      tables become text, figures and the page
    analysis | timing              records become data frames | speed is measured
    training                       one run, its checkpoints, its workers
    parity | orchestration         implementations are held against the reference | what the Snakefile asks
    records                        what is kept on disk, and what must hold in it
    preparation                    raw data, arrays and initial weights
    implementations | tasks        one file per framework | how a data set becomes batches and a metric
    datasets | models              one file per data set | contract, presets, weights, cost
    system | statistics            the machine | intervals, tests, verdicts
    utils                          files, clocks, errors, locks, escaping
"""

__version__ = "0.1.0"
