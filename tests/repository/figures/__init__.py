"""The figures that README and docs quote, generated from the kept records."""
