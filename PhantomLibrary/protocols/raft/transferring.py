"""Raft as a leader that hands over: bring one follower up to date, then have it stand for election at once.

Proposals wait meanwhile, for at most one election timeout: then the leader goes on, and appends them itself.

Source: Ongaro, "Consensus: Bridging Theory and Practice" (2014), 3.10.
"""

from __future__ import annotations

from PhantomLibrary.domain import NodeId
from PhantomLibrary.protocols.raft.effects import (
    Effect,
    Send,
    SetDeadline,
    TransferFailed,
    TransferLeadership,
)
from PhantomLibrary.protocols.raft.installing import Installing
from PhantomLibrary.protocols.raft.leadership import Leadership
from PhantomLibrary.protocols.raft.messages import TimeoutNow
from PhantomLibrary.protocols.raft.replica import TRANSFER


class Transferring(Installing):
    """Handles the wish for another leader."""

    __slots__ = ()

    def why_no_transfer(self, target: NodeId) -> str:
        """Return why leadership cannot be handed to `target` now, "" when it can."""
        shard, leadership = self.config.shard, self._leadership
        if leadership is None:
            known = f" (last known leader: {self.leader})" if self.leader else ""
            return f"{self.config.node} is not the leader of shard {shard}{known}"
        if target == self.config.node:
            return f"{target} leads shard {shard} already"
        voters = self.configuration.voters
        if target not in voters:
            return f"{target} is no voter of shard {shard}: there are {', '.join(voters)}"
        if not leadership.progress[target].counts:
            return f"{target} has lost its disk, and does not count as a voter of shard {shard}"
        if leadership.successor not in ("", target):
            return f"leadership of shard {shard} is being handed to {leadership.successor}"
        return ""

    def _on_transfer(self, event: TransferLeadership, now_ns: int) -> list[Effect]:
        target, leadership = event.target, self._leadership
        reason = self.why_no_transfer(target)
        if reason:
            return [TransferFailed(target, reason)]
        assert leadership is not None
        if leadership.successor:
            return []  # On its way already.
        effects = self._begin_batch(leadership, now_ns)
        leadership.successor = target
        return [*effects, SetDeadline(TRANSFER, self.config.election_timeout_ns, 0), *self._hand_over(leadership)]

    def _begin_batch(self, leadership: Leadership, now_ns: int) -> list[Effect]:
        raise NotImplementedError  # In batching.py.

    def _hand_over(self, leadership: Leadership) -> list[Effect]:
        """Ask the successor to stand as soon as it holds all; again with each answer, for the request may be lost."""
        successor = leadership.successor
        if leadership.progress[successor].match_index < self.log.last_index:
            return []
        self._end_lease(leadership)
        return [Send(successor, TimeoutNow(self.config.shard, self.config.node, self.term))]

    def _end_lease(self, leadership: Leadership) -> None:
        """Answer no read any more without asking: voters will not wait for a lease to end when the leader itself asks.

        Not in this term: the request to stand may arrive long after this leader has given up waiting for it.
        """
        if leadership.lease is not None:
            leadership.lease.give_up()

    def _give_up_transfer(self, leadership: Leadership) -> TransferFailed:
        target, leadership.successor = leadership.successor, ""
        after_ms = self.config.election_timeout_ns // 1_000_000
        return TransferFailed(target, f"{target} did not take over shard {self.config.shard} within {after_ms} ms")
