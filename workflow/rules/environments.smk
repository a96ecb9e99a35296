# Install other versions of a framework, each in its own environment.
#
# inputs    `environments` of the configuration, envs/tools.yaml
# outputs   installed = results/environments/{environment}/installed.txt, written last; the environment is beside it


# A Snakemake checkpoint: runs and measurements are repeated only if it installed something else than before.  Each
# command retries a failed environment, and that must not repeat a measurement of an hour each time.
checkpoint install:
    output:
        installed=ENVIRONMENTS / "{environment}/installed.txt",
    log:
        "results/logs/install/{environment}.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        folder=lambda wildcards: ENVIRONMENTS / wildcards.environment,
        tools=TOOLS,
        description=lambda wildcards: json.dumps(SELECTION.environments[wildcards.environment]),
        failed=lambda wildcards: last_failure(failure_file(ENVIRONMENTS / wildcards.environment)),
        own=lambda wildcards: own_tools(wildcards.environment),
        code=lambda wildcards: numbers_hash("commands.environment"),
    message:
        "Installing the environment {wildcards.environment}: {params.description}"
    shell:
        "python -m lstmbench environment --tools {params.tools:q} --description {params.description:q}"
        " --folder {params.folder:q} > {log:q} 2>&1"
