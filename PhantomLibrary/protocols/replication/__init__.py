"""Replication between regions that all take writes: changes, versions, and what becomes of those that meet."""
