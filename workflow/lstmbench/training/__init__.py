"""Train one run: open a session, loop over the epochs, write checkpoints, start several workers.

``loop`` names no framework; ``run`` makes of it a record.
"""
