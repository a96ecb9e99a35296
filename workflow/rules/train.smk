# One run = one path = one process.
#
# inputs    the prepared data, a preset, initial weights, and the code the run depends on
# outputs   record = {results}/runs/{dataset}/{size}/{implementation}/{device}/seed-{seed}/run.json
#           beside it: tensorboard/; until the run is complete: {results}/checkpoints/...


RUN = "{dataset}/{size}/{implementation}/{device}/seed-{seed}"


def environment(wildcards):
    """pytorch_fast shares the environment of pytorch; plain NumPy needs no more than the tools."""
    framework = wildcards.implementation.partition("_")[0]
    name = framework if (Path(workflow.basedir) / f"envs/{framework}.yaml").exists() else "tools"
    return f"../../envs/{name}.yaml"


def code_of_run(wildcards):
    return [str(path) for path in training_files(datasets.load_module(wildcards.dataset).TASK, wildcards.implementation)]


rule train:
    message:
        "Training {wildcards.dataset} {wildcards.size}: {wildcards.implementation}, {wildcards.device}, seed {wildcards.seed}"
    input:
        manifest=rules.prepare.output.manifest,
        preset=rules.initialise.input.preset,
        weights=rules.initialise.output.weights,
        code=code_of_run,
    output:
        record=RESULTS + "/runs/" + RUN + "/run.json",
    log:
        RESULTS + "/logs/train/" + RUN + ".log",
    params:
        # Not an output: Snakemake deletes outputs before a job starts, and a checkpoint must outlive its job.
        checkpoints=RESULTS + "/checkpoints/" + RUN,
        caps=lambda wildcards: SELECTION.caps_as_arguments(wildcards.size),
    threads: SELECTION.threads
    resources:
        machine=1,
        gpu=1 if SELECTION.device == "gpu" else 0,
    conda:
        environment
    shell:
        "python -m lstmbench.train --data {DATA}/{wildcards.dataset} --preset {input.preset:q}"
        " --weights {input.weights:q} --implementation {wildcards.implementation} --device {wildcards.device}"
        " --threads {threads} --seed {wildcards.seed} {params.caps} --checkpoints {params.checkpoints:q}"
        " --output {output.record:q} > {log:q} 2>&1"
