"""Planted defects of the failure detector that only its own tests catch; the others stand in the zoo."""

from __future__ import annotations

from PhantomLibrary.domain import NodeId
from PhantomLibrary.protocols.swim.detector import Detector
from PhantomLibrary.protocols.swim.effects import Effect, Send
from PhantomLibrary.protocols.swim.members import Member
from PhantomLibrary.protocols.swim.messages import Ping, Rumour


class TellsNobodyOfItsSuspicion(Detector):
    """Without the buddy system: the suspect hears of it when chance brings the rumour."""

    def _rumours_for(self, node: NodeId) -> tuple[Rumour, ...]:
        return self.members.gossip.take()


class TellsHelpersNothing(Detector):
    """Helpers carry what chance brings: no opinion of the target goes with the request, none comes back."""

    def _rumours_about(self, node: NodeId, *, to: NodeId) -> tuple[Rumour, ...]:
        return self._rumours_for(to)


class PingsEverybody(Detector):
    def _probe_member(self, member: Member, now_ns: int) -> list[Effect]:
        effects = super()._probe_member(member, now_ns)
        others = (node for node in self.members.probed() if node != member.node)
        return [*effects, *(Send(node, Ping(self.config.node, self.members.incarnation, 0, ())) for node in others)]
