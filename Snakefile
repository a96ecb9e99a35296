# lstm-bench: the same LSTM, from the same weights, on the same batches, in several frameworks.
#
#   snakemake --cores 8                                              the full benchmark of config.yaml
#   snakemake --cores 2 --configfile workflow/configs/quick.yaml     every case, cut short
#   snakemake --cores 2 --configfile workflow/configs/demo.yaml      embedded data, no network
#   snakemake --workflow-profile profiles/slurm                      on a cluster (docs/cluster.md)
#   snakemake -n                                                     what would be done

import os

from snakemake.utils import min_version

min_version("9.27")

# The folder of this file, relative to the working directory (-d), which gets the results.
HOME = os.path.relpath(workflow.basedir)
OWN_CONFIGURATION = os.path.normpath(os.path.join(HOME, "config.yaml"))


configfile: OWN_CONFIGURATION


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/environments.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/certify.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/closing.smk"


# With a scheduler these rules run beside Snakemake, because they take seconds and only that machine may have a network.
localrules:
    all,
    install,
    download,
    prepare,
    initialise,
    collect,
    tabulate,
    precision,
    scaling,
    plot_scaling,
    against_baselines,
    plot,
    analyse,
    plot_speed,
    plot_overview,
    bench,
    plan,
    learned,
    report,
    closing,
    closing_speed,


report: "workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        rules.report.output,
        rules.closing.output,
