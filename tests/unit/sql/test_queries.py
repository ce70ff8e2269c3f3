"""Queries that bind, and what they answer."""
