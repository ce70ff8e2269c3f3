"""One replica of Raft, fed by hand: who it is, what it is told, and what it does then."""

from typing import Any

from PhantomLibrary.domain import LogEntry
from PhantomLibrary.protocols.raft.effects import (
    Apply,
    Effect,
    Persist,
    Persisted,
    Send,
)
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.messages import (
    AppendEntries,
    AppendReply,
    RaftMessage,
    Recovered,
    RequestVote,
    Vote,
)
from PhantomLibrary.protocols.raft.replica import GroupConfig

TIMEOUT_NS, HEARTBEAT_NS, BORN_NS = 1_000, 100, 5_000


def replica(*terms: int, quiesces: bool = False, **found: Any) -> Group:
    """Return n1 of three, whose log has entries of these terms."""
    entries = tuple(LogEntry(index, term, f"c{index}") for index, term in enumerate(terms, 1))
    recovered = Recovered(**{"term": max(terms, default=1), "entries": entries, **found})
    return Group(
        GroupConfig(1, "n1", ("n1", "n2", "n3"), TIMEOUT_NS, HEARTBEAT_NS, quiesces=quiesces), recovered, BORN_NS
    )


def append(source: str, term: int, prev: tuple[int, int] = (0, 0), *entries: LogEntry) -> AppendEntries:
    return AppendEntries(1, source, term, *prev, entries, 0, 0)


def said(effects: list[Effect]) -> list[RaftMessage]:
    return [each.message for each in effects if isinstance(each, Send)]


def written(effects: list[Effect]) -> list[object]:
    return [record for each in effects if isinstance(each, Persist) for record in each.records]


def applied(effects: list[Effect]) -> list[int]:
    return [entry.index for each in effects if isinstance(each, Apply) for entry in each.entries]


def grants(it: Group, source: str, term: int, now_ns: int, *, pre: bool = False) -> bool:
    (answer,) = said(it.step(RequestVote(1, source, term, 9, term - 1, pre), now_ns))
    assert isinstance(answer, Vote)
    return answer.granted


def be_elected(it: Group, term: int) -> None:
    """Let n2 elect it; what it writes as a leader is not durable yet."""
    it._campaign(BORN_NS)
    it.step(Vote(1, "n2", term, granted=True, pre=True, number=0), BORN_NS)
    it.step(Persisted(it._token), BORN_NS)
    it.step(Vote(1, "n2", term, granted=True, pre=False, number=0), BORN_NS)
    assert it.is_leader and it.term == term


def leader(term: int = 2, *terms: int, **found: Any) -> Group:
    """Return n1 as the leader of this term, with all it has written durable."""
    it = replica(*terms or (1,), **found)
    be_elected(it, term)
    it.step(Persisted(it._token), BORN_NS)
    return it


def reply(source: str, term: int, index: int, number: int = 0) -> AppendReply:
    return AppendReply(1, source, term, True, index, 0, 0, number)
