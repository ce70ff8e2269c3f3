"""Raft when nothing happens: a shard falls quiet, without timers and messages of its own.

A leader whose followers hold and have acknowledged everything stops its heartbeats when nothing has come for one of
them. From then on its node speaks for it, in one message to each other node for all its quiet shards (see
database/heartbeats.py). A follower that holds just what the leader says falls quiet as well; one that does not says so,
and the leader goes on as before.

Whatever comes to a quiet replica wakes it: a proposal, a read, a message of Raft. So does silence of the other side's
node: a follower will soon stand for election, and a leader asks for its quorum again. Quiet, a leader holds no lease
and confirms no read; it does either only when it is awake.

Source: the idea is that of CockroachDB's quiescent ranges and TiKV's hibernated regions; the check of what a follower
holds is that of AppendEntries, without entries.
"""

from __future__ import annotations

from PhantomLibrary.protocols.raft.effects import (
    Awaken,
    Effect,
    Event,
    GoneQuiet,
    LeaderSuspected,
    Quiesce,
    SetDeadline,
    Woken,
)
from PhantomLibrary.protocols.raft.leadership import Leadership
from PhantomLibrary.protocols.raft.messages import Recovered, RequestVote
from PhantomLibrary.protocols.raft.repairing import Repairing
from PhantomLibrary.protocols.raft.replica import ELECTION, HEARTBEAT, GroupConfig


class Quiescing(Repairing):
    """Falls quiet and wakes up."""

    __slots__ = ("is_quiet",)

    def __init__(self, config: GroupConfig, recovered: Recovered, now_ns: int) -> None:
        super().__init__(config, recovered, now_ns)
        self.is_quiet = False

    # --- leader -----------------------------------------------------------------------------------------------------

    def _on_heartbeat_deadline(self, now_ns: int) -> list[Effect]:
        leadership = self._leadership
        if leadership is not None and self.config.quiesces and self._is_idle(leadership, now_ns):
            self.is_quiet = True
            return [GoneQuiet()]
        return super()._on_heartbeat_deadline(now_ns)

    def _is_idle(self, leadership: Leadership, now_ns: int) -> bool:
        """Whether nothing has come for as long as from one heartbeat to the next, and nothing is left to be done."""
        if now_ns - leadership.busy_ns < self.config.heartbeat_ns:
            return False
        last_index = self.log.last_index
        if self.commit_index != last_index or self._persists or not self._is_settled or leadership.successor:
            return False
        if leadership.reads or leadership.held_proposals or leadership.batch or leadership.batched_reads:
            return False
        return all(each.is_level(last_index) and not each.goal_index for each in leadership.progress.values())

    # --- follower ---------------------------------------------------------------------------------------------------

    def _on_quiesce(self, event: Quiesce, now_ns: int) -> list[Effect]:
        """Fall quiet, if this follows that leader and holds what it holds: all that is committed."""
        follows = event.term == self.term and event.leader == self.leader and self.role == "follower"
        if not follows or self.log.last_index != event.index or self._persists or self.damaged:
            return []
        self.is_quiet = True
        self._heard_ns = now_ns
        return [self._commit(event.index)] if event.index > self.commit_index else []

    # --- both -------------------------------------------------------------------------------------------------------

    def _wake(self, event: Event, now_ns: int) -> list[Effect]:
        """Set the timers again. What the leader's node has said until now counts for the leader."""
        self.is_quiet = False
        config = self.config
        if self._leadership is not None:
            is_doubted = type(event) in (Awaken, RequestVote)
            for progress in self._leadership.progress.values():
                progress.active = progress.active and not is_doubted  # To be shown anew, where somebody is silent.
            heartbeat_ns = 0 if is_doubted else config.heartbeat_ns
            return [
                Woken(),
                SetDeadline(HEARTBEAT, heartbeat_ns, 0),
                SetDeadline(ELECTION, config.election_timeout_ns, 0),
            ]
        if type(event) is LeaderSuspected:
            return [Woken(), SetDeadline(ELECTION, 0, config.election_timeout_ns)]
        if type(event) is not RequestVote or event.source != self.leader:
            self._heard_ns = now_ns
        return [Woken(), self._set_election_deadline()]

    def _on_awaken(self, event: Awaken | LeaderSuspected, now_ns: int) -> list[Effect]:
        """It is awake, whether or not it was quiet before."""
        return []
