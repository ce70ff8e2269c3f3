"""What becomes of a shard's transactions when it is split, and when two shards become one.

A split hands the prepared writes and reads of a transaction over key by key. Whoever knows of it knows the shard that
it was prepared at, so that one passes the decision on: it becomes the parent of the new participant, in a tree of
participants as in R* (Mohan, Lindsay, Obermarck, TODS 1986, section 3): it has acted when its children have. Its
record of that is like any other, ACTIVE until the decision comes.

Of what every shard has a copy of (see domain/rows.py) a new shard gets copies, prepared ones too. A merge keeps those
of the shard that takes over, which was a participant of its own in whatever wrote them: there each write is committed,
prepared, or will never be. But what the other shard had not promised yet it might have refused, for somebody who is
prepared there may have read it. So whoever asks for that promise afterwards is turned away.

How transactions ended, and since when that is forgotten, both halves have to know, for either may be asked again.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from PhantomLibrary.domain import ShardId
from PhantomLibrary.domain.rows import is_global
from PhantomLibrary.protocols.transactions.table import TableDump
from PhantomLibrary.protocols.transactions.values import Part, Record, Span, TransactionId


def divide(
    dump: TableDump, right: ShardId, goes_right: Callable[[str], bool], *, from_key: str = ""
) -> tuple[TableDump, TableDump]:
    """Return what a shard keeps when it loses some keys, and what shard `right` begins with, to which they go.

    Where these are the keys from `from_key` on, spans are cut there; else both halves keep them, for in both they may
    have keys.
    """
    kept: list[tuple[TransactionId, Part]] = []
    given: list[tuple[TransactionId, Part]] = []
    records = dict(dump.records)
    for transaction, part in dump.parts:
        below, above = _halves(part, goes_right, from_key)
        kept.append((transaction, below))  # Even if nothing is left: it is in doubt until it can pass the decision on.
        if above.values or above.reads:
            given.append((transaction, above))
            record = records.get(transaction, Record("ACTIVE", 0, (), 0))
            records[transaction] = replace(record, participants=(*record.participants, right))
    left_dump = TableDump(kept, list(records.items()), dump.ended, dump.forgotten_ns, dump.fence_ns)
    return left_dump, TableDump(given, [], dump.ended, dump.forgotten_ns, dump.fence_ns)


def _halves(part: Part, goes_right: Callable[[str], bool], from_key: str) -> tuple[Part, Part]:
    values: tuple[list[tuple[str, str | None]], list[tuple[str, str | None]]] = ([], [])
    reads: tuple[list[Span], list[Span]] = ([], [])
    for each in part.values:
        for side in (False, True) if is_global(each[0]) else (goes_right(each[0]),):
            values[side].append(each)
    for span in part.reads:
        if span.is_everywhere:
            reads[False].append(span)
            reads[True].append(span)
        elif span.is_key:
            reads[goes_right(span.start)].append(span)
        else:
            reads[False].extend(_clipped(span, "", from_key))
            reads[True].extend(_clipped(span, from_key, ""))
    below, above = ((tuple(values[side]), tuple(reads[side])) for side in (False, True))
    return replace(part, values=below[0], reads=below[1]), replace(part, values=above[0], reads=above[1])


def _clipped(span: Span, start: str, end: str) -> list[Span]:
    first = max(span.start, start)
    last = min(filter(None, (span.end, end)), default="")
    return [Span(first, last, span.table)] if not last or first < last else []


def unite(left_dump: TableDump, right_dump: TableDump, left: ShardId, right: ShardId) -> TableDump:
    """Return what shard `left` knows of transactions when it has taken over shard `right`. Its fence is its own."""
    right_parts = {transaction: _without_copies(part) for transaction, part in right_dump.parts}
    parts = {transaction: _lacking(part, right_parts.get(transaction)) for transaction, part in left_dump.parts}
    for transaction, part in right_parts.items():
        known = parts.get(transaction)
        parts[transaction] = part if known is None else _joined(known, part)
    records: dict[TransactionId, Record] = {}
    for transaction, record in (*left_dump.records, *right_dump.records):
        renamed = tuple(dict.fromkeys(left if each == right else each for each in record.participants))
        known_record = records.get(transaction)
        record = replace(record, participants=renamed)
        records[transaction] = record if known_record is None else _either(known_record, record)
    ended = {transaction: (state, at_ns) for transaction, state, at_ns in left_dump.ended}
    for transaction, state, at_ns in right_dump.ended:
        ended.setdefault(transaction, (state, at_ns))
    in_order = sorted(((who, *what) for who, what in ended.items()), key=lambda each: each[2])
    return TableDump(
        list(parts.items()),
        list(records.items()),
        in_order,
        max(left_dump.forgotten_ns, right_dump.forgotten_ns),
        left_dump.fence_ns,
    )


def _without_copies(part: Part) -> Part:
    return replace(part, values=tuple(each for each in part.values if not is_global(each[0])))


def _lacking(part: Part, other: Part | None) -> Part:
    if other is None and any(is_global(key) for key, _ in part.values):
        return replace(part, lacks_copy=True)
    return part


def _joined(left: Part, right: Part) -> Part:
    """Both have promised: it commits no earlier than the later promise, and was promised since the earlier one."""
    return Part(
        max(left.prepared_ns, right.prepared_ns),
        (*left.values, *right.values),
        tuple(dict.fromkeys((*left.reads, *right.reads))),
        left.anchor,
        min(left.promised_ns or left.prepared_ns, right.promised_ns or right.prepared_ns),
        left.lacks_copy,
    )


def _either(left: Record, right: Record) -> Record:
    decided = right if left.state == "ACTIVE" else left
    participants = tuple(dict.fromkeys((*left.participants, *right.participants)))
    return Record(decided.state, decided.commit_ns, participants, max(left.begun_ns, right.begun_ns))
