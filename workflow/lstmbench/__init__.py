"""Train the same LSTM, from the same weights, on the same batches, in several frameworks, and compare them.

The folders, from the top down; a folder imports from those below its own line, and from none beside it (import-linter
holds them to that: ``make lint``).  The first lines of each folder's ``__init__`` say what it is for.

    commands                       the command line, a file per command: ``python -m lstmbench --help``
    gpu_check                      one command that asks a GPU everything within a budget of seconds
    reporting                      tables become text, figures and the page
    analysis | timing              records become data frames | speed is measured
    inference | training           a kept model is used | one run, its checkpoints, its workers
    parity | orchestration         implementations are held against the reference | what the Snakefile asks
    records                        what is kept on disk, and what must hold in it
    preparation                    raw data, arrays and initial weights
    implementations | tasks        one file per framework | how a data set becomes batches and a metric
    datasets | models              one file per data set | contract, presets, weights, cost
    system | statistics            the machine | intervals, tests, verdicts
    utils                          files, clocks, errors, locks, escaping
"""

import sys

__version__ = "0.1.0"


def _refuse_a_module_as_command() -> None:
    """Refuse ``python -m lstmbench.train``, as commands were once run; Python would only say that there is none."""
    if sys.argv[:1] != ["-m"]:  # Python has not yet found the module that it is to run
        return
    module = sys.orig_argv[sys.orig_argv.index("-m") + 1] if "-m" in sys.orig_argv[:-1] else ""
    if module.startswith(f"{__name__}."):
        command = module.rpartition(".")[2].replace("_", "-")
        expected = f"expected lstm-bench {command}, or python -m {__name__} {command}"
        print(f"error: E2-USAGE: python -m {module}: {expected}; lstm-bench --help lists all", file=sys.stderr)
        sys.exit(2)


_refuse_a_module_as_command()
