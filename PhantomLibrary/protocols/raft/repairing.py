"""Raft with a damaged log: take data and acknowledge it, but neither vote nor lead until nothing can be missing.

A replica whose log or snapshot was damaged on its disk knows its term and vote, and does not know which entries it had
acknowledged and has lost. An entry may be committed because of such an acknowledgement, so a vote for a log without
that entry could lose it. Its acknowledgements from now on are as good as any: what they speak of is durable.

It is whole again when it holds, committed and durably, all that the leader of its term held at some moment after the
damage was found (*the bound*). For whatever it had acknowledged was acknowledged to that leader, which has it still, or
in an earlier term; and if it was committed then, the leader was elected by a majority without this replica's damaged
log, and has it as well.

The bound is asked for and told, with the time of the start as a token, because an append that is under way may be older
than the damage.

Source: after Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage" (FAST 2018), 3.3 and 3.4, which
repairs single entries instead.
"""

from __future__ import annotations

from PhantomLibrary.protocols.raft.effects import Effect, Send, SendEarly, SetDeadline
from PhantomLibrary.protocols.raft.electing import Electing
from PhantomLibrary.protocols.raft.messages import RepairBound, Repaired, RepairRequest
from PhantomLibrary.protocols.raft.replica import REPAIR


class Repairing(Electing):
    """Handles the way back of a damaged replica, on both sides."""

    __slots__ = ()

    def _begin_repair(self) -> list[Effect]:
        """Ask who leads for the bound, again and again until it is reached."""
        return [*self._ask_for_bound(), self._set_repair_deadline()]

    def _set_repair_deadline(self) -> SetDeadline:
        return SetDeadline(REPAIR, 2 * self.config.heartbeat_ns, 0)

    def _ask_for_bound(self) -> list[Effect]:
        config = self.config
        request = RepairRequest(config.shard, config.node, self.term, self.log.last_index, self._born_ns)
        known = dict.fromkeys((*self._voting_peers, *filter(None, [self.leader])))  # It may have lost who they are.
        return [Send(peer, request) for peer in known]

    def _on_repair_deadline(self, now_ns: int) -> list[Effect]:
        if not self.damaged:
            return []
        if self._bound is None or self._bound[0] != self.term:
            return self._begin_repair()
        if not self._has_reached(self._bound[1]):
            return [self._set_repair_deadline()]
        self.damaged = False
        return self._persist((Repaired(),), now_ns)

    def _has_reached(self, index: int) -> bool:
        return min(self.commit_index, self._durable_index) >= index

    def _on_repair_bound(self, message: RepairBound, now_ns: int) -> list[Effect]:
        if self.damaged and message.term == self.term and message.token == self._born_ns:
            self._bound = (message.term, message.index)
        return []

    def _on_repair_request(self, message: RepairRequest, now_ns: int) -> list[Effect]:
        leadership = self._leadership
        if leadership is None or message.source not in leadership.progress:
            return []
        config, progress = self.config, leadership.progress[message.source]
        bound = RepairBound(config.shard, config.node, self.term, self.log.last_index, message.token)
        effects: list[Effect] = [Send(message.source, bound)]
        sent = None
        if progress.match_index > message.last_index:
            progress.refuse(message.last_index + 1)  # What it had acknowledged beyond is lost.
            sent = self._feed(message.source, progress)
        if sent is None:  # It may lack nothing but the knowledge of what is committed, and the shard may be quiet.
            sent = SendEarly(
                message.source, self._make_append(max(progress.next_index - 1, self.log.snapshot_index), ())
            )
        return [*effects, sent]
