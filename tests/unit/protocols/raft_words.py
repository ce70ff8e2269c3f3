"""How golden scenarios tell messages and records."""

from __future__ import annotations

from typing import Any

from PhantomLibrary.domain import Configuration, LogEntry
from PhantomLibrary.protocols.raft.configuration import ABSENT, LOST
from PhantomLibrary.protocols.raft.messages import (
    AppendEntries,
    AppendReply,
    Damaged,
    Entries,
    HardState,
    Invitation,
    RaftMessage,
    Record,
    RepairBound,
    Repaired,
    RepairRequest,
    RequestVote,
    SnapshotChunk,
    SnapshotPart,
    SnapshotReply,
    TimeoutNow,
    Vote,
)
from tests.unit.protocols.raft_harness import told

NUMBERS = {0: "", LOST: " not counting", ABSENT: " not here"}


def told_command(command: Any) -> str:
    if type(command) is Configuration:
        return told(command)
    return "-" if command is None else str(command)


def told_commands(commands: list[Any]) -> str:
    return " ".join(map(told_command, commands)) or "nothing"


def kind_of(message: RaftMessage) -> str:
    if isinstance(message, RequestVote | Vote):
        return ("pre-" if message.pre else "") + ("request" if isinstance(message, RequestVote) else "vote")
    if isinstance(message, AppendEntries):
        return "append" if message.entries else "heartbeat"
    if isinstance(message, TimeoutNow):
        return "timeout now"
    if isinstance(message, Invitation):
        return "invitation"
    if isinstance(message, RepairRequest | RepairBound):
        return "repair request" if isinstance(message, RepairRequest) else "repair bound"
    if isinstance(message, SnapshotReply):
        return "snapshot reply"
    return "snapshot" if isinstance(message, SnapshotChunk) else "reply"


def told_entries(entries: tuple[LogEntry, ...]) -> str:
    return " ".join(f"{entry.index}/{entry.term}:{told_command(entry.command)}" for entry in entries)


def told_message(message: RaftMessage) -> str:
    words = f"{kind_of(message)} term {message.term}"
    if isinstance(message, RequestVote):
        return f"{words} last {message.last_index}/{message.last_term}{' transfer' if message.transfer else ''}"
    if isinstance(message, Vote):
        return f"{words} {'yes' if message.granted else 'no'}"
    if isinstance(message, AppendEntries):
        after = f" after {message.prev_index}/{message.prev_term}"
        entries = f" {told_entries(message.entries)}" if message.entries else ""
        return f"{words}{after}{entries} committed {message.commit_index} round {message.round}"
    if isinstance(message, TimeoutNow):
        return words
    if isinstance(message, RepairRequest | RepairBound):
        return (
            f"{words} last {message.last_index}" if isinstance(message, RepairRequest) else f"{words} {message.index}"
        )
    if isinstance(message, SnapshotChunk):
        chunk = f" chunk {message.chunk + 1} of {message.chunks}" if message.chunks > 1 else ""
        return f"{words} up to {message.index}/{message.index_term}{chunk}"
    if isinstance(message, SnapshotReply):
        return f"{words} up to {message.index}: {message.received}"
    if isinstance(message, Invitation):
        return f"{words} number {message.number}"
    assert isinstance(message, AppendReply)
    answer = f"has {message.index}" if message.accepted else f"no, try {message.index}/{message.index_term}"
    return f"{words} {answer} round {message.round}{NUMBERS.get(message.number, f' number {message.number}')}"


def told_record(record: Record) -> str:
    if isinstance(record, HardState):
        return f"term {record.term}" + (f" vote {record.vote}" if record.vote else "")
    if isinstance(record, Entries):
        return told_entries(record.entries)
    if isinstance(record, Damaged | Repaired):
        return "that it is damaged" if isinstance(record, Damaged) else "that it is whole again"
    if isinstance(record, SnapshotPart):
        return f"chunk {record.chunk + 1} of snapshot up to {record.index}/{record.term}"
    return f"snapshot up to {record.snapshot.index}/{record.snapshot.term}" + (
        " before tail" if record.keeps_tail else ""
    )
