"""Raft between leaders: pre-vote, votes, and when to ask for them."""

from __future__ import annotations

from PhantomLibrary.protocols.raft.configuration import has_lost, has_won
from PhantomLibrary.protocols.raft.effects import (
    Effect,
    Send,
)
from PhantomLibrary.protocols.raft.messages import (
    HardState,
    Record,
    RequestVote,
    TimeoutNow,
    Vote,
)
from PhantomLibrary.protocols.raft.reconfiguring import Reconfiguring


class Electing(Reconfiguring):
    """Handles time-outs and votes."""

    __slots__ = ()

    def _campaign(self, now_ns: int) -> list[Effect]:
        may_stand = self.may_vote and self._may_stand()
        if not may_stand or self._disk_hangs(now_ns):  # No question would leave before the disk answers.
            self._stand(self.role, "")
            return [self._set_election_deadline()]
        return self._start_pre_vote(now_ns)

    def _may_stand(self) -> bool:
        """Whether it has a vote; or had one until an entry that may never be committed without this replica.

        One that is no voter of the last configuration in its log does not count its own vote (dissertation 4.2.2).
        """
        if self._is_voter:
            return True
        history, node = self.configurations, self.config.node
        if history.index <= self.commit_index:
            return False
        _, before = history.at(history.index - 1)
        return node in before.electorate and before.number_of(node) == self.number

    def _start_pre_vote(self, now_ns: int) -> list[Effect]:
        self._stand("candidate", "")
        self._pre_voting = True
        self._granted = {self.config.node: True}
        if self._has_won():
            return self._start_election(now_ns)
        return [*self._ask_for_votes(self.term + 1, pre=True), self._set_election_deadline()]

    def _on_timeout_now(self, message: TimeoutNow, now_ns: int) -> list[Effect]:
        """Stand at once, and without a pre-vote: the leader itself asks for it."""
        may_stand = self.may_vote and self._is_voter and not self._disk_hangs(now_ns)
        if message.term != self.term or self.role != "follower" or not may_stand:
            return []
        return self._start_election(now_ns, transfer=True)

    def _start_election(self, now_ns: int, *, transfer: bool = False) -> list[Effect]:
        self.term += 1
        self._stand("candidate", "")
        self._pre_voting = False
        self.vote = self.config.node
        self._granted = {self.config.node: True}
        effects = self._persist((HardState(self.term, self.vote),), now_ns)
        questions = self._ask_for_votes(self.term, pre=False, transfer=transfer)
        return [*effects, *questions, self._set_election_deadline()]

    def _ask_for_votes(self, term: int, *, pre: bool, transfer: bool = False) -> list[Effect]:
        config, log = self.config, self.log
        request = RequestVote(config.shard, config.node, term, log.last_index, log.last_term, pre, transfer)
        return [Send(peer, request) for peer in self._voting_peers]

    def _has_won(self) -> bool:
        return has_won(self.configuration, self._granted)

    def _has_lost(self) -> bool:
        return has_lost(self.configuration, self._granted)

    def _on_own_vote(self, now_ns: int) -> list[Effect]:
        """Its own vote is durable, and may be all that is needed."""
        if self._pre_voting or self._persists or not self._has_won():
            return []
        return self._become_leader(now_ns)

    def _on_request_vote(self, message: RequestVote, now_ns: int) -> list[Effect]:
        if message.term < self.term or (self._hears_leader(now_ns) and not message.transfer):
            return [self._answer_vote(message, granted=False)]
        if message.pre:
            granted = message.term > self.term and self._may_vote_for(message)
            return [self._answer_vote(message, granted=granted)]
        records: tuple[Record, ...] = ()
        effects: list[Effect] = []
        if message.term > self.term:
            effects = self._leave_leadership(message.term, "")
            records = (HardState(self.term, self.vote),)
        granted = self.vote in ("", message.source) and self._may_vote_for(message)
        if granted:
            self.vote = message.source
            self._granted_ns = now_ns  # Having given its vote it does not stand itself for a while.
            records = (HardState(self.term, self.vote),)
        return [*effects, *self._persist(records, now_ns), self._answer_vote(message, granted=granted)]

    def _may_count(self, message: Vote) -> bool:
        """Whether it is the answer of the replica that the configuration means, not of another one on its node."""
        return message.number == self.configuration.number_of(message.source)

    def _hears_leader(self, now_ns: int) -> bool:
        """Whether a leader is alive as far as this replica knows, so that nobody needs another.

        With leases that is a promise, which is kept even if it does not know any more to whom it was given.
        """
        if self._leadership is not None:
            return True
        if now_ns - self._heard_ns >= self.config.election_timeout_ns:
            return False
        return self.leader != "" or self.config.lease_ns > 0

    def _may_vote_for(self, message: RequestVote) -> bool:
        log = self.log
        up_to_date = (message.last_term, message.last_index) >= (log.last_term, log.last_index)
        return self.may_vote and up_to_date

    def _answer_vote(self, message: RequestVote, *, granted: bool) -> Effect:
        term = message.term if granted else self.term
        return Send(message.source, Vote(self.config.shard, self.config.node, term, granted, message.pre, self.number))

    def _on_vote(self, message: Vote, now_ns: int) -> list[Effect]:
        if not message.granted and message.term > self.term:
            effects = self._leave_leadership(message.term, "")
            return [*effects, *self._persist((HardState(self.term, self.vote),), now_ns)]
        asked_term = self.term + 1 if self._pre_voting else self.term
        if self.role != "candidate" or message.pre != self._pre_voting:
            return []
        if message.granted and message.term != asked_term:
            return []  # An answer to an earlier question.
        if not self._may_count(message):
            return []
        self._granted[message.source] = message.granted
        if self._has_won():
            return self._start_election(now_ns) if self._pre_voting else self._become_leader(now_ns)
        if self._has_lost():
            self._stand("follower", self.leader)  # Until the deadline that is already set.
        return []
