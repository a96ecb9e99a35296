"""Measure speed: run processes interleaved, time blocks of steps, and count what else used the machine.

The probes of the frameworks are in ``probes``, one file each.
"""
