"""The replicated log of one replica: what a snapshot covers, then entries without a gap."""

from __future__ import annotations

from collections.abc import Sequence

from PhantomLibrary.domain import LogEntry


class RaftLog:
    """Entries by index. `snapshot_index` and `snapshot_term` tell the last entry that is no longer held."""

    __slots__ = ("_entries", "last_index", "last_term", "snapshot_index", "snapshot_term")

    def __init__(self, snapshot_index: int, snapshot_term: int, entries: Sequence[LogEntry]) -> None:
        self.snapshot_index = snapshot_index
        self.snapshot_term = snapshot_term
        self._entries = list(entries)
        self.last_index = snapshot_index + len(self._entries)
        self.last_term = self._entries[-1].term if self._entries else snapshot_term
        assert not self._entries or self._entries[0].index == snapshot_index + 1

    def term_at(self, index: int) -> int | None:
        """Return the term of the entry at `index`, or None where the log does not reach or no longer holds it."""
        if index == self.last_index:  # As nearly always.
            return self.last_term
        offset = index - self.snapshot_index
        if offset > 0:
            return self._entries[offset - 1].term if index < self.last_index else None
        return self.snapshot_term if offset == 0 else None

    def entries_from(self, index: int, count_max: int) -> tuple[LogEntry, ...]:
        """Return at most `count_max` entries from `index` on, which must not be covered by the snapshot."""
        start = index - self.snapshot_index - 1
        assert start >= 0
        return tuple(self._entries[start : start + count_max])

    def all_entries(self) -> tuple[LogEntry, ...]:
        return tuple(self._entries)

    def append(self, entries: Sequence[LogEntry]) -> None:
        """Put entries into the log; whatever it held from the first one's index on is gone."""
        first = entries[0].index
        assert self.snapshot_index < first <= self.last_index + 1
        if first <= self.last_index:
            del self._entries[first - self.snapshot_index - 1 :]
        self._entries.extend(entries)
        self.last_index, self.last_term = entries[-1].index, entries[-1].term

    def last_index_at_or_below(self, index: int, term: int) -> int:
        """Return the largest held index up to `index` whose entry has at most this term, or the snapshot's."""
        index = min(index, self.last_index)
        while index > self.snapshot_index and self._entries[index - self.snapshot_index - 1].term > term:
            index -= 1
        return index

    def compact(self, index: int) -> None:
        """Forget entries up to `index`, which must be held."""
        term = self.term_at(index)
        assert term is not None
        del self._entries[: index - self.snapshot_index]
        self.snapshot_index, self.snapshot_term = index, term

    def reset(self, index: int, term: int) -> None:
        """Forget everything: a snapshot up to (index, term) stands for it."""
        self._entries.clear()
        self.snapshot_index = self.last_index = index
        self.snapshot_term = self.last_term = term
