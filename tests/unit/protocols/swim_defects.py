"""Planted defects: the failure detector with one mistake each. They prove that the tests have teeth."""

from __future__ import annotations

from PhantomLibrary.domain import NodeId
from PhantomLibrary.protocols.swim.detector import Detector
from PhantomLibrary.protocols.swim.effects import Effect, Send
from PhantomLibrary.protocols.swim.members import Member, Members
from PhantomLibrary.protocols.swim.messages import Ping, Rumour


class _RefutesNothing(Members):
    def _defend(self, rumour: Rumour) -> bool:
        return False


class RefutesNothing(Detector):
    def _make_members(self) -> Members:
        return _RefutesNothing(self.config)


class _KeepsItsIncarnation(Members):
    def _refuting_incarnation(self, accused: int) -> int:
        return accused


class KeepsItsIncarnation(Detector):
    def _make_members(self) -> Members:
        return _KeepsItsIncarnation(self.config)


class _BelievesOldRumours(Members):
    def _overrides(self, rumour: Rumour, member: Member) -> bool:
        return rumour.opinion != member.opinion


class BelievesOldRumours(Detector):
    def _make_members(self) -> Members:
        return _BelievesOldRumours(self.config)


class _BelievesHearsay(Members):
    def _hear_of_end(self, member: Member, rumour: Rumour, now_ns: int) -> None:
        self._take_over(member, rumour, now_ns)


class BelievesHearsay(Detector):
    def _make_members(self) -> Members:
        return _BelievesHearsay(self.config)


class _SuspectsForEver(Members):
    def expire(self, now_ns: int) -> None:
        self.suspected.clear()


class SuspectsForEver(Detector):
    def _make_members(self) -> Members:
        return _SuspectsForEver(self.config)


class _NeverProbesTheDead(Members):
    def probed(self) -> tuple[NodeId, ...]:
        return tuple(node for node in super().probed() if self._members[node].opinion != "down")


class NeverProbesTheDead(Detector):
    def _make_members(self) -> Members:
        return _NeverProbesTheDead(self.config)


class AsksNoHelper(Detector):
    def _helpers(self, target: NodeId) -> tuple[NodeId, ...]:
        return ()


class NeverDoubtsItself(Detector):
    def _note_health(self, trouble: int) -> None:
        return


class TellsNobodyOfItsSuspicion(Detector):
    """Without the buddy system: the suspect hears of it when chance brings the rumour."""

    def _rumours_for(self, node: NodeId) -> tuple[Rumour, ...]:
        return self.members.gossip.take()


class PingsEverybody(Detector):
    def _probe_member(self, member: Member, now_ns: int) -> list[Effect]:
        effects = super()._probe_member(member, now_ns)
        others = (node for node in self.members.probed() if node != member.node)
        return [*effects, *(Send(node, Ping(self.config.node, self.members.incarnation, 0, ())) for node in others)]
