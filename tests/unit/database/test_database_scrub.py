"""A scrub that reads only what is new finds what a scrub of everything would."""

from random import Random

import pytest

from PhantomLibrary.database.frames import Framing, Scrub

FRAMING = Framing("n1", "log")


def frames(count, *, first=1, place=0):
    """Return so many frames, of which each calls those before it durable."""
    packed = []
    for number in range(first, first + count):
        packed.append(FRAMING.pack(f"record {number}".encode(), place, number, number - 1))
        place += len(packed[-1])
    return packed


class CountingFraming(Framing):
    """Counts the frames that it judges."""

    judged = 0

    def _frame_at(self, content, place):
        self.judged += 1
        return super()._frame_at(content, place)


def test_what_was_good_is_not_judged_frame_by_frame_again():
    framing = CountingFraming("n1", "log")
    scrub, written = Scrub(framing), frames(50)
    for length in (20, 20, 35, 50):
        framing.judged = 0
        assert scrub.is_intact(b"".join(written[:length]))
        assert framing.judged == {20: 20, 35: 15, 50: 15}[length] or (length == 20 and framing.judged == 0)


def test_a_log_that_was_written_anew_is_judged_from_its_beginning():
    scrub = Scrub(FRAMING)
    assert scrub.is_intact(b"".join(frames(30)))
    assert scrub.is_intact(b"".join(frames(40, first=31)))
    assert scrub.is_intact(b"".join(frames(3, first=71)))
    assert not scrub.is_intact(b"".join(frames(2, first=80) + frames(1, first=90)))


@pytest.mark.parametrize("seed", range(20))
def test_a_flipped_bit_is_found_wherever_it_is_and_whenever_it_rots(seed):
    draws, scrub = Random(seed), Scrub(FRAMING)
    written = frames(40)
    seen = draws.randrange(41)
    assert scrub.is_intact(b"".join(written[:seen]))
    content = bytearray(b"".join(written))
    content[draws.randrange(len(content))] ^= 1 << draws.randrange(8)
    assert not scrub.is_intact(bytes(content))
    assert not scrub.is_intact(bytes(content))
    assert scrub.is_intact(b"".join(written)), "repaired"


def test_a_missing_frame_between_what_was_seen_and_what_is_new_is_found():
    written, scrub = frames(10), Scrub(FRAMING)
    assert scrub.is_intact(b"".join(written[:5]))
    late = frames(3, first=7, place=sum(map(len, written[:5])))
    assert not scrub.is_intact(b"".join(written[:5] + late))
