"""The distributed planner: a bound query to fragments for shards and the query that answers from what they gather.

Rule: pure; the same query, catalog and statistics give the same plan and text.
"""
