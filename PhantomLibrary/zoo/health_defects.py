"""Defects of the failure detector. Each class is laid over it, or over its table of members, and breaks one rule."""

from __future__ import annotations

from PhantomLibrary.domain import NodeId
from PhantomLibrary.protocols.swim.detector import Detector
from PhantomLibrary.protocols.swim.members import Member, Members
from PhantomLibrary.protocols.swim.messages import Rumour


class _SaysNothing(Members):
    def _defend(self, rumour: Rumour) -> bool:
        return False


class RefutesNothing(Detector):
    """Lets every accusation stand."""

    def _make_members(self) -> Members:
        return _SaysNothing(self.config)


class _KeepsItsIncarnation(Members):
    def _refuting_incarnation(self, accused: int) -> int:
        return accused


class KeepsItsIncarnation(Detector):
    """Refutes without beginning a new incarnation."""

    def _make_members(self) -> Members:
        return _KeepsItsIncarnation(self.config)


class AsksNoHelper(Detector):
    """Goes by its own probe alone."""

    def _helpers(self, target: NodeId) -> tuple[NodeId, ...]:
        return ()


class _SuspectsForEver(Members):
    def expire(self, now_ns: int) -> None:
        self.suspected.clear()


class SuspectsForEver(Detector):
    """Never holds anybody for down."""

    def _make_members(self) -> Members:
        return _SuspectsForEver(self.config)


class NeverDoubtsItself(Detector):
    """Takes every probe that fails for the fault of its target."""

    def _note_health(self, trouble: int) -> None:
        return


class _BelievesOldRumours(Members):
    def _overrides(self, rumour: Rumour, member: Member) -> bool:
        return rumour.opinion != member.opinion


class BelievesOldRumours(Detector):
    """Looks at no incarnation."""

    def _make_members(self) -> Members:
        return _BelievesOldRumours(self.config)


class _ForgetsTheDead(Members):
    def probed(self) -> tuple[NodeId, ...]:
        return tuple(node for node in super().probed() if self._members[node].opinion != "down")


class NeverProbesTheDead(Detector):
    """Probes those only who may answer."""

    def _make_members(self) -> Members:
        return _ForgetsTheDead(self.config)


class _BelievesHearsay(Members):
    def _hear_of_end(self, member: Member, rumour: Rumour, now_ns: int) -> None:
        self._take_over(member, rumour, now_ns)


class BelievesHearsay(Detector):
    """Holds for down whom others hold for down."""

    def _make_members(self) -> Members:
        return _BelievesHearsay(self.config)
