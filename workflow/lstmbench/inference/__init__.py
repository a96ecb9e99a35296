"""Use the model that a run kept: test it again, let it write and read text, and look at what it learned.

Everything is computed in NumPy by the reference implementation, so no framework is imported.
"""
