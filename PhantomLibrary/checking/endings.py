"""Did every transaction end the same way everywhere, once, and as its client was told? And did it leave nothing behind?

Rule: knows frozen facts only, gathered from all shards once nothing is under way any more; who gathers them is no
business of this file. Lines of evidence name shards and times, since no single history has them.

Source: Gray and Lamport, "Consensus on Transaction Commit" (2006), its safety properties; Bernstein, Hadzilacos and
Goodman (1987), chapter 7.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.checking.verdict import EVIDENCE_LINES_MAX, Verdict, seconds
from PhantomLibrary.domain import ShardId

TransactionId: TypeAlias = str


class TransactionEnd(Struct, frozen=True):
    """How a shard has a transaction. `commit_ts`, unless 0, is when it committed there."""

    transaction: TransactionId
    shard: ShardId
    state: Literal["ACTIVE", "PREPARED", "COMMITTED", "ABORTED"]
    commit_ts: int = 0


class LockHeld(Struct, frozen=True):
    """A lock, or an intent, that a transaction has on a key."""

    transaction: TransactionId
    shard: ShardId
    key: str
    since_ns: int


class Answered(Struct, frozen=True):
    """What the client of a transaction was told: `ok` it committed, `fail` it never will, `info` that is not known."""

    transaction: TransactionId
    ending: Literal["ok", "fail", "info"]


def check_endings(
    ends: Sequence[TransactionEnd],
    locks: Sequence[LockHeld] = (),
    answers: Sequence[Answered] = (),
    *,
    now_ns: int = 0,
    lock_age_max_ns: int | None = None,
    is_quiet: bool = True,
    under_way: Collection[TransactionId] = (),
) -> Verdict:
    """Judge how all transactions have ended. `operations` of the verdict counts them, `confirmed` those that committed.

    Locks of transactions under way, of which clients have those named in `under_way`, count only once they are older
    than `lock_age_max_ns`; below 0, at once. Unless `is_quiet`, some may be in doubt still.
    """
    by_transaction: dict[TransactionId, list[TransactionEnd]] = {}
    for end in ends:
        by_transaction.setdefault(end.transaction, []).append(end)
    committed = sum(any(end.state == "COMMITTED" for end in part) for part in by_transaction.values())
    found = _wrong(by_transaction, locks, answers, now_ns, lock_age_max_ns, is_quiet=is_quiet, under_way=under_way)
    wrong = next(found, None)
    if wrong is None:
        return Verdict("valid", operations=len(by_transaction), confirmed=committed)
    code, message, transaction = wrong
    evidence = tuple(_lines(transaction, by_transaction.get(transaction, ()), locks, answers))[:EVIDENCE_LINES_MAX]
    return Verdict("invalid", code, message, evidence, len(by_transaction), committed)


_Wrong: TypeAlias = tuple[str, str, TransactionId]


def _wrong(
    by_transaction: dict[TransactionId, list[TransactionEnd]],
    locks: Sequence[LockHeld],
    answers: Sequence[Answered],
    now_ns: int,
    lock_age_max_ns: int | None,
    *,
    is_quiet: bool,
    under_way: Collection[TransactionId],
) -> Iterator[_Wrong]:
    for transaction, ends in by_transaction.items():
        yield from _split_ends(transaction, ends)
    yield from _wrong_answers(by_transaction, answers)
    for transaction, ends in by_transaction.items():
        doubt = next((end for end in ends if end.state == "PREPARED"), None)
        if doubt is not None and is_quiet:
            yield (
                "ATM-004",
                f"{transaction} is still in doubt on shard {doubt.shard}: it prepared and never ended",
                transaction,
            )
    for lock in locks:
        states = {end.state for end in by_transaction.get(lock.transaction, ())}
        where = f"{lock.transaction} holds key {lock.key} of shard {lock.shard} since {seconds(lock.since_ns)}"
        if "ACTIVE" not in states and "PREPARED" not in states and lock.transaction not in under_way:
            known = "has ended" if states else "no shard knows"
            yield "ATM-005", f"{where}, though {'it' if states else 'it is one that'} {known}", lock.transaction
        elif lock_age_max_ns is not None and now_ns - lock.since_ns > lock_age_max_ns:
            bound = f", longer than {seconds(lock_age_max_ns)}" if lock_age_max_ns >= 0 else ", and is not over"
            yield "ATM-006", f"{where}, for {seconds(now_ns - lock.since_ns)}{bound}", lock.transaction


def _split_ends(transaction: TransactionId, ends: Iterable[TransactionEnd]) -> Iterator[_Wrong]:
    committed = [end for end in ends if end.state == "COMMITTED"]
    aborted = next((end for end in ends if end.state == "ABORTED"), None)
    if committed and aborted is not None:
        text = f"{transaction} is committed on shard {committed[0].shard} and aborted on shard {aborted.shard}"
        yield "ATM-001", text, transaction
    for end in committed[1:]:
        if end.commit_ts != committed[0].commit_ts:
            text = (
                f"{transaction} committed at {committed[0].commit_ts} on shard {committed[0].shard} and at"
                f" {end.commit_ts} on shard {end.shard}"
            )
            yield "ATM-002", text, transaction
            return


def _wrong_answers(
    by_transaction: dict[TransactionId, list[TransactionEnd]], answers: Iterable[Answered]
) -> Iterator[_Wrong]:
    for answer in answers:
        ends = by_transaction.get(answer.transaction, ())
        committed = next((end for end in ends if end.state == "COMMITTED"), None)
        aborted = next((end for end in ends if end.state == "ABORTED"), None)
        if answer.ending == "ok" and aborted is not None:
            text = f"{answer.transaction} was reported as committed, and is aborted on shard {aborted.shard}"
            yield "ATM-003", text, answer.transaction
        elif answer.ending == "fail" and committed is not None:
            text = f"{answer.transaction} was reported as never to happen, and is committed on shard {committed.shard}"
            yield "ATM-003", text, answer.transaction


def _lines(
    transaction: TransactionId,
    ends: Iterable[TransactionEnd],
    locks: Iterable[LockHeld],
    answers: Iterable[Answered],
) -> Iterator[str]:
    for end in ends:
        at = f" at {end.commit_ts}" if end.commit_ts else ""
        yield f"{transaction} on shard {end.shard}: {end.state}{at}"
    for lock in locks:
        if lock.transaction == transaction:
            yield f"{transaction} on shard {lock.shard}: holds {lock.key} since {seconds(lock.since_ns)}"
    for answer in answers:
        if answer.transaction == transaction:
            yield f"{transaction}: its client was told {answer.ending}"
