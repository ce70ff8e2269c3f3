"""How the leader that ran a fragment takes its rows to the workers that go on with them: chunk by chunk, to each worker
one at a time, so that none is sent more than it has taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from PhantomLibrary.database.sql.chunks import chunked
from PhantomLibrary.database.sql.messages import CursorId, Deliver, FragmentFailed, Row, Source, Taken, Undelivered
from PhantomLibrary.domain import OutcomeUnknown, Refused, ShardId
from PhantomLibrary.sql.shuffling import worker_of


class DeliveringDesk(Protocol):
    """The leader."""

    def ask(self, shard: ShardId, command: Any, finish: Callable[[Any], object]) -> None:
        """Put a command to another shard, through this node's gateway."""


class Delivery:
    """The rows of one run of a fragment, on their way."""

    def __init__(
        self,
        desk: DeliveringDesk,
        number: int,
        source: Source,
        workers: Sequence[tuple[ShardId, CursorId]],
        shares: Sequence[Sequence[Row]],
        chunk_bytes: int,
    ) -> None:
        self._desk = desk
        self._number = number
        self._source = source
        self._workers = workers
        self._chunks = [chunked(share, chunk_bytes) if share else [] for share in shares]
        self._done: Callable[[Undelivered | FragmentFailed | None], object] | None = None
        self._missing = sum(map(bool, self._chunks))
        self._is_over = False
        self.bytes = sum(size for chunks in self._chunks for _, size in chunks)

    @property
    def counts(self) -> tuple[int, ...]:
        """How many chunks each worker gets."""
        return tuple(map(len, self._chunks))

    def start(self, done: Callable[[Undelivered | FragmentFailed | None], object]) -> None:
        """Begin; `done` is called once, with what went wrong, None if nothing."""
        self._done = done
        if not self._missing:
            self._end(None)
        for worker, chunks in enumerate(self._chunks):
            if chunks:
                self._send(worker, 0)

    def cancel(self) -> None:
        """Nobody wants it any more."""
        self._is_over = True

    def _send(self, worker: int, chunk: int) -> None:
        shard, inbox = self._workers[worker]
        rows, size = self._chunks[worker][chunk]
        work = Deliver(inbox, self._number, self._source, chunk, rows, size)
        self._desk.ask(shard, work, partial(self._answered, worker, chunk))

    def _answered(self, worker: int, chunk: int, answer: Any) -> None:
        if self._is_over:
            return
        if isinstance(answer, FragmentFailed):
            self._end(answer)
        elif not isinstance(answer, Taken):
            reason = answer.reason if isinstance(answer, (Refused, OutcomeUnknown)) else f"it answered {answer}"
            self._end(Undelivered(self._workers[worker][0], reason))
        elif chunk + 1 < len(self._chunks[worker]):
            self._send(worker, chunk + 1)
        else:
            self._missing -= 1
            if not self._missing:
                self._end(None)

    def _end(self, trouble: Undelivered | FragmentFailed | None) -> None:
        self._is_over = True
        assert self._done is not None
        self._done(trouble)


def shares_of(rows: Sequence[Row], columns: Sequence[int], workers: int) -> list[list[Row]]:
    """Return the rows for each worker, by the values in some columns, which are numbered."""
    shares: list[list[Row]] = [[] for _ in range(workers)]
    for row in rows:
        shares[worker_of([row[column] for column in columns], workers)].append(row)
    return shares
