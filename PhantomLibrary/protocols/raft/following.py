"""Raft as a follower: take entries from the leader, and never lose what was acknowledged."""

from __future__ import annotations

from PhantomLibrary.domain import LogEntry, NodeId
from PhantomLibrary.protocols.raft.effects import Effect, Send
from PhantomLibrary.protocols.raft.messages import (
    AppendEntries,
    AppendReply,
    Entries,
    HardState,
    Invitation,
    Record,
    SnapshotChunk,
)
from PhantomLibrary.protocols.raft.replica import Replica


class Following(Replica):
    """Handles what a leader sends."""

    __slots__ = ()

    def _on_append(self, message: AppendEntries, now_ns: int) -> list[Effect]:
        if message.term < self.term:
            return [self._refuse_append(message, 0, 0)]
        records: tuple[Record, ...] = ()
        effects: list[Effect] | None = None
        if message.source == self.leader and message.term == self.term:  # As nearly always; then it follows already.
            self._heard_ns = now_ns
        else:
            effects = self._hear(message.source, message.term, now_ns)
            if effects is not None:
                records = (HardState(self.term, self.vote),)
        log = self.log
        prev_index, entries = message.prev_index, message.entries
        if prev_index < log.snapshot_index:
            # A snapshot covers the beginning, and what it covers is committed, so it agrees.
            entries = entries[log.snapshot_index - prev_index :]
        elif log.term_at(prev_index) != message.prev_term:
            hint = log.last_index_at_or_below(prev_index - 1, message.prev_term)
            refusal = self._refuse_append(message, hint, log.term_at(hint) or 0)
            return [*(effects or ()), *self._persist(records, now_ns), refusal]
        if entries:
            new_entries = self._new_entries(entries)
            if new_entries:
                self._store(new_entries)
                records = (*records, Entries(new_entries))
        match_index = message.prev_index + len(message.entries)
        result = effects or []
        if records:
            result += self._persist(records, now_ns)
        if message.commit_index > self.commit_index < match_index:
            result.append(self._commit(min(message.commit_index, match_index)))
        result.append(self._accept_append(message, match_index))
        return result

    def _hear(self, leader: NodeId, term: int, now_ns: int) -> list[Effect] | None:
        """Take a sign of life of a leader. Returns None, or, when the term is new, effects that go before all
        others.
        """
        self._heard_ns = now_ns
        if self.leader == leader and self.term == term and self.role == "follower":
            return None
        is_new_term = term > self.term
        effects = self._leave_leadership(term, leader)
        assert is_new_term or not effects, "two leaders in one term"
        return effects if is_new_term else None

    def _new_entries(self, entries: tuple[LogEntry, ...]) -> tuple[LogEntry, ...]:
        """Return the entries from the first one on that the log does not hold. Those it holds are never truncated:

        an append that was delayed is shorter than what came after it (Raft paper, Figure 2, step 3).
        """
        if entries[0].index > self.log.last_index:
            return entries
        term_at = self.log.term_at
        for position, entry in enumerate(entries):
            if term_at(entry.index) != entry.term:
                return entries[position:] if position else entries
        return ()

    def _accept_append(self, message: AppendEntries | SnapshotChunk, index: int) -> Effect:
        config = self.config
        reply = AppendReply(config.shard, config.node, self.term, True, index, 0, message.round, self.number)
        return Send(message.source, reply)

    def _refuse_append(self, message: AppendEntries | SnapshotChunk, index: int, index_term: int) -> Effect:
        config = self.config
        reply = AppendReply(config.shard, config.node, self.term, False, index, index_term, message.round, self.number)
        return Send(message.source, reply)

    def _on_invitation(self, message: Invitation, now_ns: int) -> list[Effect]:
        """Its host has begun this replica, or had it already: say that it is here, and how far its log goes."""
        if message.number != self.number:
            return []
        effects = self._hear(message.source, message.term, now_ns) if message.term >= self.term else None
        records = (HardState(self.term, self.vote),) if effects is not None else ()
        config, log = self.config, self.log
        reply = AppendReply(config.shard, config.node, self.term, False, log.last_index, log.last_term, 0, self.number)
        return [*(effects or ()), *self._persist(records, now_ns), Send(message.source, reply)]
