"""Frames: how a file of records tells what a crash has cut short from what a disk has damaged.

A frame is a marker, a checksum, and then, covered by it: the length of its body, its number, the number of the latest
frame that was known to be durable when it was written, and its place in the file. The checksum is begun with the
address, which is node and file. So a frame that landed elsewhere is found out (Bairavasundaram et al., FAST 2008), and
a bad frame can be judged: below what a good one calls durable, damage; beyond it, the tail of a crash, which was never
acknowledged (Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018, 3.2). A mark is a
frame without a body, which only says what is durable.

What is durable and not yet called so by a later frame looks like a tail if it rots: its owner writes a mark soon.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct as Layout
from zlib import crc32

from msgspec import Struct

from PhantomLibrary.domain import NodeId

MARKER = b"\xf5\x1c"
_CHECKSUM = Layout("<2sI")
_NUMBERS = Layout("<IIII")  # length of the body, number, durable number, place
_HEAD = Layout("<2sIIIII")  # All of it.
HEAD_BYTES = _HEAD.size


class Frame(Struct, frozen=True):
    """An intact frame. `end` is where the next one begins, as read; `place` where it was meant to be."""

    body: bytes
    number: int
    durable: int
    place: int
    end: int


class Scan(Struct, frozen=True):
    """What a file says: the bodies up to the first bad frame, and those after it.

    `is_whole`: there is no bad frame. `is_damaged`: something that was durable is lost, or stands where it does not
    belong. `number` is the highest found.
    """

    bodies: tuple[bytes, ...]
    later: tuple[bytes, ...]
    is_whole: bool
    is_damaged: bool
    number: int


class Framing:
    """Packs and reads the frames of one file of one node."""

    def __init__(self, node: NodeId, file: str) -> None:
        self._address = crc32(f"{node}/{file}".encode())

    def pack(self, body: bytes, place: int, number: int, durable: int) -> bytes:
        numbers = _NUMBERS.pack(len(body), number, durable, place)
        return _CHECKSUM.pack(MARKER, crc32(body, crc32(numbers, self._address))) + numbers + body

    def places(self, content: bytes) -> list[range]:
        """Return where the intact frames of a file are, marks left out."""
        return [range(place, frame.end) for place, frame in self._frames(content) if frame is not None and frame.body]

    def read(self, content: bytes, begin: int = 0, last: int = 0) -> Scan:
        """Judge a file, or what stands in it from `begin` on, after the frame with the number `last`."""
        bodies: list[bytes] = []
        later: list[bytes] = []
        first_bad = -1  # The number of the first frame that is not there as it should be.
        durable = highest = last
        strays = False
        for place, frame in self._frames(content, begin):
            is_stray = frame is not None and not self._belongs(frame, place)
            strays = strays or is_stray
            if frame is not None:
                durable, highest = max(durable, frame.durable), max(highest, frame.number)
            follows = frame is not None and not is_stray and (place == 0 or self._follows(frame, last))
            if first_bad < 0 and follows and frame is not None:
                bodies.append(frame.body)
                last = frame.number
            elif first_bad < 0:
                first_bad = last + 1
            if first_bad >= 0 and frame is not None:
                later.append(frame.body)
        is_damaged = first_bad >= 0 and (strays or self._was_durable(first_bad, durable, has_head=bool(bodies)))
        return Scan(tuple(bodies), tuple(later), first_bad < 0, is_damaged, highest)

    def end_of_run(self, content: bytes, place: int, last: int) -> int:
        """Return the number of the last frame, if from this place on each is intact, stands where it belongs, and
        follows the one with the number `last`; else -1. This is what `read` finds nearly always, found sooner.
        """
        length, address = len(content), self._address
        while place < length:
            if place + HEAD_BYTES > length:
                return -1
            marker, checksum, size, number, _, meant = _HEAD.unpack_from(content, place)
            end = place + HEAD_BYTES + size
            if marker != MARKER or meant != place or number != last + 1 or end > length:
                return -1
            if crc32(content[place + _CHECKSUM.size : end], address) != checksum:
                return -1
            place, last = end, number
        return last

    def _frames(self, content: bytes, place: int = 0) -> Iterator[tuple[int, Frame | None]]:
        """Yield the place of each frame from a place on, and None for a stretch without any."""
        while 0 <= place < len(content):
            frame = self._frame_at(content, place)
            yield place, frame
            place = frame.end if frame is not None else content.find(MARKER, place + 1)

    def _frame_at(self, content: bytes, place: int) -> Frame | None:
        begin = place + HEAD_BYTES
        if begin > len(content):
            return None
        marker, checksum = _CHECKSUM.unpack_from(content, place)
        length, number, durable, meant = _NUMBERS.unpack_from(content, place + _CHECKSUM.size)
        if marker != MARKER or begin + length > len(content):
            return None
        body = content[begin : begin + length]
        if not self._is_intact(content[place + _CHECKSUM.size : begin], body, checksum):
            return None
        return Frame(body, number, durable, meant, begin + length)

    def _is_intact(self, numbers: bytes, body: bytes, checksum: int) -> bool:
        return crc32(body, crc32(numbers, self._address)) == checksum

    def _belongs(self, frame: Frame, place: int) -> bool:
        return frame.place == place

    def _follows(self, frame: Frame, last: int) -> bool:
        return frame.number == last + 1

    def _was_durable(self, number: int, durable: int, *, has_head: bool) -> bool:
        """Whether a frame that is bad had been durable. The first one always was: a file begins all or nothing."""
        return number <= durable or not has_head


class Scrub:
    """Reads a growing file again and again, and frame by frame only what has been added since.

    What was good before is compared as a whole, by its checksum; when that differs, because the file was written anew
    or is damaged, all frames are judged.
    """

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._length = 0
        self._checksum = crc32(b"")
        self._number = 0

    def is_intact(self, content: bytes) -> bool:
        if len(content) < self._length or crc32(content[: self._length]) != self._checksum:
            self._length = self._number = 0
        number = self._framing.end_of_run(content, self._length, self._number)
        if number < 0:
            scan = self._framing.read(content, self._length, self._number)
            if not scan.is_whole:
                return False
            number = scan.number
        self._length, self._checksum, self._number = len(content), crc32(content), number
        return True
