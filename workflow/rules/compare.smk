# From the records of the runs to what people read.
#
# inputs    {results}/runs/.../run.json of every cell of the selection, workflow/{published,targets}.tsv,
#           and for the report the tables and figures of speed (measure.smk) and the certificates of parity (certify.smk)
# outputs   records = {results}/tables/{runs,history,milestones,settings,failures}.{csv,parquet}
#           tables  = {results}/tables/{quality,differences,environment,milestone_means,time_to_quality}.{csv,parquet,md,tex}
#           against_reference = {results}/tables/reference_{quality,speed,circumstances}.{csv,parquet,md,tex}
#           precision = {results}/tables/precision.{csv,parquet,md,tex}
#           scaling = {results}/tables/{workers,threads}.{csv,parquet,md,tex}
#           figures = {results}/figures/{learning,quality}_{dataset}.{svg,png,pdf}, and {workers,threads}_{dataset} where there
#           are several numbers of them
#           overview = {results}/figures/overview.{svg,png,pdf}
#           report  = {results}/report.html

COLLECTED = ["runs", "history", "milestones", "settings", "failures"]
TABULATED = ["quality", "differences", "environment", "milestone_means", "time_to_quality"]
COMPARED = ["quality", "speed", "circumstances"]
# What a training is tried with several numbers of, and so has figures of how it speeds up.
SCALED = [
    *(["workers"] if len(SELECTION.workers) > 1 else []),
    *(["threads"] if len(SELECTION.devices) > len(SELECTION.bare_devices) else []),
]


rule collect:
    input:
        records=SELECTION.records(),
    output:
        records=expand(TABLES / "{name}.{kind}", name=COLLECTED, kind=TABLE_KINDS),
    log:
        RESULTS / "logs/collect.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        code=code_hash("commands.collect"),
        folder=lambda wildcards, output: Path(output.records[0]).parent,
        selection=SELECTED,
    message:
        "Collecting the records of the runs"
    shell:
        "python -m lstmbench collect --selection {params.selection:q} --output-dir {params.folder:q} > {log:q} 2>&1"


rule tabulate:
    input:
        records=rules.collect.output.records,
    output:
        tables=expand(TABLES / "{name}.{kind}", name=TABULATED, kind=TABLE_KINDS),
        latex=expand(TABLES / "{name}.tex", name=TABULATED),
        shown=shown_tables(TABULATED),
    log:
        RESULTS / "logs/tabulate.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        published=PUBLISHED,
        targets=TARGETS,
        contents=[content_hash(PUBLISHED), content_hash(TARGETS)],
        code=code_hash("commands.tabulate"),
        folder=lambda wildcards, output: Path(output.tables[0]).parent,
    message:
        "Making the tables"
    shell:
        "python -m lstmbench tabulate --tables {params.folder:q} --published {params.published:q}"
        " --targets {params.targets:q} > {log:q} 2>&1"


rule precision:
    input:
        records=rules.collect.output.records,
        speed=rules.analyse.output.tables,
    output:
        table=expand(TABLES / "precision.{kind}", kind=TABLE_KINDS),
        latex=TABLES / "precision.tex",
        shown=shown_tables(["precision"]),
    log:
        RESULTS / "logs/precision.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        code=code_hash("commands.precision"),
        folder=lambda wildcards, output: Path(output.latex).parent,
    message:
        "Setting the cost of precisions beside their gain"
    shell:
        "python -m lstmbench precision --tables {params.folder:q} > {log:q} 2>&1"


rule against_reference:
    input:
        records=rules.collect.output.records,
        speed=rules.analyse.output.tables,
    output:
        tables=expand(TABLES / "reference_{name}.{kind}", name=COMPARED, kind=TABLE_KINDS),
        latex=expand(TABLES / "reference_{name}.tex", name=COMPARED),
        shown=shown_tables(expand("reference_{name}", name=COMPARED)),
    log:
        RESULTS / "logs/against_reference.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        references=REFERENCES,
        contents=[content_hash(path) for path in sorted(REFERENCES.glob("*.zip"))],
        code=code_hash("commands.against_reference"),
        results=RESULTS,
        tables=lambda wildcards, output: Path(output.tables[0]).parent,
    message:
        "Setting the results beside those of the reference machines"
    shell:
        "python -m lstmbench against-reference {params.references:q} --results {params.results:q} --tables {params.tables:q}"
        " > {log:q} 2>&1"


rule scaling:
    input:
        speeds=lambda wildcards: {"workers": rules.collect.output.records, "threads": rules.analyse.output.tables}[
            wildcards.scaled
        ],
    output:
        table=expand(TABLES / "{{scaled}}.{kind}", kind=TABLE_KINDS),
        latex=TABLES / "{scaled}.tex",
        shown=shown_tables(["{scaled}"], caption="speed"),
    log:
        RESULTS / "logs/scaling/{scaled}.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        code=code_hash("commands.scaling"),
        tables=lambda wildcards, output: Path(output.latex).parent,
    message:
        "Setting the speeds with several {wildcards.scaled} beside those with fewer"
    shell:
        "python -m lstmbench scaling --of {wildcards.scaled} --tables {params.tables:q} > {log:q} 2>&1"


rule plot_scaling:
    input:
        table=rules.scaling.output.table,
    output:
        figure=shown_figures("{scaled}", ["{dataset}"], caption="speed"),
        paper=figures_for_paper(["{scaled}"], ["{dataset}"]),
    log:
        RESULTS / "logs/plot_scaling/{scaled}_{dataset}.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        code=code_hash("commands.plot_scaling"),
        tables=lambda wildcards, input: Path(input.table[0]).parent,
        figures=lambda wildcards, output: Path(output.paper[0]).parent,
    message:
        "Drawing how {wildcards.dataset} speeds up with {wildcards.scaled}"
    shell:
        "python -m lstmbench plot-scaling --of {wildcards.scaled} --dataset {wildcards.dataset}"
        " --tables {params.tables:q} --output-dir {params.figures:q} > {log:q} 2>&1"


rule plot:
    input:
        records=rules.collect.output.records,
        tables=rules.tabulate.output.tables,
    output:
        learning=shown_figures("learning", SELECTION.datasets, caption="learning"),
        quality=shown_figures("quality", SELECTION.datasets, caption="quality"),
        paper=figures_for_paper(["learning", "quality"], SELECTION.datasets),
    log:
        RESULTS / "logs/plot.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        code=code_hash("commands.plot"),
        tables=lambda wildcards, input: Path(input.tables[0]).parent,
        figures=lambda wildcards, output: Path(output.paper[0]).parent,
    message:
        "Drawing the figures"
    shell:
        "python -m lstmbench plot --tables {params.tables:q} --output-dir {params.figures:q} > {log:q} 2>&1"


rule plot_overview:
    input:
        records=rules.collect.output.records,
        tables=rules.tabulate.output.tables,
        speed=rules.analyse.output.tables,
    output:
        figure=expand(FIGURES / "overview.{suffix}", suffix=["svg", "png", "pdf"]),
    log:
        RESULTS / "logs/plot_overview.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        code=code_hash("commands.plot_overview"),
        tables=lambda wildcards, input: Path(input.tables[0]).parent,
        figures=lambda wildcards, output: Path(output.figure[0]).parent,
    message:
        "Drawing quality and time together"
    shell:
        "python -m lstmbench plot-overview --tables {params.tables:q} --output-dir {params.figures:q} > {log:q} 2>&1"


rule report:
    input:
        records=rules.collect.output.records,
        tables=rules.tabulate.output.tables,
        speed=[*rules.analyse.output.tables, *rules.precision.output.table],
        scaling=expand(rules.scaling.output.table, scaled=["workers", "threads"]),
        references=rules.against_reference.output.tables,
        figures=[
            *rules.plot.output,
            *rules.plot_speed.output,
            *rules.plot_overview.output,
            *expand(rules.plot_scaling.output, scaled=SCALED, dataset=SELECTION.datasets),
        ],
        parity=expand(
            rules.certify.output.table,
            implementation=list(dict.fromkeys([*SELECTION.implementations, *SELECTION.speed.implementations])),
            device=SELECTION.bare_devices,
        ),
    output:
        page=report(
            RESULTS / "report.html", category="Report", labels={"page": "all results"}, caption="../report/report.rst"
        ),
    log:
        RESULTS / "logs/report.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        code=code_hash("commands.report"),
        tables=lambda wildcards, input: Path(input.tables[0]).parent,
        figures=lambda wildcards, input: Path(input.figures[0]).parent,
        # The Snakefile's own comes first, as it is read: later files change it.
        configuration=", ".join(
            sorted(map(os.path.relpath, workflow.configfiles), key=lambda path: path != OWN_CONFIGURATION)
        ),
        selection=SELECTED,
    message:
        "Writing {output.page}"
    shell:
        "python -m lstmbench report --tables {params.tables:q} --figures {params.figures:q}"
        " --parity {input.parity} --config-name {params.configuration:q} --selection {params.selection:q} --output {output.page:q} > {log:q} 2>&1"
