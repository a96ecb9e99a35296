"""Describe a model: its contract with a framework, its preset, its initial weights and its cost.

``learner`` is the contract that every implementation fulfils.  Nothing here imports a framework.
"""
