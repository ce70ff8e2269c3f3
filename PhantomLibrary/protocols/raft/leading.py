"""Raft as a leader: replicate, commit by quorum, confirm reads, notice when nobody follows any more."""

from __future__ import annotations

from PhantomLibrary.domain import LogEntry, NodeId
from PhantomLibrary.protocols.raft.batching import Batching
from PhantomLibrary.protocols.raft.configuration import ABSENT, LOST, UNBORN
from PhantomLibrary.protocols.raft.effects import (
    Effect,
    Persisted,
    Propose,
    Read,
    ReadReady,
    Refuse,
    SendEarly,
    SetDeadline,
)
from PhantomLibrary.protocols.raft.leadership import Leadership, Progress
from PhantomLibrary.protocols.raft.leasing import Lease
from PhantomLibrary.protocols.raft.messages import (
    AppendEntries,
    AppendReply,
    HardState,
    Invitation,
    SnapshotReply,
)
from PhantomLibrary.protocols.raft.replica import ELECTION, HEARTBEAT


class Leading(Batching):
    """Handles proposals, reads, and what followers answer."""

    __slots__ = ()

    def _on_propose(self, event: Propose, now_ns: int) -> list[Effect]:
        leadership = self._leadership
        if leadership is None:
            return [Refuse((event.token,), self.leader)]
        if self._holds_proposals(leadership):
            return self._hold(leadership, event)
        if self.config.batch_interval_ns:
            leadership.batch.append(event)
            return self._wait_for_batch(leadership, now_ns)
        return self._append((event.command,), now_ns)

    @property
    def holds_proposals(self) -> bool:
        """Whether some proposals wait to be appended."""
        return self._leadership is not None and bool(self._leadership.held_proposals)

    def _holds_proposals(self, leadership: Leadership) -> bool:
        """Whether nothing may be appended at present: another is to lead, or the quorum is too far behind."""
        return leadership.successor != "" or leadership.uncommitted_bytes >= self.config.uncommitted_bytes_max

    def _hold(self, leadership: Leadership, event: Propose) -> list[Effect]:
        """Keep a proposal until it may be appended, or is refused because another leads."""
        if len(leadership.held_proposals) >= self.config.unacknowledged_max:
            return [Refuse((event.token,), "")]
        leadership.held_proposals.append(event)
        return []

    def _append_held(self, leadership: Leadership, now_ns: int) -> list[Effect]:
        held, leadership.held_proposals = leadership.held_proposals, []
        return [effect for each in held for effect in self._on_propose(each, now_ns)]

    def _on_read(self, event: Read, now_ns: int) -> list[Effect]:
        leadership = self._leadership
        if leadership is None:
            return [Refuse((event.token,), self.leader)]
        is_ready = self._has_committed_in_term()
        lease = leadership.lease
        if lease is not None and now_ns < lease.until_ns and is_ready:
            leadership.busy_ns = now_ns
            return [ReadReady((event.token,))]
        if self.config.batch_interval_ns:
            leadership.batched_reads.append(event.token)
            return self._wait_for_batch(leadership, now_ns)
        starts_round = leadership.add_reads([event.token])
        if not starts_round or not is_ready:
            return []
        return self._confirm(leadership, now_ns)

    def _has_committed_in_term(self) -> bool:
        """Whether this leader knows all that was committed before it: from its first own entry on (dissertation
        6.4).
        """
        return self.log.term_at(self.commit_index) == self.term

    def _confirm(self, leadership: Leadership, now_ns: int) -> list[Effect]:
        if not self._voting_peers:
            return self._release_reads(leadership, now_ns)
        return self._heartbeat(leadership, now_ns)

    def _release_reads(self, leadership: Leadership, now_ns: int) -> list[Effect]:
        if not self._has_committed_in_term():
            return []
        tokens = leadership.confirmed_reads()
        if not tokens:
            return []
        effects: list[Effect] = [ReadReady(tokens)]
        if leadership.start_next_round():
            effects += self._confirm(leadership, now_ns)
        return effects

    def _heartbeat(self, leadership: Leadership, now_ns: int) -> list[Effect]:
        """Send a sign of life to all, those included to whom a long snapshot is still under way."""
        leadership.busy_ns = now_ns
        effects: list[Effect] = []
        shared: AppendEntries | None = None
        for peer, progress in leadership.progress.items():
            if not progress.is_here:
                effects.append(self._invite(peer, progress))
                continue
            prev_index = max(progress.next_index - 1, self.log.snapshot_index)
            if shared is None or shared.prev_index != prev_index:  # One message for all who are equally far.
                shared = self._make_append(prev_index, ())
            effects.append(SendEarly(peer, shared))
        return effects

    def _replicate(self, leadership: Leadership) -> list[Effect]:
        effects: list[Effect] = []
        shared: AppendEntries | None = None
        for peer, progress in leadership.progress.items():
            prev_index = progress.next_index - 1
            if (
                shared is not None
                and progress.state == "replicate"
                and shared.prev_index == prev_index
                and prev_index - progress.match_index < self.config.unacknowledged_max
            ):
                progress.next_index += len(shared.entries)
                effects.append(SendEarly(peer, shared))
                continue
            effect = self._feed(peer, progress)
            if effect is not None:
                effects.append(effect)
                if type(effect.message) is AppendEntries:
                    shared = effect.message
        return effects

    def _feed(self, peer: NodeId, progress: Progress) -> SendEarly | None:
        """Send a follower what it lacks, as far as its state allows."""
        next_index = progress.next_index
        if progress.waits or progress.state == "snapshot":
            return None
        if not progress.is_here:
            progress.waits = True
            return self._invite(peer, progress)
        if next_index > self.log.last_index:
            return None
        if next_index <= self.log.snapshot_index:
            return self._send_snapshot(peer, progress)
        if next_index - 1 - progress.match_index >= self.config.unacknowledged_max and progress.state == "replicate":
            return None
        entries = self.log.entries_from(next_index, self.config.append_entries_max)
        if len(entries) > 1:
            entries = self._first_of(entries)
        if progress.state == "probe":
            progress.waits = True
        else:
            progress.next_index += len(entries)
        return SendEarly(peer, self._make_append(next_index - 1, entries))

    def _first_of(self, entries: tuple[LogEntry, ...]) -> tuple[LogEntry, ...]:
        """Return as many as one append may carry, one at least."""
        left = self.config.append_bytes_max
        for position, entry in enumerate(entries):
            left -= self.config.command_bytes(entry.command)
            if left < 0 and position:
                return entries[:position]
        return entries

    def _invite(self, peer: NodeId, progress: Progress) -> SendEarly:
        return SendEarly(peer, Invitation(self.config.shard, self.config.node, self.term, progress.number))

    def _make_append(self, prev_index: int, entries: tuple[LogEntry, ...]) -> AppendEntries:
        config = self.config
        prev_term = self.log.term_at(prev_index)
        assert prev_term is not None and self._leadership is not None
        return AppendEntries(
            config.shard,
            config.node,
            self.term,
            prev_index,
            prev_term,
            entries,
            self.commit_index,
            self._leadership.round,
        )

    def _on_append_reply(self, message: AppendReply, now_ns: int) -> list[Effect]:
        if message.term > self.term:
            effects = self._leave_leadership(message.term, "")
            return [*effects, *self._persist((HardState(self.term, self.vote),), now_ns)]
        leadership = self._leadership
        if leadership is None or message.term < self.term:
            return []
        progress = leadership.progress.get(message.source)
        if progress is None:
            return []  # No member any more.
        if (message.number != progress.number or not progress.is_here) and not self._recognise(progress, message):
            return []
        if message.round > progress.round:
            self._note_round(leadership, progress, message.round)
        effects = []
        if not message.accepted:
            self._back_off(progress, message, is_first_sign=not progress.active)
        elif progress.accept(message.index) and message.index > self.commit_index:
            effects = self._advance_commit(now_ns)
            if self._leadership is None:
                return effects  # It had been removed, and this was committed just now.
        progress.active = True
        if progress.goal_index:
            self._look_at_round(progress, now_ns)
        if progress.next_index <= self.log.last_index:
            effect = self._feed(message.source, progress)
            if effect is not None:
                effects.append(effect)
        if leadership.reads:
            effects += self._release_reads(leadership, now_ns)
        if leadership.successor == message.source:
            effects += self._hand_over(leadership)
        return effects

    def _note_round(self, leadership: Leadership, progress: Progress, number: int) -> None:
        """A follower has answered a round."""
        if number > progress.round:
            progress.round = number
            if leadership.lease is not None:
                leadership.extend_lease(leadership.lease)

    def _back_off(self, progress: Progress, message: AppendReply, *, is_first_sign: bool) -> None:
        """Learn from a refusal where to go on.

        One that contradicts what is known was as a rule overtaken: a snapshot is under way, or the follower has
        acknowledged more since. The first in each period of the quorum check is believed all the same, for the
        follower's disk may be lost. A snapshot under way that the log goes on from is not begun anew with a later one:
        what is lost of it is sent again anyway, and a slow one would never come to an end.
        """
        stream = progress.stream
        if stream is not None and stream.snapshot.index >= self.log.snapshot_index:
            return
        is_overtaken = progress.state == "snapshot" or message.index < progress.match_index
        if is_overtaken and not is_first_sign:
            return
        agreed = self.log.last_index_at_or_below(message.index, message.index_term)
        progress.refuse(agreed + 1)

    def _recognise(self, progress: Progress, message: AppendReply | SnapshotReply) -> bool:
        """Return whether an answer is of interest that is the first one, or not from the replica that is meant.

        A learner's node that has none, or another one, is invited again unless that replica has acknowledged anything.
        Any other member that lost its disk, or has been replaced by a later replica, counts no more: for good, as an
        answer from before may still be under way. Where it has begun again, it takes data on.
        """
        if message.number == progress.number:
            progress.is_here = True
            return True
        if message.number == UNBORN and not progress.match_index:
            progress.is_here = (
                False  # Yet to begin: its node is behind, or was passed over, where the shard was split off.
            )
            return False
        if message.source in self.configuration.learners and progress.number and not progress.match_index:
            progress.is_here = False
            return False
        is_gone = message.number in (LOST, ABSENT) or message.number > progress.number
        if is_gone and progress.counts:
            progress.counts = False
            self._note_news()
        return message.number == LOST

    def _advance_commit(self, now_ns: int) -> list[Effect]:
        leadership = self._leadership
        assert leadership is not None
        index = leadership.quorum_index(self._own_index())
        if index <= self.commit_index or not self._may_commit(index):
            return []
        was_ready = self._has_committed_in_term()
        effects: list[Effect] = [self._commit(index)]
        leadership.note_committed(index)
        if leadership.held_proposals and not self._holds_proposals(leadership):
            effects += self._append_held(leadership, now_ns)
        if not was_ready and leadership.reads:
            effects += self._confirm(leadership, now_ns)
        if not self._is_settled:
            effects += self._settle_configuration(now_ns)
        return effects

    def _own_index(self) -> int:
        """How far this replica's own log counts in the quorum."""
        return self._durable_index if self.formatted else 0

    def _may_commit(self, index: int) -> bool:
        """Only entries of its own term does a leader commit by counting; older ones come with them (paper, 5.4.2)."""
        return self.log.term_at(index) == self.term

    def _become_leader(self, now_ns: int) -> list[Effect]:
        self._stand("leader", self.config.node)
        self._leadership = leadership = self._make_leadership()
        leadership.began_ns = now_ns
        leadership.lease = self._make_lease()
        leadership.begin_round(now_ns)
        # An entry of its own term commits what earlier terms left behind, and tells how far that goes.
        effects = self._append_own(None, now_ns)
        effects.append(SetDeadline(HEARTBEAT, self.config.heartbeat_ns, 0))
        effects.append(SetDeadline(ELECTION, self.config.election_timeout_ns, 0))
        return effects

    def _make_leadership(self) -> Leadership:
        return Leadership(self.config.node, self.configuration, self.log.last_index)

    def _make_lease(self) -> Lease | None:
        return Lease(self.config.lease_ns) if self.config.lease_ns else None

    def _on_persisted(self, event: Persisted, now_ns: int) -> list[Effect]:
        persists = self._persists
        while persists and persists[0][0] <= event.token:
            _, _, last_index = persists.popleft()
            if last_index > self._durable_index:
                self._durable_index = last_index
        if self._leadership is not None:
            return self._advance_commit(now_ns)
        return self._on_own_vote(now_ns) if self.role == "candidate" else []

    def _on_heartbeat_deadline(self, now_ns: int) -> list[Effect]:
        leadership = self._leadership
        if leadership is None:
            return []
        if self._disk_hangs(now_ns):
            return self._step_down()  # What it accepts cannot become durable here.
        left_ns = leadership.busy_ns + self.config.heartbeat_ns - now_ns
        if left_ns > 0 and self._are_told(leadership):
            return [SetDeadline(HEARTBEAT, left_ns, 0)]
        for progress in leadership.progress.values():
            progress.waits = False  # The probe may be lost. Not with every heartbeat: those of reads come often.
        leadership.begin_round(now_ns)
        effects = self._heartbeat(leadership, now_ns)
        effects += self._send_again(leadership)
        effects.append(SetDeadline(HEARTBEAT, self.config.heartbeat_ns, 0))
        return effects

    def _are_told(self, leadership: Leadership) -> bool:
        """Whether what was sent last went to all followers, and says all that a heartbeat would.

        A lease is extended by heartbeats only, and who is probed or lacks entries may have been left out.
        """
        next_index = self.log.last_index + 1
        return leadership.lease is None and all(
            each.state == "replicate" and each.next_index == next_index for each in leadership.progress.values()
        )

    def _on_transfer_deadline(self, now_ns: int) -> list[Effect]:
        """Lead on: the one who was to follow has not taken over in time."""
        leadership = self._leadership
        if leadership is None or not leadership.successor:
            return []
        failure = self._give_up_transfer(leadership)
        return [failure, *self._append_held(leadership, now_ns)]

    def _check_quorum(self, now_ns: int) -> list[Effect]:
        assert self._leadership is not None
        if not self._leadership.has_quorum(now_ns):
            return self._step_down()
        return [SetDeadline(ELECTION, self.config.election_timeout_ns, 0)]

    # --- in streaming.py, electing.py and reconfiguring.py ----------------------------------------------------------

    def _send_snapshot(self, peer: NodeId, progress: Progress) -> SendEarly:
        raise NotImplementedError

    def _send_again(self, leadership: Leadership) -> list[Effect]:
        raise NotImplementedError

    def _settle_configuration(self, now_ns: int) -> list[Effect]:
        raise NotImplementedError

    def _look_at_round(self, progress: Progress, now_ns: int) -> None:
        raise NotImplementedError

    def _on_own_vote(self, now_ns: int) -> list[Effect]:
        raise NotImplementedError
