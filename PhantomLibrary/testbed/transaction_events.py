"""Tells of what happens to transactions, on the node where it happens, just before and just after.

*prepare sent*: around the coordinator asking one shard to prepare.
*commit sent*: around the coordinator asking the record to commit, when all have prepared.
*decision sent*: around the leader of the record's shard telling one participant what was decided.
*transaction prepared*, *transaction decided*: around the first replica applying that; in one phase only the latter.
*transaction step*: around every message, and every effect of a shard's log, that has to do with a transaction: what is
asked of shards, what is sent, written and applied of their logs, and what is answered. So a crash at each of them is a
crash at every point of a protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from PhantomLibrary.database.gateway import Gateway
from PhantomLibrary.database.messages import Told, Transact
from PhantomLibrary.database.transactions.manager import TransactionManager
from PhantomLibrary.domain import Answer, LogEntry, NodeId, ShardId, TransactionOperation
from PhantomLibrary.protocols.raft.messages import AppendEntries, Entries
from PhantomLibrary.protocols.transactions.values import Decide, Inquire, Prepare, Resolve

STEP = "transaction step"
TRANSACTION_EVENTS = (
    "prepare sent",
    "commit sent",
    "decision sent",
    "transaction prepared",
    "transaction decided",
    STEP,
)


class Tap(Protocol):
    """Whoever listens. `tell_of` takes event, phase and node; what a crashed process does is not told."""

    @property
    def is_open(self) -> bool: ...
    def tell_of(self, process: Any, event: str, phase: Any, node: NodeId) -> None: ...


def tapped_gateway(plain: Any, tap: Tap) -> type[Gateway]:
    """Return the gateway whose questions to shards can be listened at."""

    class TappedGateway(plain):  # type: ignore[misc]
        def ask(self, shard: ShardId, work: Any, finish: Callable[[Any], object]) -> None:
            if not tap.is_open:
                super().ask(shard, work, finish)
                return
            events = [*_sent(work), STEP]
            for event in events:
                tap.tell_of(self._host, event, "before", self._env.node)
            super().ask(shard, work, finish)
            for event in events:
                tap.tell_of(self._host, event, "after", self._env.node)

    gateway: type[Gateway] = TappedGateway
    return gateway


def tapped_manager(plain: Any, tap: Tap) -> type[TransactionManager]:
    """Return the manager of transactions whose answers to clients can be listened at."""

    class TappedManager(plain):  # type: ignore[misc]
        def request(self, process: int, operation: TransactionOperation, finish: Callable[[Answer], object]) -> None:
            def answer(answer: Answer) -> None:
                tap.tell_of(self._host, STEP, "before", self._env.node)
                finish(answer)
                tap.tell_of(self._host, STEP, "after", self._env.node)

            super().request(process, operation, answer if tap.is_open else finish)

    manager: type[TransactionManager] = TappedManager
    return manager


def telling_reply(process: Any, tap: Tap) -> Callable[[NodeId, Any], None]:
    """Return what answers a gateway in place of a process's own `reply`."""

    def reply(gateway: NodeId, answer: Any) -> None:
        plain = type(process).reply
        if type(answer.outcome) is not Told:
            plain(process, gateway, answer)
            return
        tap.tell_of(process, STEP, "before", process.env.node)
        plain(process, gateway, answer)
        tap.tell_of(process, STEP, "after", process.env.node)

    return reply


def _sent(work: Any) -> list[str]:
    match work:
        case Prepare():
            return ["prepare sent"]
        case Decide(commits=True):
            return ["commit sent"]
        case Resolve():
            return ["decision sent"]
    return []


# --- the log of a shard -----------------------------------------------------------------------------------------------


def concerns_transactions(what: Any) -> bool:
    """Whether a record or a message holds entries that have to do with transactions."""
    is_log = type(what) is Entries or type(what) is AppendEntries
    return is_log and any(type(entry.command) is Transact for entry in what.entries)


def applied_events(entries: Sequence[LogEntry]) -> list[str]:
    """Return the events that applying these entries for the first time is."""
    events = []
    for entry in entries:
        command = entry.command.command if type(entry.command) is Transact else None
        if isinstance(command, Prepare):
            events.append("transaction decided" if command.one_phase else "transaction prepared")
        elif isinstance(command, (Decide, Inquire)):
            events.append("transaction decided")
    return events
