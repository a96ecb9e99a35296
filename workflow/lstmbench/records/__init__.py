"""Write and read what is kept on disk, and check that it can be true whenever it is read.

A format's constants are in ``format``; each kind of record has a file, and beside it what must hold in it.
"""
