"""Raft as a leader under load: what comes within a short time is appended, sent and synced together.

At most one batch begins in each interval. What comes when the last one began longer ago than that does not wait at
all, so a lone operation is as fast as without batches; under load, many share an append to each follower, a sync on
each disk and, if they read, a round of confirmation. That is group commit (Gawlick and Kinkade, "Varieties of
Concurrency Control in IMS/VS Fast Path", 1985; DeWitt et al., SIGMOD 1984, 5.2), paced as Nagle's algorithm paces
segments (RFC 896).

What waits for its batch is in no log: when leadership is lost it is refused, and has provably not happened. Nothing
overtakes a batch: whatever else is to be appended has it appended first.
"""

from __future__ import annotations

from typing import Any

from PhantomLibrary.domain import Configuration, LogEntry
from PhantomLibrary.protocols.raft.effects import Effect, SetDeadline
from PhantomLibrary.protocols.raft.leadership import Leadership
from PhantomLibrary.protocols.raft.messages import Entries
from PhantomLibrary.protocols.raft.replica import BATCH
from PhantomLibrary.protocols.raft.transferring import Transferring


class Batching(Transferring):
    """Lets proposals and reads wait for others."""

    __slots__ = ()

    @property
    def proposed_index(self) -> int:
        """Where the log will end when all that waits for its batch is appended."""
        leadership = self._leadership
        return self.log.last_index + (0 if leadership is None else len(leadership.batch))

    def _wait_for_batch(self, leadership: Leadership, now_ns: int) -> list[Effect]:
        """Begin the batch if it is time, or if no more has room in it; else see to it that it begins in time."""
        due_ns = leadership.batched_ns + self.config.batch_interval_ns
        if now_ns >= due_ns or len(leadership.batch) >= self.config.append_entries_max:
            return self._begin_batch(leadership, now_ns)
        if len(leadership.batch) + len(leadership.batched_reads) == 1:
            return [SetDeadline(BATCH, due_ns - now_ns, 0)]
        return []

    def _on_batch_deadline(self, now_ns: int) -> list[Effect]:
        leadership = self._leadership
        return [] if leadership is None else self._begin_batch(leadership, now_ns)

    def _begin_batch(self, leadership: Leadership, now_ns: int) -> list[Effect]:
        """Append what has waited, and confirm the reads with the messages that carry it."""
        proposals, leadership.batch = leadership.batch, []
        reads, leadership.batched_reads = leadership.batched_reads, []
        if not proposals and not reads:
            return []
        leadership.batched_ns = now_ns
        starts_round = leadership.add_reads(reads)
        effects: list[Effect] = []
        if proposals:
            effects = self._append(tuple(each.command for each in proposals), now_ns)
            if self._voting_peers and self._have_all(leadership):
                return effects  # The round goes with the entries.
        if starts_round and self._has_committed_in_term():
            effects += self._confirm(leadership, now_ns)
        return effects

    def _have_all(self, leadership: Leadership) -> bool:
        """Whether what was appended last has been sent to everybody."""
        next_index = self.log.last_index + 1
        return all(each.state == "replicate" and each.next_index == next_index for each in leadership.progress.values())

    def _append_own(self, command: Any, now_ns: int) -> list[Effect]:
        """Append something of the leader's own, after all that was proposed before."""
        leadership = self._leadership
        assert leadership is not None
        effects = self._begin_batch(leadership, now_ns) if leadership.batch else []
        return [*effects, *self._append((command,), now_ns)]

    def _append(self, commands: tuple[Any, ...], now_ns: int) -> list[Effect]:
        leadership = self._leadership
        assert leadership is not None
        first_index, term, log, bytes_of = self.log.last_index + 1, self.term, self.log, self.config.command_bytes
        entries = tuple([LogEntry(index, term, command) for index, command in enumerate(commands, first_index)])
        log.append(entries)
        if type(commands[0]) is Configuration:
            self.configurations.append(entries)
            self._adopt_configuration()
        self._view_is_old = True
        for entry in entries:
            leadership.note_appended(entry.index, bytes_of(entry.command))
        leadership.busy_ns = now_ns
        effects = self._replicate(leadership)
        effects += self._persist((Entries(entries),), now_ns)
        return effects

    # --- in leading.py ----------------------------------------------------------------------------------------------

    def _replicate(self, leadership: Leadership) -> list[Effect]:
        raise NotImplementedError

    def _has_committed_in_term(self) -> bool:
        raise NotImplementedError

    def _confirm(self, leadership: Leadership, now_ns: int) -> list[Effect]:
        raise NotImplementedError
