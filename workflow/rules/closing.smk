# Write the closing table, the last output on a terminal.
#
# inputs    the tables of the report, or of the speeds alone
# outputs   text = {results}/tables/closing.txt, and closing_speed.txt for the target bench


rule closing:
    input:
        tables=[*rules.tabulate.output.tables, *rules.analyse.output.tables],
    output:
        text=TABLES / "closing.txt",
    log:
        RESULTS / "logs/closing.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        page=rules.report.output.page,
        tables=TABLES,
        code=lambda wildcards: code_hash("commands.closing"),
    message:
        "Making the closing table"
    shell:
        "python -m lstmbench closing --tables {params.tables:q} --details {params.page:q} --output {output.text:q} > {log:q} 2>&1"


rule closing_speed:
    input:
        tables=rules.analyse.output.tables,
    output:
        text=TABLES / "closing_speed.txt",
    log:
        RESULTS / "logs/closing_speed.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        tables=TABLES,
        code=lambda wildcards: code_hash("commands.closing"),
    message:
        "Making the closing table of the speeds"
    shell:
        "python -m lstmbench closing --speed-only --tables {params.tables:q} --details {params.tables:q}/speed.md --output {output.text:q} > {log:q} 2>&1"


# The speeds only, without the runs.
rule bench:
    input:
        figures=rules.plot_speed.output,
        shown=rules.analyse.output.shown,
        closing=rules.closing_speed.output,
    resources:
        machine=1,
