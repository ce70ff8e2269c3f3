"""Judges of what clients saw and of what replicas showed: histories, models, checkers, invariants.

Rule: this folder knows only histories and frozen observations (`domain.py`), never the database or the simulator, so
that a checker cannot lean on what it judges. A model is a few pure functions, a checker is a file, a result is a value.
"""
