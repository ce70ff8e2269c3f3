"""Raft as a leader that changes who the members are.

A configuration is in force as soon as it stands in the log. Voters change in two steps: a joint configuration, and
when that is committed, by whoever leads then, the one it leads to. A leader that is no voter of the last one leads
until it is committed, without counting itself, and then steps down.

Source: Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (2014), section 6; Ongaro,
"Consensus: Bridging Theory and Practice" (2014), 4.2.1 (learners), 4.2.2 (removing the leader), 4.3 (joint
consensus); the first entry of a term before any change: Ongaro, raft-dev, "bug in single-server membership changes"
(2015).
"""

from __future__ import annotations

from PhantomLibrary.domain import Configuration, NodeId
from PhantomLibrary.protocols.raft.configuration import Change, changed, left_joint, why_not
from PhantomLibrary.protocols.raft.effects import ChangeConfiguration, Effect, RefuseChange, Send
from PhantomLibrary.protocols.raft.leadership import Leadership, Progress
from PhantomLibrary.protocols.raft.messages import TimeoutNow
from PhantomLibrary.protocols.raft.streaming import Streaming

STEADY_TIMEOUTS = 6
"""For how many election timeouts a member has to be heard until it is steady."""


class Reconfiguring(Streaming):
    """Handles the wish for other members, and takes each change to its end."""

    __slots__ = ()

    def _become_leader(self, now_ns: int) -> list[Effect]:
        effects = super()._become_leader(now_ns)
        self._begin_rounds(now_ns)
        self._is_settled = False  # A change may have been left half done.
        return effects + self._settle_configuration(now_ns)

    def _on_change(self, event: ChangeConfiguration, now_ns: int) -> list[Effect]:
        reason = self.why_no_change(event.change, event.since)
        if reason:
            return [RefuseChange(event.token, reason)]
        return self._append_configuration(self._changed(event.change), now_ns)

    def why_no_change(self, change: Change, since: int) -> str:
        """Return why the members cannot be changed so now, "" when they can."""
        shard, leadership, latest = self.config.shard, self._leadership, self.configurations.index
        if leadership is None:
            known = f" (last known leader: {self.leader})" if self.leader else ""
            return f"{self.config.node} is not the leader of shard {shard}{known}"
        if since != latest:
            return f"the members of shard {shard} have changed since entry {since}, at entry {latest}"
        if leadership.successor:
            return f"shard {shard}: leadership is being handed to {leadership.successor}"
        if not self._may_change():
            return f"shard {shard}: a change of its members is under way"
        if not self._has_committed_in_term():
            return f"shard {shard}: {self.config.node} has not committed anything in term {self.term} yet"
        reason = why_not(self.configuration, change) or self._why_no_promotion(leadership, change.promoted)
        reason = reason or self._why_no_quorum(leadership, change)
        return reason and f"shard {shard}: {reason}"

    def _may_change(self) -> bool:
        """Whether the change before has come to its end."""
        return self.configurations.index <= self.commit_index and not self.configuration.is_joint

    def _why_no_promotion(self, leadership: Leadership, promoted: tuple[NodeId, ...]) -> str:
        for node in promoted:
            if not self._is_caught_up(leadership.progress[node]):
                behind = self.log.last_index - leadership.progress[node].match_index
                return f"{node} has not caught up: it is {behind} entries behind"
        return ""

    def _why_no_quorum(self, leadership: Leadership, change: Change) -> str:
        """A change whose outcome could decide nothing would never end, and nothing could be taken back either."""
        after = self._changed(change).voters
        heard = [node for node in after if node == self.config.node or leadership.is_heard(node)]
        if 2 * len(heard) > len(after):
            return ""
        return f"{', '.join(after)} would have no quorum: of these only {', '.join(heard) or 'nobody'} answers now"

    def _changed(self, change: Change) -> Configuration:
        return changed(self.configuration, change, self.log.last_index + 1)

    def _append_configuration(self, configuration: Configuration, now_ns: int) -> list[Effect]:
        effects = self._append_own(configuration, now_ns)
        self._begin_rounds(now_ns)
        return effects + self._settle_configuration(now_ns)

    def _settle_configuration(self, now_ns: int) -> list[Effect]:
        """Take the latest configuration to its end, as far as it is committed."""
        if self._leadership is None or not self._is_decided():
            return []
        if self.configuration.is_joint:
            return self._append_configuration(left_joint(self.configuration), now_ns)
        self._is_settled = True
        self._note_news()
        return [] if self._is_voter else [*self._name_successor(), *self._step_down()]

    def _name_successor(self) -> list[Effect]:
        """Ask a voter that holds all to stand at once, so that the shard need not wait until it misses this leader."""
        leadership = self._leadership
        assert leadership is not None
        for node in self.configuration.voters:
            if leadership.progress[node].match_index == self.log.last_index:
                return [Send(node, TimeoutNow(self.config.shard, self.config.node, self.term))]
        return []

    def _is_decided(self) -> bool:
        """Whether the latest configuration is committed, as far as this leader can know."""
        return self.configurations.index <= self.commit_index and self._has_committed_in_term()

    # --- learners ---------------------------------------------------------------------------------------------------

    def _begin_rounds(self, now_ns: int) -> None:
        """Let the learners that have not begun to catch up do so."""
        leadership = self._leadership
        assert leadership is not None
        for node in self.configuration.learners:
            progress = leadership.progress[node]
            if not progress.goal_index and not progress.is_caught_up:
                self._begin_round(progress, now_ns)

    def _begin_round(self, progress: Progress, now_ns: int) -> None:
        progress.goal_index, progress.goal_set_ns = self.log.last_index, now_ns

    def _look_at_round(self, progress: Progress, now_ns: int) -> None:
        """A learner has answered: if that ends its round, see how long it took."""
        if progress.match_index < progress.goal_index:
            return
        if now_ns - progress.goal_set_ns < self.config.election_timeout_ns:
            progress.goal_index, progress.is_caught_up = 0, True
            self._note_news()
        else:
            self._begin_round(progress, now_ns)

    def _is_caught_up(self, progress: Progress) -> bool:
        behind = self.log.last_index - progress.match_index
        return progress.is_caught_up and progress.counts and behind <= self.config.append_entries_max

    def is_steady(self, node: NodeId, now_ns: int) -> bool:
        """Return whether a member has followed this leader closely for a while: no more behind than one message brings,
        and never silent for as long as it takes to doubt a leader.
        """
        leadership = self._leadership
        progress = leadership.progress.get(node) if leadership is not None else None
        if leadership is None or progress is None or not progress.counts or progress.state != "replicate":
            return False
        since_ns = max(leadership.began_ns, progress.silent_ns)
        is_trusted = now_ns - since_ns >= STEADY_TIMEOUTS * self.config.election_timeout_ns
        return is_trusted and self.log.last_index - progress.match_index <= self.config.append_entries_max

    def learners_caught_up(self) -> tuple[NodeId, ...]:
        """Return the learners that this leader could promote now."""
        leadership = self._leadership
        if leadership is None:
            return ()
        return tuple(node for node in self.configuration.learners if self._is_caught_up(leadership.progress[node]))

    def voters_lost(self) -> tuple[NodeId, ...]:
        """Return the members whose replicas are gone with their disks, as far as this leader has heard."""
        leadership = self._leadership
        return tuple(node for node, each in leadership.progress.items() if not each.counts) if leadership else ()
