"""Provide what every layer needs and no field term names: files, clocks, errors, locks, escaping.

Nothing here imports another folder.
"""
