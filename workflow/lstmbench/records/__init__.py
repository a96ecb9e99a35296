"""Write and read what is kept on disk, and check that it can be true whenever it is read.

``format`` has the constants of the formats.  Each kind of record has a file, and another with its consistency checks.
"""
