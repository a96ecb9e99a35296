"""Measure speed: processes that take turns, the blocks that they time, and who else used the machine.

The probes of the frameworks are in ``probes``, one file each.
"""
