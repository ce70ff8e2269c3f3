"""What a scan of frames says: what is good, what stands behind the first bad one, and what was durable of that."""

import pytest

from PhantomLibrary.database.frames import Framing

FRAMING = Framing("n1", "log")


def packed(*frames):
    """Pack (body, number, durable), one behind the other."""
    found, place = [], 0
    for body, number, durable in frames:
        found.append(FRAMING.pack(body, place, number, durable))
        place += len(found[-1])
    return found


def spoiled(frame):
    return frame[:-1] + bytes([frame[-1] ^ 1])


THREE = packed((b"one", 1, 0), (b"two", 2, 1), (b"three", 3, 2))


def test_an_empty_file_is_whole():
    scan = FRAMING.read(b"")
    assert (scan.bodies, scan.later, scan.is_whole, scan.is_damaged, scan.number) == ((), (), True, False, 0)


def test_what_is_whole_has_nothing_behind_it():
    scan = FRAMING.read(b"".join(THREE))
    assert (scan.bodies, scan.later, scan.is_whole, scan.number) == ((b"one", b"two", b"three"), (), True, 3)


@pytest.mark.parametrize(
    ("bad", "bodies", "later", "is_damaged"),
    [
        (0, (), (b"two", b"three"), True),
        (1, (b"one",), (b"three",), True),  # The third calls it durable.
        (2, (b"one", b"two"), (), False),  # Nobody does.
    ],
)
def test_a_bad_frame_ends_what_is_believed_and_is_damage_if_it_was_durable(bad, bodies, later, is_damaged):
    frames = [spoiled(frame) if at == bad else frame for at, frame in enumerate(THREE)]
    scan = FRAMING.read(b"".join(frames))
    assert (scan.bodies, scan.later, scan.is_whole, scan.is_damaged) == (bodies, later, False, is_damaged)


def test_a_frame_that_is_bad_beyond_what_is_durable_is_a_tail():
    frames = packed((b"one", 1, 0), (b"two", 2, 0), (b"three", 3, 1))
    scan = FRAMING.read(b"".join([frames[0], spoiled(frames[1]), frames[2]]))
    assert scan.later == (b"three",) and not scan.is_damaged


def test_a_frame_of_the_right_number_in_the_wrong_place_is_a_stray():
    stray = FRAMING.pack(b"two", 999, 2, 0)
    scan = FRAMING.read(THREE[0] + stray)
    assert (scan.bodies, scan.is_whole, scan.is_damaged) == ((b"one",), False, True)


def test_a_frame_that_lacks_its_predecessor_is_bad():
    frames = packed((b"one", 1, 0), (b"three", 3, 0))
    scan = FRAMING.read(b"".join(frames))
    assert (scan.bodies, scan.later, scan.is_whole, scan.is_damaged) == ((b"one",), (b"three",), False, False)


def test_places_are_those_of_intact_frames_that_say_anything():
    frames = packed((b"one", 1, 0), (b"", 2, 1), (b"two", 3, 1), (b"three", 4, 1))
    ends = [sum(map(len, frames[:count])) for count in range(5)]
    content = b"".join([*frames[:2], spoiled(frames[2]), frames[3]])
    assert FRAMING.places(content) == [range(ends[1]), range(ends[3], ends[4])]
