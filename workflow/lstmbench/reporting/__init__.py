"""Turn tables into text, figures and the page for people.

Nothing here computes a statistic or decides a verdict; ``analysis`` does.
"""
