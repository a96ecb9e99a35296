# Estimate what the runs of this configuration take on this machine, before any of them starts.
#
# inputs    the prepared data, a preset, the initial weights of seed 1, and the code the speed depends on
# outputs   sample = results/calibration/{dataset}/{size}/{implementation}/{device}/threads-{threads}.json
#           plan   = {results}/plan/plan and error.{csv,parquet,md,tex}, the latter on the runs that are finished

CALIBRATION = Path("results/calibration")
SAMPLE = "{dataset}/{size}/{implementation}/{device}/threads-{threads}.json"


rule calibrate:
    input:
        manifest=rules.prepare.output.manifest,
        weights=weights_of_speed,
        environment=lambda wildcards: installed(ENVIRONMENTS, wildcards.implementation),
    output:
        sample=CALIBRATION / SAMPLE,
    log:
        "results/logs/calibrate/{dataset}/{size}/{implementation}/{device}/threads-{threads}.log",
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
        failed=lambda wildcards: last_failure(failed_sample(CALIBRATION / SAMPLE.format(**wildcards))),
        code=code_of_calibration,
        threads=threads_as_argument,
    message:
        "Calibrating {wildcards.dataset} {wildcards.size} with {wildcards.implementation}"
    shell:
        "python -m lstmbench calibrate --data {params.data} --preset {params.preset:q} --weights {input.weights:q}"
        " --implementation {wildcards.implementation} --environments {params.environments}"
        " --device {wildcards.device} {params.threads} --output {output.sample:q} > {log:q} 2>&1"


rule plan:
    input:
        samples=expand(
            in_cases(rules.calibrate.output.sample, SELECTION.cases_of_one),
            dataset=SELECTION.datasets,
            size=SELECTION.sizes,
        ),
    output:
        tables=expand(
            PLANS / "{name}.{suffix}",
            name=table_names.FORECAST,
            suffix=[*table_names.DATA_SUFFIXES, *table_names.TEXT_SUFFIXES],
        ),
    log:
        RESULTS / "logs/plan.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        data=DATA,
        calibrations=CALIBRATION,
        plans=PLANS,
        code=lambda wildcards: code_hash("commands.plan"),
        selection=json.dumps(plain(SELECTION.for_plan())),
    message:
        "Planning the runs of this configuration"
    shell:
        "python -m lstmbench plan --selection {params.selection:q} --data {params.data}"
        " --calibrations {params.calibrations} --output-dir {params.plans:q}"
        " 2>&1 | tee {log:q}"
