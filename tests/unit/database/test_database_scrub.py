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
    """Notes of how many bytes it judges the frames."""

    def __init__(self):
        super().__init__("n1", "log")
        self.judged = []

    def end_of_run(self, content, place, last):
        self.judged.append(len(content) - place)
        return super().end_of_run(content, place, last)


def test_what_was_good_is_not_judged_frame_by_frame_again():
    framing, written = CountingFraming(), frames(50)
    scrub = Scrub(framing)
    for length in (20, 20, 35, 50):
        assert scrub.is_intact(b"".join(written[:length]))
    sizes = [sum(map(len, written[start:end])) for start, end in ((0, 20), (20, 20), (20, 35), (35, 50))]
    assert framing.judged == sizes


@pytest.mark.parametrize("seed", range(200))
def test_a_run_ends_where_a_reader_finds_all_whole(seed):
    """Frames are damaged, left out, put elsewhere or cut short: the quick way says no more than the thorough one."""
    draws = Random(seed)
    written = frames(6)
    begin = draws.randrange(6)
    content, place = bytearray(b"".join(written)), sum(map(len, written[:begin]))
    change = draws.choice(("none", "bit", "cut", "left out", "address"))
    if change == "bit":
        content[draws.randrange(len(content))] ^= 1 << draws.randrange(8)
    elif change == "cut":
        del content[draws.randrange(len(content)) :]
    elif change == "left out":
        del written[draws.randrange(6)]
        content = bytearray(b"".join(written))
    framing = Framing("n2", "log") if change == "address" else FRAMING
    scan = framing.read(bytes(content), place, begin)
    found = framing.end_of_run(bytes(content), place, begin)
    assert found == (scan.number if scan.is_whole else -1)


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
