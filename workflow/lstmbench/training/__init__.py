"""Train one run: open a session, loop over the epochs, write checkpoints, start several workers.

``loop`` trains with any framework and names none.  ``run`` calls it and writes the record.
"""
