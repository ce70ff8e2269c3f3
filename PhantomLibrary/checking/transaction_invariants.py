"""What must hold of every transaction at any time, watched from outside through the whole run.

Rule: fed frozen observations; no protocol code here. All shards end a transaction in the same way, at one time, and
none prepares it again when it has ended there: nobody would come and end it once more, so its locks would stay.
What is remembered of those that have ended is bounded: the latest ones, far more than are under way.

Source: Gray and Lamport, "Consensus on Transaction Commit" (2006), 2: stability and consistency.
"""

from __future__ import annotations

from collections.abc import Hashable

from PhantomLibrary.checking.verdict import seconds
from PhantomLibrary.domain import TransactionEnded, TransactionPrepared

ENDED_KEPT_MAX = 20_000


class TransactionInvariants:
    """How each transaction was seen to end, first in each shard.

    Whoever breaks a rule gives the code and the words of it.
    """

    __slots__ = ("_ends",)

    def __init__(self) -> None:
        self._ends: dict[Hashable, list[TransactionEnded]] = {}

    def __len__(self) -> int:
        return len(self._ends)

    def ended(self, seen: TransactionEnded) -> tuple[str, str] | None:
        """Take in how a transaction ended in a shard."""
        ends = self._ends.get(seen.transaction)
        if ends is None:
            self._ends[seen.transaction] = [seen]
            if len(self._ends) > ENDED_KEPT_MAX:
                del self._ends[next(iter(self._ends))]
        elif ends[0].commit_ns != seen.commit_ns:
            return self._broken(ends[0], seen)
        elif all(each.shard != seen.shard for each in ends):
            ends.append(seen)
        return None

    def prepared(self, seen: TransactionPrepared) -> tuple[str, str] | None:
        """Take in that a shard has prepared a transaction."""
        for end in self._ends.get(seen.transaction, ()):
            if end.shard == seen.shard and end.index < seen.index:
                return "INV-010", f"transaction {seen.transaction} was prepared after its end: it {_how(end)} before"
        return None

    def _broken(self, first: TransactionEnded, seen: TransactionEnded) -> tuple[str, str]:
        where = "before" if first.shard == seen.shard else f"in shard {first.shard}"
        text = f"transaction {seen.transaction} {_how(seen)}, and {_how(first)} {where}"
        return ("INV-009" if first.commit_ns and seen.commit_ns else "INV-008"), text


def _how(seen: TransactionEnded) -> str:
    return f"committed as of {seconds(seen.commit_ns)}" if seen.commit_ns else "was rolled back"
