"""Prove that an implementation computes what the NumPy reference computes, within a derived tolerance."""
