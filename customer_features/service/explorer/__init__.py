"""The explorer: a page on which people drop purchase rows and look at the vectors; no door of its own to the numbers.

What it shows is computed by the engine behind ``build``, and what it hands out are the bytes that ``build`` writes.
"""
