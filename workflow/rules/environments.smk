# Other versions of a framework, each in an environment of its own.
#
# inputs    `environments` of the configuration, envs/tools.yaml
# outputs   installed = results/environments/{environment}/installed.txt, written last; the environment is beside it


rule install:
    output:
        installed=ENVIRONMENTS / "{environment}/installed.txt",
    log:
        "results/logs/install/{environment}.log",
    conda:
        "../../envs/tools.yaml"
    resources:
        machine=1,
    params:
        requirements=lambda wildcards: shlex.join(SELECTION.environments[wildcards.environment]),
        folder=lambda wildcards, output: Path(output.installed).parent,
        tools=TOOLS,
        contents=content_hash(TOOLS),
        code=numbers_hash("environment"),
    message:
        "Installing the environment {wildcards.environment}: {params.requirements}"
    shell:
        "python -m lstmbench.environment --tools {params.tools:q} --requirements {params.requirements}"
        " --folder {params.folder:q} > {log:q} 2>&1"
