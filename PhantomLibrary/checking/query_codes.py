"""What the catalogue says of answers of queries."""

from __future__ import annotations

from PhantomLibrary.checking.code_entry import CodeEntry

QUERY_ENTRIES = (
    CodeEntry(
        "QRY-001",
        "answer differs from that of a single node",
        "A query was answered with other rows than one SQLite gives that has the same rows, read from the replicas at"
        " the snapshot of the query: rows are missing, or there are too many.",
    ),
    CodeEntry(
        "QRY-002",
        "answer in a wrong order",
        "A query was answered with the right rows, but not in the order that its ORDER BY asks for.",
    ),
    CodeEntry(
        "QRY-004",
        "query that could not be judged",
        "There was nothing to compare an answer with: the single node has none, as for what is an error in SQL, or the"
        " query has many right answers.",
    ),
)
