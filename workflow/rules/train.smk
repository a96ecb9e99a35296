# Train: one run is one path and one process, or one process that starts several workers (training/launcher.py).
#
# inputs    the prepared data, a preset, initial weights, and the code the run depends on
# outputs   record = {results}/runs/{dataset}/{size}/{implementation}/{device}/seed-{seed}/run.json, which says how the
#           run ended, or why it failed (failure.py), which is tried again (failed_runs.py)
#           beside it: tensorboard/, failed.json, and with keep_models model.safetensors, which is no output: deleting it
#           repeats nothing; until the run is complete: {results}/checkpoints/...


RUN = str(Path(paths.RUN).parent.relative_to("runs"))


rule train:
    input:
        manifest=rules.prepare.output.manifest,
        weights=rules.initialise.output.weights,
        environment=lambda wildcards: installed(ENVIRONMENTS, wildcards.implementation),
    output:
        record=RESULTS / paths.RUN,
    log:
        RESULTS / "logs/train" / f"{RUN}.log",
    conda:
        environment
    threads: cores_of
    resources:
        machine=share_of_machine,
        gpu=lambda wildcards: workers_of(wildcards) if SELECTION.device == "gpu" else 0,
        # A resource, because a changed parameter would repeat finished runs.
        checkpoint_seconds=SELECTION.checkpoint_seconds,
        keep_models=int(SELECTION.keep_models),
        runtime=lambda wildcards, attempt: requested_resources(wildcards, attempt).minutes,
        mem_mb=lambda wildcards, attempt: requested_resources(wildcards, attempt).mem_mb,
        # A profile that retries sets the retries left; a lack of memory is final only if no retry with more follows.
        retries_left=0,
    params:
        data=lambda wildcards: DATA / wildcards.dataset,
        preset=preset_file,
        values=preset_values,
        code=code_of_run,
        # Not an output: Snakemake deletes outputs before a job starts, and a checkpoint must outlive its job.
        checkpoints=str(RESULTS / "checkpoints" / RUN),
        python=lambda wildcards: interpreter(wildcards.implementation, ENVIRONMENTS),
        threads=threads_as_argument,
        caps=lambda wildcards: SELECTION.caps_as_arguments(wildcards.size),
        failed=lambda wildcards: last_failure(RESULTS / "runs" / RUN.format(**wildcards) / FAILED),
    message:
        "Training {wildcards.dataset} {wildcards.size} with {wildcards.implementation}, seed {wildcards.seed}, on {wildcards.device}"
    shell:
        # exec, because a scheduler signals every process of a job, and a shell would not survive that as attempt does.
        "exec python -m lstmbench attempt --python {params.python:q} --log {log:q} --retries-left {resources.retries_left}"
        " train --data {params.data} --preset {params.preset:q} --weights {input.weights:q}"
        " --implementation {wildcards.implementation} --device {wildcards.device} {params.threads}"
        " --seed {wildcards.seed} {params.caps} --checkpoints {params.checkpoints:q}"
        " --checkpoint-seconds {resources.checkpoint_seconds} --keep-model {resources.keep_models}"
        " --output {output.record:q} > {log:q} 2>&1"
