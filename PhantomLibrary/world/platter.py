"""What a machine's disk holds when its power fails, and what is wrong with it.

A Platter keeps each file as the list of what was written to it. A *trouble* is a fault that waits for operations of
its kind: it strikes at the n-th one on its files, or at each with a probability. *Damage* is what troubles did to
bytes that were durable already: bits that flipped, writes that landed elsewhere. It lies there until somebody reads
it, and is gone when its file is written anew.

Source of the faults: Bairavasundaram et al., "An Analysis of Data Corruption in the Storage Stack" (FAST 2008); Ganesan
et al., "Redundancy Does Not Imply Fault Tolerance" (FAST 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.world.latency import Latency, latency_table
from PhantomLibrary.world.units import MILLION

DiskOperation: TypeAlias = Literal["append", "replace", "sync", "read"]
DiskFaultKind: TypeAlias = Literal[
    "stall", "slow", "lost fsync", "torn write", "bit rot", "misdirected write", "io error", "full"
]
ANY = "any"

# The last three are what is left of writes that failed: an append that leaves a hole, whatever else leaves nothing, and
# what a full disk did not take.
APPEND, REPLACE, REMOVE, HOLE, NOTHING, REFUSED = range(6)
Write: TypeAlias = tuple[int, str, bytes]


class Aim(Struct, frozen=True):
    """Which operations a fault is for: those of one kind, or of `any`, on one file, or `any`.

    It strikes at the n-th of them, or, with a probability in millionths, at each of them that the dice choose.
    """

    operation: DiskOperation | Literal["any"] = "any"
    file: str = ANY
    occurrence: int = 1
    probability_ppm: int | None = None


# What each kind of fault can strike. A disk that reads badly has to be asked for: it is damage, not delay.
STRIKES: dict[DiskFaultKind, tuple[DiskOperation, ...]] = {
    "stall": ("sync",),
    "slow": ("sync",),
    "lost fsync": ("sync",),
    "torn write": ("append",),
    "bit rot": ("append", "replace", "read"),
    "misdirected write": ("append", "replace"),
    "io error": ("append", "replace", "sync", "read"),
    "full": ("append", "replace"),
}
_LASTING: tuple[DiskFaultKind, ...] = ("stall", "slow", "lost fsync", "full")


class Trouble:
    """One fault of one disk. It counts the operations that it is aimed at; `bites` counts what it changed."""

    __slots__ = ("_seen", "aim", "bites", "delay_ns", "kind", "onto")

    def __init__(self, kind: DiskFaultKind, aim: Aim, delay_ns: int = 0, onto: str = ANY) -> None:
        self.kind = kind
        self.delay_ns = delay_ns
        self.onto = onto  # The file on which a misdirected write lands.
        self.bites = 0
        self.aim = aim
        self._seen = 0

    def is_for(self, operation: DiskOperation, files: Sequence[str]) -> bool:
        aim = self.aim
        if aim.operation == ANY:
            meant = operation != "read" and operation in STRIKES[self.kind]
        else:
            meant = operation == aim.operation
        return meant and (aim.file == ANY or aim.file in files)

    def strikes(self, operation: DiskOperation, files: Sequence[str], draws: Stream) -> bool:
        """Take notice of an operation; return whether it is struck."""
        if not self.is_for(operation, files):
            return False
        aim = self.aim
        self._seen += 1
        if aim.probability_ppm is not None:
            return draws.chance(aim.probability_ppm, MILLION)
        if self.kind in _LASTING:
            return self._seen >= aim.occurrence
        return self._seen == aim.occurrence

    @property
    def is_spent(self) -> bool:
        """Whether it has struck, once and for all."""
        aim = self.aim
        return aim.probability_ppm is None and self.kind not in _LASTING and self._seen >= aim.occurrence

    @property
    def is_next(self) -> bool:
        """Whether one that lasts would strike the very next of its operations."""
        return self._seen + 1 >= self.aim.occurrence


class Platter:
    """The durable bytes of one machine, the troubles of its disk, and counters of the whole run."""

    def __init__(self, latency: Latency, bandwidth: int | None, stream: Stream, draws: Stream) -> None:
        self.files: dict[str, list[bytes]] = {}
        self.stream = stream
        self.draws = draws  # Of faults, so that a fault shifts no latency.
        self.table = latency_table(latency)
        self.bandwidth = bandwidth
        self.troubles: list[Trouble] = []
        self.damage: dict[str, list[Trouble]] = {}
        self.forgot = False  # A crash took what a sync had called durable, and nobody there knows.
        self.writes = 0
        self.syncs = 0
        self.bytes_written = 0
        self.bytes_lost = 0
        self.served_ns = 0  # The times of all services so far, the one under way included,
        self.service = (0, 0)  # which takes so long, and ends then,
        self._held_since_ns: int | None = None  # unless a stall holds it.
        self.on_heal: Callable[[], object] | None = None

    # --- use --------------------------------------------------------------------------------------------------------

    def hold(self, now_ns: int) -> None:
        """A stall holds what is served."""
        self._held_since_ns = now_ns

    def let_go(self, now_ns: int) -> None:
        """Serve nothing any more: a stall or a process has ended."""
        self.served_ns = self.busy_ns(now_ns)
        self.service = (0, now_ns)
        self._held_since_ns = None

    def busy_ns(self, now_ns: int) -> int:
        """Return for how long there was something to serve so far, as iostat counts it: a disk that hangs is busy."""
        takes_ns, ends_ns = self.service
        if ends_ns <= now_ns and self._held_since_ns is None:
            return self.served_ns
        held_ns = 0 if self._held_since_ns is None else now_ns - self._held_since_ns
        return self.served_ns - min(max(0, ends_ns - now_ns), takes_ns) + held_ns

    # --- troubles ---------------------------------------------------------------------------------------------------

    def add(self, trouble: Trouble) -> None:
        self.troubles.append(trouble)

    def end(self, trouble: Trouble) -> None:
        """Let a trouble strike no more. What it damaged stays damaged."""
        self.troubles.remove(trouble)
        if trouble.kind == "stall" and not self.is_stalled and self.on_heal is not None:
            self.on_heal()

    @property
    def is_stalled(self) -> bool:
        """Whether the next sync would not come back."""
        return any(each.is_next for each in self.of_kind("stall"))

    def of_kind(self, *kinds: DiskFaultKind) -> list[Trouble]:
        return [each for each in self.troubles if each.kind in kinds]

    def struck_by(self, kind: DiskFaultKind, operation: DiskOperation, files: Sequence[str]) -> list[Trouble]:
        """Let all troubles of a kind take notice of an operation; return those that strike it."""
        return [each for each in self.of_kind(kind) if each.strikes(operation, files, self.draws)]

    def has_room(self) -> bool:
        """Whether the next write, to whatever file, would be taken."""
        full = [each for each in self.of_kind("full") if each.is_next]
        for each in full:
            each.bites += 1
        return not full

    # --- bytes ------------------------------------------------------------------------------------------------------

    def read(self, file: str) -> list[bytes]:
        """Return a file as it was written, in the order of writes; damage that is met has bitten."""
        if self.troubles:
            for each in self.struck_by("bit rot", "read", (file,)):
                self.rot(file, each)
        for each in self.damage.get(file, ()):
            each.bites += 1
        return self.files.get(file, [])

    def size(self, file: str) -> int:
        return sum(map(len, self.files.get(file, ())))

    def perform(self, write: Write) -> None:
        """Make a write durable."""
        kind, file, content = write
        if kind == APPEND:
            if self.troubles and self._goes_wrong("append", file, content):
                return
            self.files.setdefault(file, []).append(content)
        elif kind == REPLACE:
            if self.troubles and self._goes_wrong("replace", file, content):
                return
            self.damage.pop(file, None)
            self.files[file] = [content]
        elif kind == REMOVE:
            self.files.pop(file, None)
            self.damage.pop(file, None)
        elif kind == HOLE:
            self.files.setdefault(file, []).append(bytes(len(content)))

    def _goes_wrong(self, operation: DiskOperation, file: str, content: bytes) -> bool:
        for each in self.struck_by("bit rot", operation, (file,)):
            self.perform_alone(operation, file, content)
            self.rot(file, each, range(self.size(file) - len(content), self.size(file)))
            return True
        for each in self.struck_by("misdirected write", operation, (file,)):
            self._misdirect(operation, file, content, each)
            return True
        return False

    def perform_alone(self, operation: DiskOperation, file: str, content: bytes) -> None:
        """Make a write durable that troubles have looked at already."""
        if operation == "append":
            self.files.setdefault(file, []).append(content)
        else:
            self.damage.pop(file, None)
            self.files[file] = [content]

    def rot(self, file: str, trouble: Trouble, span: range | None = None) -> None:
        """Flip one bit of a file, anywhere in it or in these bytes. Does nothing where there are none."""
        size = self.size(file)
        start, end = (span.start, min(span.stop, size)) if span is not None else (0, size)
        if start >= end:
            return
        place = start + self.draws.below(end - start)
        self._overwrite(file, place, bytes([self._byte_at(file, place) ^ 1 << self.draws.below(8)]))
        self.damage.setdefault(file, []).append(trouble)

    def _misdirect(self, operation: DiskOperation, file: str, content: bytes, trouble: Trouble) -> None:
        """Let a write land on the beginning of an earlier one; its own place keeps what was there, or nothing."""
        places = [(name, number) for name in sorted(self.files) for number in range(len(self.files[name]))]
        nearby = [each for each in places if each[0] == file]
        elsewhere = [each for each in places if each[0] != file]
        if operation == "append":
            self.files.setdefault(file, []).append(bytes(len(content)))
        trouble.bites += 1
        aimed = [each for each in places if each[0] == trouble.onto]
        if trouble.onto != ANY:
            nearby, elsewhere = [], aimed
        chosen = elsewhere if elsewhere and not (nearby and self.draws.bits(2)) else nearby
        if chosen:
            victim, number = chosen[self.draws.below(len(chosen))]
            start = sum(map(len, self.files[victim][:number]))
            self._overwrite(victim, start, content)
            if victim != file:
                self.damage.setdefault(victim, []).append(trouble)
        if operation == "append" or b"".join(self.files.get(file, ())) != content:  # Else it is as it should be.
            self.damage.setdefault(file, []).append(trouble)

    def _byte_at(self, file: str, place: int) -> int:
        for content in self.files[file]:
            if place < len(content):
                return content[place]
            place -= len(content)
        raise AssertionError("beyond the end of the file")

    def _overwrite(self, file: str, start: int, content: bytes) -> None:
        """Put bytes over those that a file has from `start` on, and beyond its end, without moving where writes end."""
        parts = self.files[file]
        for number, part in enumerate(parts):
            if not content:
                return
            if start < len(part):
                taken = content[: len(part) - start]
                parts[number] = part[:start] + taken + part[start + len(taken) :]
                content = content[len(taken) :]
                start = 0
            else:
                start -= len(part)
        if content:
            parts.append(content)

    def wipe(self) -> None:
        self.files.clear()
        self.damage.clear()
        self.forgot = False
