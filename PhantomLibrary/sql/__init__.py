"""SQL over shards, as pure functions: text to plans, plans to text for one shard, rows to results.

sqlglot parses and SQLite, by apsw, computes; between them is what distributes. Both are imported where they are used.
"""
