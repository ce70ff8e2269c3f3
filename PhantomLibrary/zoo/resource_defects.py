"""Overlays and functions that misjudge load: what work costs, what usage is, whom to turn away, when to ask again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from PhantomLibrary.database.admission import Admission
from PhantomLibrary.database.gateway import Gateway
from PhantomLibrary.database.messages import ClientRequest, Overloaded, ShardRequest
from PhantomLibrary.domain.usage import NodeUsage, Reading, usage_between
from PhantomLibrary.protocols.raft.messages import AppendEntries, AppendReply
from PhantomLibrary.testbed.parts import Parts


def replicates_for_nothing(parts: Parts) -> Parts:
    """Let replication cost no processor time."""
    charged: Callable[[Any, int], int] = parts.cost_ns

    def cost_ns(message: Any, size: int) -> int:
        return 0 if isinstance(message, AppendEntries | AppendReply) else charged(message, size)

    return replace(parts, cost_ns=cost_ns)


def takes_waiting_for_work(parts: Parts) -> Parts:
    """Count the time in which a disk is waited for as the processor's work."""

    def usage(before: Reading, after: Reading) -> NodeUsage:
        waited_ns = after.disk_ns - before.disk_ns
        return usage_between(before, replace(after, cpu_ns=after.cpu_ns + waited_ns))

    return replace(parts, usage=usage)


class RefusesWhatItDoes(Admission):
    """Tells clients that they are turned away, and does all the same what they asked for."""

    def takes(self, client: str, request: ClientRequest) -> bool:
        super().takes(client, request)
        return True


class InsistsAtOnce(Gateway):
    """Asks who is overloaded again, at once and until its time is up."""

    def _on_overloaded(self, call: Any, outcome: Any) -> None:
        assert type(outcome) is Overloaded
        if self._env.monotonic_ns() < call.deadline_ns:
            self._attempt(call)
        else:
            self._give_up(call)


class LetsAllIn(Admission):
    """Turns nobody away, however long he has waited."""

    def takes(self, client: str, request: ClientRequest) -> bool:
        self.operations += 1
        return True

    def serves(self, request: ShardRequest) -> bool:
        return True
