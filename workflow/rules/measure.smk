# Speed, measured apart from training: each process alone on the machine, the implementations in turn.
#
# inputs    the prepared data, a preset, the first seed's initial weights, and the code the speed depends on
# outputs   record = {results}/measurements/{dataset}/{size}/{device}/measurement.json, blocks.parquet beside it
#           tables = {results}/tables/{speed,ratios,anatomy,products}.{csv,md}

SPEED_TABLES = ["speed", "ratios", "anatomy", "products"]


rule measure:
    input:
        manifest=rules.prepare.output.manifest,
        preset=rules.initialise.input.preset,
        weights=expand(rules.initialise.output.weights, seed=SELECTION.seeds[0], allow_missing=True),
        code=code_of_measurement,
    output:
        record=RESULTS / "measurements/{dataset}/{size}/{device}/measurement.json",
        blocks=RESULTS / "measurements/{dataset}/{size}/{device}/blocks.parquet",
    log:
        RESULTS / "logs/measure/{dataset}/{size}/{device}.log",
    conda:
        "../../envs/measurement.yaml"
    threads: SELECTION.threads
    resources:
        machine=100,
        gpu=1 if SELECTION.device == "gpu" else 0,
    params:
        data=lambda wildcards, input: Path(input.manifest).parent,
        implementations=shlex.join(SELECTION.speed.implementations),
        processes=SELECTION.speed.processes,
        blocks=SELECTION.speed.blocks,
    message:
        "Measuring {wildcards.dataset} {wildcards.size} on {wildcards.device}: {params.implementations}"
    shell:
        "python -m lstmbench.measure --data {params.data} --preset {input.preset:q} --weights {input.weights:q}"
        " --implementations {params.implementations} --device {wildcards.device} --threads {threads}"
        " --processes {params.processes} --blocks {params.blocks} --output {output.record:q} 2>&1 | tee {log:q}"


rule analyse:
    input:
        records=expand(
            rules.measure.output.record,
            dataset=SELECTION.datasets,
            size=SELECTION.speed.sizes,
            device=SELECTION.devices,
        ),
        code=package("analyse", "measurement", "statistics", "limits", "tables", "present"),
    output:
        tables=expand(TABLES / "{name}.csv", name=SPEED_TABLES),
        shown=report(
            expand(TABLES / "{name}.md", name=SPEED_TABLES),
            category="Tables",
            caption="../report/table.rst",
        ),
    log:
        RESULTS / "logs/analyse.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        folder=lambda wildcards, output: Path(output.tables[0]).parent,
    message:
        "Making the tables of speed"
    shell:
        "python -m lstmbench.analyse --output-dir {params.folder:q} {input.records} > {log:q} 2>&1"
