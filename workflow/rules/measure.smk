# Measure speed apart from training: the machine is otherwise idle, and implementations are interleaved block by block.
#
# inputs    the prepared data, a preset, the initial weights of seed 1, and the code the speed depends on
# outputs   record = {results}/measurements/{dataset}/{size}/{device}/measurement.json, blocks.parquet beside it
#           tables = {results}/tables/{speed,ratios,anatomy,products}.{csv,parquet,md,tex}, phases.{md,tex}


rule measure:
    input:
        manifest=rules.prepare.output.manifest,
        weights=weights_of_speed,
        environments=installed(ENVIRONMENTS, *SELECTION.speed.implementations),
    output:
        record=RESULTS / paths.MEASUREMENT,
        blocks=RESULTS / paths.BLOCKS,
    log:
        RESULTS / "logs/measure/{dataset}/{size}/{device}.log",
    conda:
        "../../envs/measurement.yaml"
    threads: cores_of
    resources:
        machine=100,
        gpu=1 if SELECTION.device == "gpu" else 0,
    params:
        data=lambda wildcards: DATA / wildcards.dataset,
        environments=ENVIRONMENTS,
        preset=preset_file,
        values=preset_values,
        code=code_of_measurement,
        missing=missing_in_measurement,
        implementations=shlex.join(SELECTION.speed.implementations),
        threads=threads_as_argument,
        counts=f"--processes {SELECTION.speed.processes} --attempts {SELECTION.speed.attempts} --blocks {SELECTION.speed.blocks}",
    message:
        "Measuring {wildcards.dataset} {wildcards.size} on {wildcards.device}: {params.implementations}"
    shell:
        "python -m lstmbench measure --data {params.data} --preset {params.preset:q} --weights {input.weights:q}"
        " --implementations {params.implementations} --environments {params.environments} --device {wildcards.device} {params.threads}"
        " {params.counts} --output {output.record:q} > {log:q} 2>&1"


rule analyse:
    input:
        records=of_each_measurement(rules.measure.output.record),
        blocks=of_each_measurement(rules.measure.output.blocks),
    output:
        tables=data_tables(table_names.SPEED),
        shown=text_tables(table_names.SPEED_SHOWN, caption="speed"),
    log:
        RESULTS / "logs/analyse.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        tables=TABLES,
        code=lambda wildcards: code_hash("commands.analyse"),
    message:
        "Making the tables of speed"
    shell:
        "python -m lstmbench analyse --output-dir {params.tables:q} {input.records} > {log:q} 2>&1"


rule plot_speed:
    input:
        tables=rules.analyse.output.tables,
    output:
        ceiling=shown_figures("ceiling", SELECTION.datasets, caption="speed"),
        anatomy=shown_figures("anatomy", SELECTION.datasets, caption="speed"),
        paper=figures_for_paper(["ceiling", "anatomy"], SELECTION.datasets),
    log:
        RESULTS / "logs/plot_speed.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        tables=TABLES,
        figures=FIGURES,
        code=lambda wildcards: code_hash("commands.plot_speed"),
    message:
        "Drawing the figures of speed"
    shell:
        "python -m lstmbench plot-speed --tables {params.tables:q} --output-dir {params.figures:q} > {log:q} 2>&1"
