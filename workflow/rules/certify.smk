# Measure how far each implementation deviates from the NumPy reference on this machine.
#
# inputs    the code of an implementation, and the versions of what it imports
# outputs   table = {results}/parity/{implementation}/{device}.csv; if the implementation cannot run, the reason


rule certify:
    input:
        environment=lambda wildcards: installed(ENVIRONMENTS, wildcards.implementation),
    output:
        table=RESULTS / paths.CERTIFICATE,
    log:
        RESULTS / "logs/certify/{implementation}/{device}.log",
    conda:
        environment
    resources:
        machine=1,
        gpu=1 if SELECTION.device == "gpu" else 0,
    params:
        code=code_of_certificate,
        versions=versions_here,
        python=lambda wildcards: interpreter(wildcards.implementation, ENVIRONMENTS),
    message:
        "Holding {wildcards.implementation} on {wildcards.device} against the NumPy reference"
    shell:
        "exec python -m lstmbench attempt --python {params.python:q} --log {log:q} certify"
        " --implementation {wildcards.implementation} --device {wildcards.device} --threads {threads}"
        " --output {output.table:q} > {log:q} 2>&1"
