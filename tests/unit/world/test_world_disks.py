"""Disks: what survives a crash, a stall and a sync that lies."""

from __future__ import annotations

from PhantomLibrary.world.disk_faults import DiskFault
from PhantomLibrary.world.faults import CrashNode
from tests.unit.world.test_world_harness import MS, Bench


def crash_and_restart(bench: Bench) -> None:
    bench.world.crash("n1")
    bench.world.restart("n1")


def test_synced_content_survives_and_a_later_write_never_without_an_earlier_one() -> None:
    survivors = set()
    for seed in range(30):
        bench = Bench(seed=seed).started()
        disk = bench.env("n1").disk
        disk.append("log", b"durable ")
        disk.sync(1)
        bench.run(3 * MS)
        disk.append("log", b"a")
        disk.append("log", b"b")
        disk.replace("vote", b"c")
        crash = CrashNode("n1")
        crash.apply(bench.world)
        bench.world.restart("n1")
        disk = bench.env("n1").disk
        kept = disk.read("log").removeprefix(b"durable ") + disk.read("vote")
        assert disk.read("log").startswith(b"durable ")
        assert crash.bytes_lost == 3 - len(kept) == bench.world.nodes["n1"].platter.bytes_lost
        survivors.add(kept)
    assert survivors == {b"", b"a", b"ab", b"abc"}


def test_sync_covers_only_writes_that_were_made_before_it() -> None:
    bench = Bench().started()
    disk = bench.env("n1").disk
    disk.append("log", b"before")
    disk.sync(1)
    disk.append("log", b"later")
    bench.run(3 * MS)
    platter = bench.world.nodes["n1"].platter
    assert bench.times("n1", "synced") == [2 * MS]
    assert b"".join(platter.files["log"]) == b"before" and disk.read("log") == b"beforelater"


def test_syncs_are_served_in_order_one_after_the_other() -> None:
    bench = Bench().started()
    for token in (1, 2, 3):
        bench.env("n1").disk.sync(token)
    bench.run(20 * MS)
    assert [(note[0] // MS, note[3]) for note in bench.notes] == [(2, 1), (4, 2), (6, 3)]


def test_replace_and_remove_are_seen_at_once_and_wiped_disk_is_empty() -> None:
    bench = Bench().started()
    disk = bench.env("n1").disk
    disk.append("b", b"1")
    disk.append("b", b"2")
    disk.replace("a", b"x")
    assert disk.files() == ["a", "b"] and disk.read("b") == b"12" and disk.read("none") == b""
    disk.remove("b")
    disk.sync(1)
    bench.run(3 * MS)
    assert disk.files() == ["a"]
    bench.world.crash("n1")
    bench.world.restart("n1", wiped=True)
    assert bench.env("n1").disk.files() == []


def test_stall_holds_syncs_until_healed() -> None:
    bench = Bench().started()
    stall = DiskFault("n1", "stall")
    stall.apply(bench.world)
    bench.env("n1").disk.append("log", b"x")
    bench.env("n1").disk.sync(1)
    bench.env("n1").disk.sync(2)
    bench.run(50 * MS)
    assert bench.notes == [] and stall.bites == 1 and not bench.world.nodes["n1"].platter.files
    stall.heal()
    bench.run(10 * MS)
    assert bench.times("n1", "synced") == [50 * MS, 52 * MS]


def test_lost_fsync_answers_and_loses() -> None:
    bench = Bench().started()
    lost = DiskFault("n1", "lost fsync")
    lost.apply(bench.world)
    bench.env("n1").disk.append("log", b"acknowledged")
    bench.env("n1").disk.sync(1)
    bench.run(3 * MS)
    assert bench.times("n1", "synced") == [2 * MS] and lost.bites == 0
    crash_and_restart(bench)
    assert bench.env("n1").disk.read("log") == b"" and lost.bites == len(b"acknowledged")


def test_honest_sync_after_a_lost_one_makes_all_durable() -> None:
    bench = Bench().started()
    lost = DiskFault("n1", "lost fsync")
    lost.apply(bench.world)
    disk = bench.env("n1").disk
    disk.append("log", b"x")
    disk.sync(1)
    bench.run(3 * MS)
    lost.heal()
    disk.sync(2)
    bench.run(3 * MS)
    crash_and_restart(bench)
    assert bench.env("n1").disk.read("log") == b"x" and lost.bites == 0
