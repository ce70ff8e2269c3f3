"""Performs the effects of one group, in order, on one node.

A Persist is handed to the log at once; what stands behind it waits until it is durable. SendEarly and SetDeadline
never wait. So with nothing pending a step's list is performed directly.

This is a part of its own so that it can be wrapped: crash points are enumerated around the effects of a chosen kind.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.protocols.raft.effects import (
    Apply,
    Effect,
    GoneQuiet,
    InstallSnapshot,
    Persist,
    ReadReady,
    Refuse,
    RefuseChange,
    Send,
    SendEarly,
    SetDeadline,
    TransferFailed,
    Woken,
)


class EffectHost(Protocol):
    """Who carries effects out."""

    node: NodeId
    shard: ShardId

    def send(self, effect: Send | SendEarly) -> None: ...
    def persist(self, effect: Persist) -> None: ...
    def apply(self, effect: Apply) -> None: ...
    def install_snapshot(self, effect: InstallSnapshot) -> None: ...
    def read_ready(self, effect: ReadReady) -> None: ...
    def refuse(self, effect: Refuse) -> None: ...
    def transfer_failed(self, effect: TransferFailed) -> None: ...
    def refuse_change(self, effect: RefuseChange) -> None: ...
    def gone_quiet(self, effect: GoneQuiet) -> None: ...
    def woken(self, effect: Woken) -> None: ...
    def set_deadline(self, effect: SetDeadline) -> None: ...


class Performer:
    """One FIFO of effects. `perform` takes a step's list; `persisted` lets go what waited for a token."""

    __slots__ = ("_handlers", "_waiting")

    def __init__(self, host: EffectHost) -> None:
        self._waiting: deque[Effect] = deque()
        self._handlers: dict[type, Callable[[Any], None]] = {
            Send: host.send,
            SendEarly: host.send,
            Persist: host.persist,
            Apply: host.apply,
            InstallSnapshot: host.install_snapshot,
            ReadReady: host.read_ready,
            Refuse: host.refuse,
            TransferFailed: host.transfer_failed,
            RefuseChange: host.refuse_change,
            GoneQuiet: host.gone_quiet,
            Woken: host.woken,
            SetDeadline: host.set_deadline,
        }

    def perform(self, effects: list[Effect]) -> None:
        """Perform what may be performed now, and queue the rest."""
        waiting, handlers = self._waiting, self._handlers
        for effect in effects:
            kind = type(effect)
            if kind is Persist:
                handlers[kind](effect)
                waiting.append(effect)  # As a barrier, until `persisted` names its token.
            elif waiting and kind is not SendEarly and kind is not SetDeadline:
                waiting.append(effect)
            else:
                handlers[kind](effect)

    def persisted(self, token: int) -> None:
        """All records up to this token are durable: perform what waited for them."""
        waiting = self._waiting
        while waiting:
            effect = waiting[0]
            if type(effect) is Persist:
                if effect.token > token:
                    return
                waiting.popleft()
            else:
                waiting.popleft()
                self._handlers[type(effect)](effect)
