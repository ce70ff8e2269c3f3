"""Where the inputs of a fragment wait at the leader that is going to run it.

Rows come in chunks, from several sources, each chunk perhaps twice. A source that had to begin anew is another source,
so what is taken is exactly what one of them has delivered, or nothing.
"""

from __future__ import annotations

from msgspec import Struct

from PhantomLibrary.database.sql.messages import CursorId, Deliver, Expected, Row, Source


class Inbox(Struct):
    """What was delivered for one fragment: by input and source, chunks by their numbers."""

    asked_ns: int
    chunks: dict[tuple[int, Source], dict[int, tuple[Row, ...]]] = {}
    bytes: int = 0


class Inboxes:
    """All of one leader's."""

    def __init__(self) -> None:
        self._by_id: dict[CursorId, Inbox] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def bytes(self) -> int:
        return sum(inbox.bytes for inbox in self._by_id.values())

    def take(self, work: Deliver, now_ns: int, bytes_max: int) -> bool:
        """Keep a chunk, unless it is here already; return whether there was room for it."""
        inbox = self._by_id.setdefault(work.inbox, Inbox(now_ns))
        inbox.asked_ns = now_ns
        chunks = inbox.chunks.setdefault((work.number, work.source), {})
        if work.chunk not in chunks:
            if inbox.bytes + work.bytes > bytes_max:
                return False
            chunks[work.chunk] = work.rows
            inbox.bytes += work.bytes
        return True

    def rows(self, identity: CursorId | None, expected: Expected) -> list[Row] | None:
        """Return what a source has delivered of an input, None if not all of that is here."""
        inbox = self._by_id.get(identity) if identity is not None else None
        chunks = {} if inbox is None else inbox.chunks.get((expected.number, expected.source), {})
        if any(number not in chunks for number in range(expected.chunks)):
            return None
        return [row for number in range(expected.chunks) for row in chunks[number]]

    def close(self, identity: CursorId) -> None:
        self._by_id.pop(identity, None)

    def look(self, oldest_ns: int) -> None:
        """Forget what nothing has come for since some time."""
        for identity in [each for each, inbox in self._by_id.items() if inbox.asked_ns < oldest_ns]:
            del self._by_id[identity]
