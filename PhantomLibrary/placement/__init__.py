"""Pure policies of where things are: which shard holds a key, which nodes hold a shard, how many nodes there are.

Rule: a snapshot comes in, a plan or a decision comes out. Nothing here knows a clock, a network, a disk or chance; all
is counted in integers, and equal snapshots give equal plans. Who carries them out, and whether they still fit by then,
is the business of the database.
"""
