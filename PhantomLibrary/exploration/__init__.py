"""Looks for runs that break a promise: exhaustively where the model is small."""
