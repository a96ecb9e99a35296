# From datasets.tsv to framework-neutral arrays and initial weights.
#
# inputs    workflow/datasets.tsv, workflow/presets/{dataset}/{size}.yaml
# outputs   raw      = results/data/{dataset}/raw/{file}
#           manifest = results/data/{dataset}/manifest.json, written last, with the arrays beside it
#           weights  = results/weights/{dataset}/{size}/seed-{seed}.safetensors


rule download:
    message:
        "Getting {wildcards.file} of {wildcards.dataset}"
    output:
        raw=DATA + "/{dataset}/raw/{file}",
    log:
        "results/logs/download/{dataset}/{file}.log",
    params:
        local=lambda wildcards: [f"--local {folder}" for folder in SELECTION.local_data],
    resources:
        machine=1,
    conda:
        "../../envs/tools.yaml"
    shell:
        "python -m lstmbench.download --dataset {wildcards.dataset} --file {wildcards.file:q}"
        " {params.local} --output {output.raw:q} 2>&1 | tee {log:q}"


rule prepare:
    message:
        "Preparing {wildcards.dataset}"
    input:
        raw=lambda wildcards: sorted(
            {f"{DATA}/{wildcards.dataset}/raw/{source.file}" for source in datasets.sources(wildcards.dataset)}
        ),
        code=lambda wildcards: package("prepare", f"datasets/{wildcards.dataset}"),
    output:
        manifest=DATA + "/{dataset}/manifest.json",
    log:
        "results/logs/prepare/{dataset}.log",
    resources:
        machine=1,
    conda:
        "../../envs/tools.yaml"
    shell:
        "python -m lstmbench.prepare --dataset {wildcards.dataset} --raw {DATA}/{wildcards.dataset}/raw"
        " --output {DATA}/{wildcards.dataset} > {log:q} 2>&1"


rule initialise:
    message:
        "Drawing the initial weights of {wildcards.dataset} {wildcards.size}, seed {wildcards.seed}"
    input:
        manifest=rules.prepare.output.manifest,
        preset="workflow/presets/{dataset}/{size}.yaml",
        code=package("initialise", "weights"),
    output:
        weights=WEIGHTS + "/{dataset}/{size}/seed-{seed}.safetensors",
    log:
        "results/logs/initialise/{dataset}/{size}/seed-{seed}.log",
    resources:
        machine=1,
    conda:
        "../../envs/tools.yaml"
    shell:
        "python -m lstmbench.initialise --data {DATA}/{wildcards.dataset} --preset {input.preset:q}"
        " --seed {wildcards.seed} --output {output.weights:q} > {log:q} 2>&1"
