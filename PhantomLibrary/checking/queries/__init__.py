"""Judges answers of queries by those of one SQLite that has the same rows.

It knows SQL's text and SQLite, and nothing of how PhantomDB reads, types, plans or spreads a query: what both take for
the answer was found in two ways.
"""
