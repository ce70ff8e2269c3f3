"""Defects of members that change. Each class is laid over the Raft group and breaks one rule of configurations."""

from __future__ import annotations

from PhantomLibrary.domain import Configuration
from PhantomLibrary.protocols.raft.configuration import Change, left_joint
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.leadership import Leadership


class LeavesJointEarly(Group):
    """Appends the last configuration right behind a joint one that is not committed."""

    def _is_decided(self) -> bool:
        return self.configuration.is_joint or super()._is_decided()


class SwitchesAtOnce(Group):
    """Changes voters without a joint configuration."""

    def _changed(self, change: Change) -> Configuration:
        return left_joint(super()._changed(change))


class _CountsAll(Leadership):
    def quorum_index(self, own_index: int) -> int:
        indexes = [own_index, *(each.match_index for each in self.progress.values())]
        return sorted(indexes, reverse=True)[len(self._configuration.voters) // 2]


class CountsLearners(Group):
    """Commits what as many replicas hold as voters would be needed, whether they vote or not."""

    def _make_leadership(self) -> Leadership:
        return _CountsAll(self.config.node, self.configuration, self.log.last_index)
