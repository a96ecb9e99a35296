# Turn the records of the runs into tables, figures and the report.
#
# inputs    {results}/runs/.../run.json of every case of the selection, workflow/{published,targets}.tsv,
#           and for the report the tables and figures of speed (measure.smk) and the certificates of parity (certify.smk)
# outputs   records = {results}/tables/{runs,history,milestones,settings,failures}.{csv,parquet}
#           tables  = {results}/tables/{quality,differences,environment,milestone_means,time_to_quality}.{csv,parquet,md,tex}
#           against_baselines = {results}/tables/baseline_{quality,speed,circumstances}.{csv,parquet,md,tex}
#           precision = {results}/tables/precision.{csv,parquet,md,tex}
#           scaling = {results}/tables/{workers,threads}.{csv,parquet,md,tex}
#           figures = {results}/figures/{learning,quality}_{dataset}.{svg,png,pdf}, and {workers,threads}_{dataset} if there
#           are several numbers of them
#           overview = {results}/figures/overview.{svg,png,pdf}
#           learned = {results}/learned/{dataset}.json, what the kept models of the first seed show
#           report  = {results}/report.html

# Counts (workers, threads) that the selection varies; these have figures of the speed-up.
SCALED = [
    *(["workers"] if len(SELECTION.workers) > 1 else []),
    *(["threads"] if len(SELECTION.devices) > len(SELECTION.bare_devices) else []),
]


rule collect:
    input:
        records=SELECTION.records(),
    output:
        records=data_tables(table_names.COLLECTED),
    log:
        RESULTS / "logs/collect.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        tables=TABLES,
        code=lambda wildcards: code_hash("commands.collect"),
        selection=SELECTED,
    message:
        "Collecting the records of the runs"
    shell:
        "python -m lstmbench collect --selection {params.selection:q} --output-dir {params.tables:q} > {log:q} 2>&1"


rule tabulate:
    input:
        records=rules.collect.output.records,
    output:
        tables=data_tables(table_names.QUALITY),
        shown=text_tables(table_names.QUALITY),
    log:
        RESULTS / "logs/tabulate.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        tables=TABLES,
        published=PUBLISHED,
        targets=TARGETS,
        rows=[rows_of_selection(PUBLISHED), rows_of_selection(TARGETS)],
        code=lambda wildcards: code_hash("commands.tabulate"),
    message:
        "Making the tables"
    shell:
        "python -m lstmbench tabulate --tables {params.tables:q} --published {params.published:q}"
        " --targets {params.targets:q} > {log:q} 2>&1"


rule precision:
    input:
        records=rules.collect.output.records,
        speed=rules.analyse.output.tables,
    output:
        table=data_tables(["precision"]),
        shown=text_tables(["precision"]),
    log:
        RESULTS / "logs/precision.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        tables=TABLES,
        code=lambda wildcards: code_hash("commands.precision"),
    message:
        "Setting the cost of precisions beside their gain"
    shell:
        "python -m lstmbench precision --tables {params.tables:q} > {log:q} 2>&1"


rule against_baselines:
    input:
        records=rules.collect.output.records,
        speed=rules.analyse.output.tables,
    output:
        tables=data_tables(table_names.AGAINST_BASELINES),
        shown=text_tables(table_names.AGAINST_BASELINES),
    log:
        RESULTS / "logs/against_baselines.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        baselines=BASELINES,
        results=RESULTS,
        tables=TABLES,
        contents=[content_hash(path) for path in sorted(BASELINES.glob("*.zip"))],
        code=lambda wildcards: code_hash("commands.against_baselines"),
    message:
        "Setting the results beside those of the baseline machines"
    shell:
        "python -m lstmbench against-baselines {params.baselines:q} --results {params.results:q} --tables {params.tables:q}"
        " > {log:q} 2>&1"


rule scaling:
    input:
        speeds=lambda wildcards: {"workers": rules.collect.output.records, "threads": rules.analyse.output.tables}[
            wildcards.scaled
        ],
    output:
        table=data_tables(["{scaled}"]),
        shown=text_tables(["{scaled}"], caption="speed"),
    log:
        RESULTS / "logs/scaling/{scaled}.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        tables=TABLES,
        code=lambda wildcards: code_hash("commands.scaling"),
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
        tables=TABLES,
        figures=FIGURES,
        code=lambda wildcards: code_hash("commands.plot_scaling"),
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
        tables=TABLES,
        figures=FIGURES,
        code=lambda wildcards: code_hash("commands.plot"),
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
        tables=TABLES,
        figures=FIGURES,
        code=lambda wildcards: code_hash("commands.plot_overview"),
    message:
        "Drawing quality and time together"
    shell:
        "python -m lstmbench plot-overview --tables {params.tables:q} --output-dir {params.figures:q} > {log:q} 2>&1"


rule learned:
    input:
        records=lambda wildcards: SELECTION.records_of(wildcards.dataset),
        manifest=rules.prepare.output.manifest,
    output:
        learned=RESULTS / "learned/{dataset}.json",
    log:
        RESULTS / "logs/learned/{dataset}.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        data=DATA,
        code=lambda wildcards: code_hash("commands.learned"),
        selection=SELECTED,
    message:
        "Looking at what the models of {wildcards.dataset} learned"
    shell:
        "python -m lstmbench learned --selection {params.selection:q} --dataset {wildcards.dataset}"
        " --data {params.data} --output {output.learned:q} > {log:q} 2>&1"


rule report:
    input:
        records=rules.collect.output.records,
        tables=rules.tabulate.output.tables,
        speed=[*rules.analyse.output.tables, *rules.precision.output.table],
        scaling=expand(rules.scaling.output.table, scaled=["workers", "threads"]),
        baselines=rules.against_baselines.output.tables,
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
        learned=expand(rules.learned.output.learned, dataset=SELECTION.datasets),
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
        tables=TABLES,
        figures=FIGURES,
        code=lambda wildcards: code_hash("commands.report"),
        # The Snakefile's own configuration comes first, because later files override it.
        configuration=", ".join(
            sorted(map(os.path.relpath, workflow.configfiles), key=lambda path: path != OWN_CONFIGURATION)
        ),
        selection=SELECTED,
    message:
        "Writing {output.page}"
    shell:
        "python -m lstmbench report --tables {params.tables:q} --figures {params.figures:q}"
        " --parity {input.parity} --learned {input.learned:q} --config-name {params.configuration:q} --selection {params.selection:q} --output {output.page:q} > {log:q} 2>&1"
