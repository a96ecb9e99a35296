"""Compute what the records say: records in, data frames and verdicts out.

Nothing here formats a number or writes a file; ``reporting`` does, and the commands write.
"""
