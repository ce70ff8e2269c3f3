"""A disk that may forget: what was written and what is durable are different things.

A node's machine has one Platter, which holds what survives anything but a wipe. Each incarnation of its process writes
through a SimDisk of its own: a list of writes that have not reached the platter yet, in order, and a queue of syncs. A
sync carries every write made before it was asked for to the platter, after its latency. A crash carries a random prefix
of the rest, whole writes only, because a kernel may have written back what nobody synced, or not.

Faults sit on the platter, so they outlive a crash. *Stall*: syncs do not come back until it is healed. *Lost fsync*:
syncs come back as good, but what they covered is still volatile and certainly lost at a crash, unless an honest sync
came later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Protocol

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.world.latency import TABLE_BITS, Latency, latency_table

_APPEND, _REPLACE, _REMOVE = range(3)
_Write = tuple[int, str, bytes]
Synced = Callable[[int, str], object]


class Platter:
    """What a machine keeps when its power fails, the faults of its disk, and counters of the whole run."""

    def __init__(self, latency: Latency, bandwidth: int | None, stream: Stream) -> None:
        self.files: dict[str, list[bytes]] = {}
        self.stream = stream
        self.table = latency_table(latency)
        self.bandwidth = bandwidth
        self.stalls = 0
        self.liars = 0
        self.writes = 0
        self.syncs = 0
        self.syncs_held = 0
        self.bytes_written = 0
        self.bytes_lost = 0
        self.bytes_lost_after_sync = 0
        self.on_heal: Callable[[], object] | None = None

    def stall(self) -> None:
        """Let no sync come back, until each stall has been ended."""
        self.stalls += 1

    def end_stall(self) -> None:
        assert self.stalls > 0
        self.stalls -= 1
        if not self.stalls and self.on_heal is not None:
            self.on_heal()

    def perform(self, write: _Write) -> None:
        kind, file, content = write
        if kind == _APPEND:
            self.files.setdefault(file, []).append(content)
        elif kind == _REPLACE:
            self.files[file] = [content]
        else:
            self.files.pop(file, None)

    def wipe(self) -> None:
        self.files.clear()


class Handler(Protocol):
    """Who writes: `lag_ns` is how much later than now its present handler comes to the disk."""

    lag_ns: int


class SimDisk:
    """The disk as one incarnation of a process sees it. `synced` is called when a sync comes back."""

    def __init__(self, platter: Platter, scheduler: Scheduler, synced: Synced, handler: Handler) -> None:
        self._platter = platter
        self._scheduler = scheduler
        self._synced = synced
        self._handler = handler
        self._writes: deque[_Write] = deque()
        self._writes_begun = 0  # Writes that have left the list for the platter, counted from the start.
        self._lied_to = 0  # Writes up to this count were called durable by a sync that lied.
        self._syncs: deque[tuple[int, int, int]] = deque()  # (token, writes it covers, asked at)
        self._serving = False
        self._held = False
        self._crashed = False
        platter.on_heal = self._go_on

    @property
    def unsynced_bytes(self) -> int:
        """How many bytes a crash may take now."""
        return sum(len(content) for _, _, content in self._writes)

    def append(self, file: str, content: bytes) -> None:
        if self._crashed:
            return
        self._platter.writes += 1
        self._platter.bytes_written += len(content)
        self._writes.append((_APPEND, file, content))

    def replace(self, file: str, content: bytes) -> None:
        self._write((_REPLACE, file, content))

    def remove(self, file: str) -> None:
        self._write((_REMOVE, file, b""))

    def read(self, file: str) -> bytes:
        chunks = list(self._platter.files.get(file, ()))
        for kind, name, content in self._writes:
            if name == file:
                if kind != _APPEND:
                    chunks.clear()
                chunks.append(content)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def files(self) -> list[str]:
        names = dict.fromkeys(self._platter.files)
        for kind, name, _ in self._writes:
            if kind == _REMOVE:
                names.pop(name, None)
            else:
                names[name] = None
        return sorted(names)

    def sync(self, token: int) -> None:
        if self._crashed:
            return
        asked_ns = self._scheduler.now_ns + self._handler.lag_ns
        self._syncs.append((token, self._writes_begun + len(self._writes), asked_ns))
        if not self._serving:
            self._serve()

    def crash(self) -> int:
        """Carry a random prefix of the unsynced writes to the platter, drop the rest; return the bytes lost."""
        platter, writes = self._platter, self._writes
        lied = self._lied_to > self._writes_begun
        survivors = 0 if lied or not writes else platter.stream.below(len(writes) + 1)
        for _ in range(survivors):
            platter.perform(writes.popleft())
        lost = sum(len(content) for _, _, content in writes)
        platter.bytes_lost += lost
        if lied:
            number = self._lied_to - self._writes_begun
            platter.bytes_lost_after_sync += sum(len(write[2]) for write in islice(writes, number))
        writes.clear()
        self._syncs.clear()
        self._crashed = True
        platter.on_heal = None
        return lost

    def _write(self, write: _Write) -> None:
        if self._crashed:
            return
        self._platter.writes += 1
        self._platter.bytes_written += len(write[2])
        self._writes.append(write)

    def _serve(self) -> None:
        """Begin the oldest sync."""
        _, covered, asked_ns = self._syncs[0]
        self._serving = True
        platter, scheduler = self._platter, self._scheduler
        sync_ns = platter.table[platter.stream.bits(TABLE_BITS)]
        if platter.bandwidth is not None:
            number = covered - self._writes_begun
            size = sum(len(write[2]) for write in islice(self._writes, number))
            sync_ns += size * SECOND_NS // platter.bandwidth
        begin_ns = asked_ns if asked_ns > scheduler.now_ns else scheduler.now_ns
        scheduler.at(begin_ns + sync_ns, self._finish)

    def _finish(self, _argument: object) -> None:
        if self._crashed:
            return
        platter = self._platter
        if platter.stalls:
            self._held = True
            platter.syncs_held += 1
            return
        token, covered, _ = self._syncs.popleft()
        platter.syncs += 1
        if platter.liars:
            self._lied_to = max(self._lied_to, covered)
        else:
            while self._writes_begun < covered:
                platter.perform(self._writes.popleft())
                self._writes_begun += 1
        self._serving = False
        if self._syncs:
            self._serve()
        self._synced(token, "")

    def _go_on(self) -> None:
        """A stall has ended: the sync that it held comes back, then the others."""
        if self._held:
            self._held = False
            self._scheduler.soon(self._finish)
