"""lstm-bench: the same LSTM, from the same weights, on the same batches, in several frameworks.

The map of the package; imports run downwards only, never up or sideways between verbs.

    verbs            download prepare initialise plan train failure verify collect tabulate plot precision report
                     scaling plot_scaling plot_overview sample calibrate measure analyse plot_speed environment
                     bundle compare certify against_reference
                     one per Snakemake rule: a pure function and, below it, a command line
                     (``python -m lstmbench train --help``)
    the run          loop        epochs, schedule, evaluation, checkpoints, history; names no framework
                     rehearsal   the same without computing, so that a record is checked before it is trained for
                     checkpoint  atomic, content-hashed files from which a run goes on
                     interruption  signals remembered until the next block;  lock: one process per run
                     workers     several processes that share one run: their start;  process_group: which this one is
                     record      run.json: written once, checked whenever it is read;  format: constants of both
                     claims      what must hold in a record;  claims_of_run, claims_of_measurement
                     events      the history for TensorBoard, while the run goes on
                     clock       the only module that reads a clock
    how fast         turns         processes of a round compute one after the other, a block each
                     measurement   measurement.json and blocks.parquet, checked whenever they are read
                     statistics    intervals over processes, ratios over pairs, tests of a steady state
                     interference  who else used the machine, told by the system's counters
                     counters      these, read around timed blocks
                     limits        the matrix products and the memory that a step cannot do without
                     probes/       one file per framework: its products alone, the operations of a step
                     path          whether these prove that a step is what its implementation says it is
    gpu_check/       one command that asks a GPU all of this within a budget of seconds (docs/gpu.md)
    how equal        parity      small models, and what a learner and the NumPy reference make of them
                     certificate  certify's tables, checked when they are read
    what is learned  tasks/      how a data set becomes batches, and losses become a metric
                     datasets/   ptb, mnist, and two that need no network: markov, glyphs
                     presets     one YAML file per model size
                     weights     the initial weights every implementation starts from
    who learns       learner          the contract between the loop and a framework
                     implementations/ one file each: pytorch, tensorflow, reference (NumPy); over several workers
                                      pytorch_ddp, tensorflow_multiworker
    what is read     tables      CSV and Parquet that read back as they were written
                     crate       what a bundle says of itself to archives
                     shown       the tables for people: Markdown and LaTeX
                     equivalence   equal, different or inconclusive: verdicts on differences in quality;  margins: said
                     present     numbers as text;  present_speed, present_parity, present_compare
                     reproduce   the commands that make a row again
                     page        HTML from a template, with its scripts, and a policy that allows no others
                     headline    the findings in words;  spoken_of: of which size;  about: what a data set is
                     happened    which cases ran, and what to do next;  guide: the words of the page
                     curves      those of learning;  left_out: what is not there
                     style       one look for all figures
    underneath       cell        one model, ready to train: what train and sample open
                     machine     the hardware and software a number was measured on;  nvidia: the driver, asked
                     identity    which differences of machines count;  processor, switches: what describes one
                     cores       how many may be used, and what held threads back;  spin: how long waiting ones spin
                     selection   a configuration, checked before any job runs
                     resources   what the runs ask of a scheduler, from the plan;  retry: which are tried again
                     estimate    how long a command will take, said as its first job starts
                     code        a hash of the modules that a result depends on
                     schemas     JSON held against a schema;  strict_json: each key once, every number finite
                     files       atomic writes and content hashes;  paths: where the project's own files are
                     names       one refusal of an unknown name;  errors: one exit code per kind;  cli: both told
                     text        what comes from outside, made harmless where it is shown;  text_files: texts to learn
"""

__version__ = "0.1.0"
