"""A disk that may forget: what was written and what is durable are different things.

A node's machine has one Platter, which holds what survives anything but a wipe. Each incarnation of its process writes
through a SimDisk of its own: a list of writes that have not reached the platter yet, in order, and a queue of syncs. A
sync carries every write made before it was asked for to the platter, after its latency. A crash carries a random prefix
of the rest, because a kernel may have written back what nobody synced, or not: whole writes only, unless one is *torn*,
of which a part is kept, by bytes or by sectors.

An error is told once. A write that fails, or a sync, lets the sync that covers it come back with an error; the bytes
are gone, and the next sync is as good as ever, which is how operating systems behave (PostgreSQL's fsyncgate, 2018). A
sync that *lies* comes back as good, but what it covered is still volatile and certainly lost at a crash, unless an
honest sync came later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Protocol

from PhantomLibrary.domain import SECOND_NS, NodeId
from PhantomLibrary.kernel.process import ReadError
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.world.latency import TABLE_BITS
from PhantomLibrary.world.platter import (
    APPEND,
    HOLE,
    NOTHING,
    REFUSED,
    REMOVE,
    REPLACE,
    DiskOperation,
    Platter,
    Trouble,
    Write,
)

INPUT_OUTPUT_ERROR = "input/output error"
NO_SPACE = "no space left on the device"
SECTOR_BYTES = 512

Synced = Callable[[int, str], object]


class Handler(Protocol):
    """Who writes: `lag_ns` is how much later than now its present handler comes to the disk."""

    node: NodeId
    lag_ns: int


class SimDisk:
    """The disk as one incarnation of a process sees it. `synced` is called when a sync comes back."""

    def __init__(self, platter: Platter, scheduler: Scheduler, synced: Synced, handler: Handler) -> None:
        self._platter = platter
        self._scheduler = scheduler
        self._synced = synced
        self._handler = handler
        self.name = handler.node
        self._writes: deque[Write] = deque()
        self._writes_begun = 0  # Writes that have left the list for the platter, counted from the start.
        self._bytes = self._bytes_begun = 0  # Of all writes, and of those that have left the list.
        self._lied_to = 0  # Writes up to this count were called durable by a sync that lied,
        self._lies: list[Trouble] = []  # for these reasons.
        self._syncs: deque[tuple[int, int, int, int]] = deque()  # (token, writes it covers, their bytes, asked at)
        self._serving = False
        self._held = False
        self._crashed = False
        platter.on_heal = self._go_on

    @property
    def unsynced_bytes(self) -> int:
        """How many bytes a crash may take now."""
        return sum(len(content) for _, _, content in self._writes)

    @property
    def was_lied_to(self) -> bool:
        """Whether a crash now would take what a sync has called durable."""
        return self._lied_to > self._writes_begun

    # --- what a process does ----------------------------------------------------------------------------------------

    def append(self, file: str, content: bytes) -> None:
        if self._crashed:
            return
        platter, size = self._platter, len(content)
        platter.writes += 1
        platter.bytes_written += size
        self._bytes += size
        if platter.troubles and self._fails("append", file, content):
            return
        self._writes.append((APPEND, file, content))

    def replace(self, file: str, content: bytes) -> None:
        self._write((REPLACE, file, content))

    def remove(self, file: str) -> None:
        self._write((REMOVE, file, b""))

    def read(self, file: str) -> bytes:
        platter = self._platter
        if platter.troubles:
            errors = platter.struck_by("io error", "read", (file,))
            for each in errors:
                each.bites += 1
            if errors:
                raise ReadError(f"{file}: {INPUT_OUTPUT_ERROR}")
        chunks = list(platter.read(file))
        for kind, name, content in self._writes:
            if name == file and kind < NOTHING:
                if kind in (REPLACE, REMOVE):
                    chunks.clear()
                chunks.append(content)  # Of a hole as well: the cache still has what the disk lost.
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def files(self) -> list[str]:
        names = dict.fromkeys(self._platter.files)
        for kind, name, _ in self._writes:
            if kind == REMOVE:
                names.pop(name, None)
            elif kind < NOTHING:
                names[name] = None
        return sorted(names)

    def has_room(self) -> bool:
        return not self._platter.troubles or self._platter.has_room()

    def sync(self, token: int) -> None:
        if self._crashed:
            return
        asked_ns = self._scheduler.now_ns + self._handler.lag_ns
        self._syncs.append((token, self._writes_begun + len(self._writes), self._bytes, asked_ns))
        if not self._serving:
            self._serve()

    def _write(self, write: Write) -> None:
        if self._crashed:
            return
        platter = self._platter
        platter.writes += 1
        platter.bytes_written += len(write[2])
        self._bytes += len(write[2])
        if platter.troubles and self._fails("replace", write[1], write[2]):
            return
        self._writes.append(write)

    def _fails(self, operation: DiskOperation, file: str, content: bytes) -> bool:
        """Let a write fail if it has to: the next sync tells so."""
        platter = self._platter
        full = platter.struck_by("full", operation, (file,))
        broken = platter.struck_by("io error", operation, (file,))
        for each in (*full, *broken):
            each.bites += 1
        if full or broken:
            kind = REFUSED if full else HOLE if operation == "append" else NOTHING
            self._writes.append((kind, file, content))
        return bool(full or broken)

    # --- syncs ------------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        """Begin the oldest sync."""
        _, covered, covered_bytes, asked_ns = self._syncs[0]
        self._serving = True
        platter, scheduler = self._platter, self._scheduler
        sync_ns = platter.table[platter.stream.bits(TABLE_BITS)]
        if platter.bandwidth is not None:
            sync_ns += (covered_bytes - self._bytes_begun) * SECOND_NS // platter.bandwidth
        if platter.troubles:
            for each in platter.struck_by("slow", "sync", self._covered_files(covered)):
                each.bites += 1
                sync_ns += each.delay_ns
        end_ns = (asked_ns if asked_ns > scheduler.now_ns else scheduler.now_ns) + sync_ns
        platter.served_ns += sync_ns
        platter.service = (sync_ns, end_ns)
        scheduler.at(end_ns, self._finish)

    def _covered_files(self, covered: int) -> Sequence[str]:
        return [name for _, name, _ in islice(self._writes, max(0, covered - self._writes_begun))]

    def _finish(self, _argument: object) -> None:
        """The oldest sync is through, unless the disk hangs."""
        if self._crashed:
            return
        platter = self._platter
        if platter.troubles:
            stalls = platter.struck_by("stall", "sync", self._covered_files(self._syncs[0][1]))
            for each in stalls:
                each.bites += 1
            if stalls:
                self._held = True
                platter.hold(self._scheduler.now_ns)
                return
        self._come_back(None)

    def _come_back(self, _argument: object) -> None:
        if self._crashed:
            return
        token, covered, covered_bytes, _ = self._syncs.popleft()
        platter = self._platter
        platter.syncs += 1
        error, lies = "", False
        if platter.troubles:
            error, lies = self._go_wrong(covered)
        if not lies:
            while self._writes_begun < covered:
                write = self._writes.popleft()
                if write[0] >= HOLE:
                    error = NO_SPACE if write[0] == REFUSED else INPUT_OUTPUT_ERROR
                platter.perform(write)
                self._writes_begun += 1
            self._bytes_begun = covered_bytes
        self._serving = False
        if self._syncs:
            self._serve()
        self._synced(token, error)

    def _go_wrong(self, covered: int) -> tuple[str, bool]:
        """Let troubles look at a sync; return its error, and whether it lies."""
        platter, files = self._platter, self._covered_files(covered)
        errors = platter.struck_by("io error", "sync", files)
        if errors:
            for each in errors:
                each.bites += 1
            self._lose_covered(covered)
            return INPUT_OUTPUT_ERROR, False
        lies = platter.struck_by("lost fsync", "sync", files)
        if lies:
            self._lied_to = max(self._lied_to, covered)
            self._lies += lies
        return "", bool(lies)

    def _lose_covered(self, covered: int) -> None:
        """Take from the writes that a failed sync covers what they say: they will never reach the platter."""
        for number in range(covered - self._writes_begun):
            kind, file, content = self._writes[number]
            if kind in (APPEND, REPLACE, REMOVE):
                self._writes[number] = (HOLE if kind == APPEND else NOTHING, file, content)

    def _go_on(self) -> None:
        """A stall has ended: the sync that it held comes back, then the others."""
        if self._held:
            self._held = False
            self._platter.let_go(self._scheduler.now_ns)
            self._scheduler.soon(self._come_back)

    # --- crash ------------------------------------------------------------------------------------------------------

    def crash(self) -> int:
        """Carry a random prefix of the unsynced writes to the platter, drop the rest; return the bytes lost."""
        platter, writes = self._platter, self._writes
        lied = self.was_lied_to
        survivors = 0 if lied or not writes else platter.stream.below(len(writes) + 1)
        for _ in range(survivors):
            platter.perform(writes.popleft())
        if platter.troubles and not lied:
            self._tear()
        lost = sum(len(content) for _, _, content in writes)
        platter.bytes_lost += lost
        if lied:
            number = self._lied_to - self._writes_begun
            lost_after_sync = sum(len(write[2]) for write in islice(writes, number))
            for each in dict.fromkeys(self._lies):
                each.bites += lost_after_sync
            platter.forgot = True
        writes.clear()
        self._syncs.clear()
        if self._serving:
            platter.let_go(self._scheduler.now_ns)
        self._crashed = True
        platter.on_heal = None
        return lost

    def _tear(self) -> None:
        """Keep a part of the first write that is lost, and perhaps of those after it to the same file."""
        platter = self._platter
        appends = [write for write in self._writes if write[0] == APPEND]
        if not appends:
            return
        file = appends[0][1]
        torn = platter.struck_by("torn write", "append", (file,))
        if not torn:
            return
        tail = b"".join(content for _, name, content in appends if name == file)
        kept = tail[: platter.draws.below(len(tail) + 1)]
        if platter.draws.bits(1):
            kept = self._some_sectors(kept, platter.size(file))
        platter.files.setdefault(file, []).append(kept)
        for each in torn:
            each.bites += 1

    def _some_sectors(self, content: bytes, start: int) -> bytes:
        """Return bytes that begin at `start` of a file, some of their sectors never written: a disk reorders them."""
        sectors = []
        position = 0
        while position < len(content):
            end = min(len(content), position + SECTOR_BYTES - (start + position) % SECTOR_BYTES)
            part = content[position:end]
            sectors.append(part if self._platter.draws.bits(1) else bytes(len(part)))
            position = end
        return b"".join(sectors)
