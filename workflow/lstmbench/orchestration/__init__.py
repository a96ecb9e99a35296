"""Answer what the Snakefile asks: configuration, dependencies, environments, resources, failures, time.

It runs in Snakemake's own process, so that nothing here imports a framework.
"""
