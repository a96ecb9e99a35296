# Make framework-neutral arrays and initial weights from datasets.tsv.
#
# inputs    workflow/datasets.tsv, workflow/presets/{dataset}/{size}.yaml
# outputs   raw      = results/data/{dataset}/raw/{file}
#           manifest = results/data/{dataset}/manifest.json, written last, with the arrays beside it
#           weights  = results/weights/{dataset}/{size}/seed-{seed}.safetensors


rule download:
    output:
        raw=DATA / "{dataset}/raw/{file}",
    log:
        "results/logs/download/{dataset}/{file}.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
        # A resource, because a changed parameter would delete a correct file and download it again.
        local=shlex.join(SELECTION.local_data),
    params:
        checksum=lambda wildcards: dict(sources_of(wildcards)).get(wildcards.file),
    message:
        "Getting {wildcards.file} of {wildcards.dataset}"
    shell:
        "python -m lstmbench download --dataset {wildcards.dataset} --file {wildcards.file:q}"
        " --local {resources.local} --output {output.raw:q} > {log:q} 2>&1"


rule prepare:
    input:
        raw=lambda wildcards: sorted(
            {str(DATA / wildcards.dataset / "raw" / source.file) for source in listed_sources(wildcards.dataset)}
        ),
    output:
        manifest=DATA / "{dataset}/manifest.json",
    log:
        "results/logs/prepare/{dataset}.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
        # A resource, because a changed parameter would prepare data again whose files were only moved.
        origin=origin_of,
    params:
        data=lambda wildcards: DATA / wildcards.dataset,
        sources=sources_of,
        code=lambda wildcards: numbers_hash("commands.prepare", f"datasets.{SELECTION.module_of(wildcards.dataset)}"),
    message:
        "Preparing {wildcards.dataset}"
    shell:
        "python -m lstmbench prepare --dataset {wildcards.dataset} {resources.origin}"
        " --output {params.data} > {log:q} 2>&1"


rule initialise:
    input:
        manifest=rules.prepare.output.manifest,
    output:
        weights=WEIGHTS / "{dataset}/{size}/seed-{seed}.safetensors",
    log:
        "results/logs/initialise/{dataset}/{size}/seed-{seed}.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        data=lambda wildcards: DATA / wildcards.dataset,
        preset=preset_file,
        values=preset_values,
        code=lambda wildcards: numbers_hash("commands.initialise", f"tasks.{task_of(wildcards.dataset)}"),
    message:
        "Drawing the initial weights of {wildcards.dataset} {wildcards.size}, seed {wildcards.seed}"
    shell:
        "python -m lstmbench initialise --data {params.data} --preset {params.preset:q}"
        " --seed {wildcards.seed} --output {output.weights:q} > {log:q} 2>&1"
