"""Actions, messages and replicas in words, for counterexamples."""

from __future__ import annotations

from collections.abc import Sequence

from PhantomLibrary.domain import NodeId
from PhantomLibrary.exploration.replicas import Replica
from PhantomLibrary.protocols.raft.messages import AppendEntries, AppendReply, RaftMessage, RequestVote, Vote

_ACTIONS = {
    "timeout": "has heard nothing for an election timeout",
    "heartbeat": "sends heartbeats",
    "propose": "takes a command",
    "persist": "has its oldest records on disk",
    "crash": "crashes and restarts",
}


def tell_action(node: NodeId, kind: str, message: RaftMessage | None, kept: int) -> str:
    """Return what happens, as in `n2 receives vote of term 1, yes, from n1`."""
    if message is not None:
        copy = ", of which a copy stays under way" if kind == "duplicate" else ""
        return f"{node} receives {tell_message(message)} from {message.source}{copy}"
    records = f" with {kept} of the records under way" if kept else ""
    return f"{node} {_ACTIONS[kind]}{records}"


def tell_losses(lost: Sequence[tuple[NodeId, RaftMessage]]) -> str:
    if not lost:
        return ""
    return "; lost: " + ", ".join(f"{tell_message(each)} from {each.source} to {to}" for to, each in lost)


def tell_replica(replica: Replica) -> str:
    """Return what a replica is, as in `n1 is leader of term 2, voted n1, log 1 1 2, committed 2`."""
    group = replica.group
    log = " ".join(str(entry.term) for entry in group.log.all_entries()) or "empty"
    vote = f", voted {group.vote}" if group.vote else ""
    disk = f", {len(replica.records_under_way())} records not on disk" if replica.waiting else ""
    role = f"{group.config.node} is {group.role} of term {group.term}{vote}"
    return f"{role}, log {log}, committed {group.commit_index}{disk}"


def tell_message(message: RaftMessage) -> str:
    if isinstance(message, RequestVote):
        asked = f"of term {message.term} with log up to {message.last_index}/{message.last_term}"
        return f"{'pre-' if message.pre else ''}request {asked}"
    if isinstance(message, Vote):
        return f"{'pre-' if message.pre else ''}vote of term {message.term}, {'yes' if message.granted else 'no'}"
    if isinstance(message, AppendEntries):
        entries = " ".join(f"{each.index}/{each.term}" for each in message.entries) or "nothing"
        after = f"after {message.prev_index}/{message.prev_term}"
        return f"append of term {message.term} with {entries} {after}, committed {message.commit_index}"
    assert isinstance(message, AppendReply)
    return f"reply of term {message.term}, {'has' if message.accepted else 'no, try'} {message.index}"
