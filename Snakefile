# lstm-bench: the same LSTM, from the same weights, on the same batches, in several frameworks.
#
#   snakemake --cores 8                                              the full benchmark of config.yaml
#   snakemake --cores 2 --configfile workflow/configs/quick.yaml     every cell, cut short
#   snakemake --cores 2 --configfile workflow/configs/demo.yaml      embedded data, no network
#   snakemake -n                                                     what would be done

from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/environments.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/plan.smk"


report: "workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        rules.report.output,
