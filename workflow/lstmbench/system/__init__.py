"""Describe the machine and what limits a process on it: devices, processor, cores, switches, commit."""
