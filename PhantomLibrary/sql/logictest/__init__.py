"""sqllogictest: scripts of statements and queries with the results that they are to have, of which large public ones
exist. `python -m PhantomLibrary.sql.logictest FILE…` runs them against a cluster.

Source: D. Richard Hipp, "About Sqllogictest", https://sqlite.org/sqllogictest.
"""
