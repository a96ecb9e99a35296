"""Provide the Snakefile with configuration, dependencies, environments, resources, failures and estimates.

This runs in Snakemake's own process, so nothing here may import a framework.
"""
