"""Each way in which disks fail, aimed at files, operations and occurrences, and what a failing process does."""

from __future__ import annotations

import pytest

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.kernel.process import Disk, ReadError
from PhantomLibrary.world.disk import INPUT_OUTPUT_ERROR, NO_SPACE
from PhantomLibrary.world.disk_faults import BitRot, DiskFault
from PhantomLibrary.world.faults import CrashNode
from PhantomLibrary.world.platter import Aim
from PhantomLibrary.world.world import SUPERVISOR_DELAY_NS
from tests.unit.world.test_world_harness import MS, Bench


def crash_and_restart(bench: Bench) -> None:
    bench.world.crash("n1")
    bench.world.restart("n1")


# --- faults that are aimed --------------------------------------------------------------------------------------------


def written(bench: Bench, *contents: bytes, file: str = "log") -> Disk:
    """Write these one after the other, each made durable before the next."""
    disk = bench.env("n1").disk
    for number, content in enumerate(contents):
        disk.append(file, content)
        disk.sync(100 + number)
        bench.run(3 * MS)
    return disk


def begun(bench: Bench, fault: DiskFault) -> DiskFault:
    fault.apply(bench.world)
    return fault


def errors(bench: Bench) -> list[str]:
    return [note[4] for note in bench.notes if note[2] == "synced"]


def flipped(before: bytes, after: bytes) -> list[int]:
    """The places of the bits that differ."""
    assert len(before) == len(after)
    return [8 * at + bit for at in range(len(before)) for bit in range(8) if (before[at] ^ after[at]) >> bit & 1]


def test_failed_sync_is_told_once_and_takes_what_it_covered() -> None:
    bench = Bench().started()
    fault = begun(bench, DiskFault("n1", "io error", Aim("sync", occurrence=2)))
    disk = written(bench, b"one ", b"two ", b"three")
    assert errors(bench) == ["", INPUT_OUTPUT_ERROR, ""] and fault.bites == 1
    assert disk.read("log") == b"one \0\0\0\0three"
    crash_and_restart(bench)
    assert bench.env("n1").disk.read("log") == b"one \0\0\0\0three"


def test_failed_write_is_told_by_the_sync_that_covers_it_and_not_before() -> None:
    bench = Bench().started()
    disk = bench.env("n1").disk
    disk.append("log", b"good")
    disk.sync(1)
    begun(bench, DiskFault("n1", "io error", Aim("append")))
    disk.append("log", b"bad")
    disk.replace("vote", b"kept")
    disk.sync(2)
    assert disk.read("log") == b"goodbad"
    bench.run(10 * MS)
    assert errors(bench) == ["", INPUT_OUTPUT_ERROR]
    assert disk.read("log") == b"good\0\0\0" and disk.read("vote") == b"kept"


def test_failed_replacement_leaves_what_was_there() -> None:
    bench = Bench().started()
    disk = written(bench, b"old", file="vote")
    begun(bench, DiskFault("n1", "io error", Aim("replace", "vote")))
    disk.replace("vote", b"new")
    disk.sync(1)
    bench.run(3 * MS)
    assert errors(bench)[-1] == INPUT_OUTPUT_ERROR and disk.read("vote") == b"old"


def test_fault_of_one_file_leaves_the_others_alone() -> None:
    bench = Bench().started()
    begun(bench, DiskFault("n1", "io error", Aim("append", "snapshot")))
    disk = written(bench, b"x")
    assert errors(bench) == [""]
    disk.append("snapshot", b"y")
    disk.sync(2)
    bench.run(3 * MS)
    assert errors(bench) == ["", INPUT_OUTPUT_ERROR]


def test_read_error_is_raised_and_only_where_it_is_asked_for() -> None:
    bench = Bench().started()
    disk = written(bench, b"x")
    begun(bench, DiskFault("n1", "io error", Aim(occurrence=1)))
    assert disk.read("log") == b"x"
    fault = begun(bench, DiskFault("n1", "io error", Aim("read", "log", occurrence=2)))
    assert disk.read("log") == b"x"
    with pytest.raises(ReadError, match="log: input/output error"):
        disk.read("log")
    assert disk.read("log") == b"x" and fault.bites == 1


def test_full_disk_says_so_and_takes_nothing_until_there_is_room() -> None:
    bench = Bench().started()
    disk = written(bench, b"before ")
    fault = begun(bench, DiskFault("n1", "full"))
    assert not disk.has_room()
    disk.append("log", b"never ")
    disk.sync(1)
    bench.run(3 * MS)
    assert errors(bench)[-1] == NO_SPACE and disk.read("log") == b"before "
    fault.heal()
    assert disk.has_room() and fault.bites == 2
    assert written(bench, b"after").read("log") == b"before after"


def test_slow_disk_takes_its_time_from_the_occurrence_on() -> None:
    bench = Bench().started()
    fault = begun(bench, DiskFault("n1", "slow", Aim(occurrence=2), delay_ns=5 * MS))
    for token in (1, 2, 3):
        bench.env("n1").disk.sync(token)
    bench.run(10 * MS)
    fault.heal()
    bench.env("n1").disk.sync(4)
    bench.run(20 * MS)
    assert bench.times("n1", "synced") == [2 * MS, 9 * MS, 16 * MS, 18 * MS] and fault.bites == 2


def test_stall_may_begin_with_a_later_sync() -> None:
    bench = Bench().started()
    fault = begun(bench, DiskFault("n1", "stall", Aim(occurrence=2)))
    written(bench, b"a", b"b")
    assert bench.times("n1", "synced") == [2 * MS]
    fault.heal()
    bench.run(MS)
    assert len(bench.times("n1", "synced")) == 2


def test_two_stalls_hold_until_both_are_healed() -> None:
    bench = Bench().started()
    one, other = begun(bench, DiskFault("n1", "stall")), begun(bench, DiskFault("n1", "stall"))
    written(bench, b"a")
    one.heal()
    bench.run(5 * MS)
    assert not bench.times("n1", "synced")
    other.heal()
    bench.run(MS)
    assert bench.times("n1", "synced") == [8 * MS]


def test_torn_write_leaves_every_kind_of_part_and_never_a_later_byte_alone() -> None:
    kept = set()
    content = bytes(range(1, 256)) * 5
    for seed in range(80):
        bench = Bench(seed=seed).started()
        written(bench, b"whole")
        fault = begun(bench, DiskFault("n1", "torn write", Aim(file="log")))
        bench.env("n1").disk.append("log", content)
        crash_and_restart(bench)
        found = bench.env("n1").disk.read("log").removeprefix(b"whole")
        for at, (expected, byte) in enumerate(zip(content, found, strict=False)):
            assert byte in (expected, 0), f"byte {at} of seed {seed}"
        assert len(found) <= len(content) and fault.bites == (found != content)
        holes = [sector for sector in range(0, len(found), 512) if not any(found[sector + 6 : sector + 500])]
        kept.add((len(found) < len(content), bool(holes) and any(found[holes[0] + 512 :])))
    assert kept >= {(True, False), (True, True), (False, False)}


def test_crash_with_nothing_to_tear_does_not_bite() -> None:
    bench = Bench().started()
    written(bench, b"whole")
    fault = begun(bench, DiskFault("n1", "torn write"))
    crash_and_restart(bench)
    assert fault.bites == 0 and bench.env("n1").disk.read("log") == b"whole"


def test_bit_rot_flips_one_bit_and_bites_when_it_is_read() -> None:
    for seed in range(10):
        bench = Bench(seed=seed).started()
        disk = written(bench, b"first", b"second", b"third")
        rot = begun(bench, BitRot("n1", "log"))
        assert rot.bites == 0
        assert len(flipped(b"firstsecondthird", disk.read("log"))) == 1 and rot.bites == 1


def test_bit_rot_at_a_place_that_was_chosen() -> None:
    bench = Bench().started()
    disk = written(bench, b"first", b"second")
    begun(bench, BitRot("n1", "log", span=range(7, 8)))
    (bit,) = flipped(b"firstsecond", disk.read("log"))
    assert bit // 8 == 7


def test_bit_rot_hits_the_write_or_the_read_that_it_is_aimed_at() -> None:
    bench = Bench().started()
    begun(bench, DiskFault("n1", "bit rot", Aim("append", "log", occurrence=2)))
    disk = written(bench, b"first", b"second", b"third")
    (bit,) = flipped(b"firstsecondthird", disk.read("log"))
    assert 5 <= bit // 8 < 11
    begun(bench, DiskFault("n1", "bit rot", Aim("read", "log", occurrence=2)))
    assert flipped(b"firstsecondthird", disk.read("log")) == [bit]
    assert len(flipped(b"firstsecondthird", disk.read("log"))) in (0, 2)  # The same bit again, or another one.


def test_damage_goes_with_the_file_that_has_it() -> None:
    bench = Bench().started()
    disk = written(bench, b"first")
    begun(bench, BitRot("n1", "log"))
    platter = bench.world.nodes["n1"].platter
    assert list(platter.damage) == ["log"]
    disk.replace("log", b"anew")
    disk.sync(1)
    bench.run(3 * MS)
    assert not platter.damage and disk.read("log") == b"anew"


def test_misdirected_write_leaves_a_hole_and_hits_another() -> None:
    hits = set()
    for seed in range(40):
        bench = Bench(seed=seed).started()
        written(bench, b"other file", file="other")
        disk = written(bench, b"aaaaa", b"bbbbb")
        fault = begun(bench, DiskFault("n1", "misdirected write", Aim("append", "log")))
        written(bench, b"xxxxx", b"ccccc")
        found = (disk.read("log"), disk.read("other"))
        assert fault.bites >= 1 and bench.world.nodes["n1"].platter.damage
        hits.add(found)
    assert (b"xxxxxbbbbb\0\0\0\0\0ccccc", b"other file") in hits
    assert (b"aaaaaxxxxx\0\0\0\0\0ccccc", b"other file") in hits
    assert (b"aaaaabbbbb\0\0\0\0\0ccccc", b"xxxxx file") in hits


@pytest.mark.parametrize(("content", "damaged"), [(b"same", ["other"]), (b"anew", ["other", "own"])])
def test_file_whose_misdirected_replacement_was_the_same_is_intact(content: bytes, damaged: list[str]) -> None:
    bench = Bench().started()
    written(bench, b"other file", file="other")
    disk = bench.env("n1").disk
    disk.replace("own", b"same")
    disk.sync(1)
    bench.run(3 * MS)
    begun(bench, DiskFault("n1", "misdirected write", Aim("replace", "own"), onto="other"))
    disk.replace("own", content)
    disk.sync(2)
    bench.run(3 * MS)
    assert disk.read("own") == b"same"
    assert sorted(bench.world.nodes["n1"].platter.damage) == damaged


@pytest.mark.parametrize(("content", "damaged"), [(b"anew", []), (b"new", ["own"]), (b"newer", [])])
def test_misdirected_replacement_that_lands_where_it_belongs_is_damage_if_some_of_the_old_is_left(
    content: bytes, damaged: list[str]
) -> None:
    bench = Bench().started()
    disk = bench.env("n1").disk
    disk.replace("own", b"same")
    disk.sync(1)
    bench.run(3 * MS)
    fault = begun(bench, DiskFault("n1", "misdirected write", Aim("replace", "own"), onto="own"))
    disk.replace("own", content)
    disk.sync(2)
    bench.run(3 * MS)
    assert fault.bites == 1 and disk.read("own") == content + b"same"[len(content) :]
    assert sorted(bench.world.nodes["n1"].platter.damage) == damaged


def test_probability_strikes_some_of_many() -> None:
    bench = Bench().started()
    fault = begun(bench, DiskFault("n1", "io error", Aim("sync", probability_ppm=300_000)))
    for token in range(200):
        bench.env("n1").disk.sync(token)
    bench.run(SECOND_NS)
    failed = sum(each != "" for each in errors(bench))
    assert len(errors(bench)) == 200 and 30 < failed < 90 and fault.bites == failed


@pytest.mark.parametrize(
    ("kind", "aim", "delay_ns", "reason"),
    [
        ("stall", Aim("append"), 0, "stall strikes no append: it strikes sync"),
        ("full", Aim(occurrence=0), 0, "occurrence=0 cannot be"),
        ("io error", Aim(probability_ppm=0), 0, "a probability of 0 % cannot be"),
        ("io error", Aim(probability_ppm=-5), 0, "cannot be"),
        ("io error", Aim(probability_ppm=1_000_001), 0, "cannot be"),
        ("io error", Aim(occurrence=2, probability_ppm=5), 0, "leave out one of them"),
        ("stall", Aim(probability_ppm=5), 0, "stalled or not"),
        ("slow", Aim(), 0, "needs a delay"),
        ("full", Aim(), 5, "takes no delay"),
    ],
)
def test_fault_that_makes_no_sense_is_refused(kind: str, aim: Aim, delay_ns: int, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        DiskFault("n1", kind, aim, delay_ns=delay_ns)  # type: ignore[arg-type]


def test_rot_of_nothing_is_refused() -> None:
    bench = Bench().started()
    with pytest.raises(InvalidInput, match="holds nothing that could rot"):
        BitRot("n1").apply(bench.world)
    written(bench, b"x")
    with pytest.raises(InvalidInput, match="'vote' holds nothing on the disk of n1 yet: there is log"):
        BitRot("n1", "vote").apply(bench.world)
    with pytest.raises(InvalidInput, match="ends before byte 1"):
        BitRot("n1", "log", span=range(1, 2)).apply(bench.world)


# --- processes that end themselves ------------------------------------------------------------------------------------


def test_process_that_halts_is_started_again_by_its_supervisor() -> None:
    bench = Bench().started()
    host = bench.world.nodes["n1"]
    env = bench.env("n1")
    env.halt("enough")
    assert host.is_down and host.halted_because == "enough"
    env.halt("again")  # A dead process does nothing.
    assert bench.world.halts["n1"] == 1
    bench.run(SUPERVISOR_DELAY_NS - 1)
    assert host.is_down
    bench.run(1)
    assert not host.is_down and host.incarnation == 2


def test_supervisor_leaves_alone_a_node_that_somebody_else_started_or_crashed() -> None:
    bench = Bench().started()
    bench.env("n1").halt("enough")
    bench.world.restart("n1")
    CrashNode("n1").apply(bench.world)
    bench.run(2 * SUPERVISOR_DELAY_NS)
    assert bench.world.nodes["n1"].is_down and bench.world.nodes["n1"].incarnation == 2
