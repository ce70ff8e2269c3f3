"""What the test process holds and spends, and that clusters which were stopped leave nothing of it behind."""

import gc
import os
import subprocess
import sys
import tempfile
import threading

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.domain import MILLISECOND_NS
from PhantomLibrary.reporting import process_resources
from PhantomLibrary.reporting.artifacts import ArtifactFolders
from PhantomLibrary.reporting.process_resources import (
    child_processes,
    measured,
    peak_memory_bytes,
    reset_peak_memory,
    slope_of,
    take_snapshot,
)
from PhantomLibrary.reporting.temporary_files import temporary_files_left, watch_temporary_files
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec

CYCLES = 24
BLOCKS_MAX = 10  # Of Python's small objects; a cluster has more than 20,000.


def live_shortly(seed, kept):
    run = Run(RunSpec(seed=seed))
    arguments = {"kind": "register", "clients": 2, "rate": 200_000, "keys": 5}
    run.perform(Command("start workload", 0, 0, arguments=arguments))
    run.advance(300 * MILLISECOND_NS)
    run.finish()
    kept(run)


def blocks_after_each(kept):
    counts = []
    for seed in range(CYCLES):
        live_shortly(seed, kept)
        gc.collect()
        counts.append(sys.getallocatedblocks())
    return counts[CYCLES // 4 :]


def test_clusters_that_come_and_go_leave_nothing_in_memory():
    assert slope_of(blocks_after_each(lambda _run: None)) < BLOCKS_MAX


def test_a_small_part_of_a_cluster_that_is_kept_is_noticed():
    kept = []
    assert slope_of(blocks_after_each(lambda run: kept.append((run.watch.states, run.recorder.events)))) > BLOCKS_MAX


def test_files_and_threads_are_counted(tmp_path):
    before = take_snapshot()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    with (tmp_path / "open").open("w"):
        now = take_snapshot()
    # One more at least: whatever runs the tests may have opened something meanwhile.
    assert now.files - before.files >= 1 <= now.threads - before.threads
    stop.set()
    thread.join()
    costs = {name: value for name, _, value in measured(before, take_snapshot())}
    assert costs["test_files_left"] == costs["test_threads_left"] == costs["test_temporary_files_left"] == 0
    assert costs["test_wall_time"] >= 0 <= costs["test_cpu_time"] and costs["test_memory_peak"] > 5_000_000


def test_a_thread_that_still_ends_in_the_system_is_none_any_more(monkeypatch):
    counts = iter((3, 2, 1))
    monkeypatch.setattr(process_resources, "active_count", lambda: 1)
    monkeypatch.setattr(process_resources._threads, "others", 0)
    monkeypatch.setattr(psutil.Process, "num_threads", lambda _process: next(counts))
    assert take_snapshot().threads == 1


def test_threads_of_other_languages_are_waited_for_once(monkeypatch):
    looks = []
    monkeypatch.setattr(process_resources, "active_count", lambda: 1)
    monkeypatch.setattr(process_resources._threads, "others", 0)
    monkeypatch.setattr(process_resources, "_MOMENT_S", 0.01)
    monkeypatch.setattr(psutil.Process, "num_threads", lambda _process: looks.append(4) or 4)
    assert take_snapshot().threads == 4
    looks.clear()
    assert take_snapshot().threads == 4 and looks == [4]


def test_temporary_files_are_seen_until_they_are_gone(tmp_path):
    watch_temporary_files()
    watch_temporary_files()
    before = take_snapshot()
    folder = tempfile.mkdtemp(dir=tmp_path)
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        assert set(take_snapshot().temporary_files) - set(before.temporary_files) == {folder, file.name}
    now = take_snapshot()
    assert set(now.temporary_files) - set(before.temporary_files) == {folder}
    assert {name: value for name, _, value in measured(before, now)}["test_temporary_files_left"] == 1
    os.rmdir(folder)
    assert set(take_snapshot().temporary_files) <= set(before.temporary_files)


def test_a_trace_has_a_temporary_file_until_it_is_closed(tmp_path):
    folder = ArtifactFolders(tmp_path).open("Suite", "Test")
    sink = folder.trace_sink()
    sink([b"{}"])
    assert [each for each in temporary_files_left() if each.startswith(str(tmp_path))] == [
        str(folder.path / ".trace.jsonl.gz.part")
    ]
    folder.close()
    assert [each for each in temporary_files_left() if each.startswith(str(tmp_path))] == []


def test_children_are_found_until_they_end():
    before = child_processes()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        found = [name for key, name in child_processes().items() if key not in before]
        assert len(found) == 1 and found[0].startswith(f"{child.pid} ")
        child.communicate(b"\n")
    assert not set(child_processes()) - set(before)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a peak cannot be forgotten")
def test_a_peak_counts_from_the_last_reset():
    reset_peak_memory()
    low = peak_memory_bytes()
    block = bytearray(60_000_000)
    block[::4096] = b"x" * len(block[::4096])
    high = peak_memory_bytes()
    del block
    reset_peak_memory()
    assert high > low + 50_000_000 > peak_memory_bytes()


# --- the line through measurements ------------------------------------------------------------------------------------


@given(st.integers(-1000, 1000), st.integers(0, 10**9), st.integers(2, 30))
def test_a_straight_line_has_its_slope(slope, start, number):
    assert slope_of([start + slope * each for each in range(number)]) == slope


def test_one_noisy_value_does_not_tilt_the_line():
    assert slope_of([100, 100, 100, 5_000_000, 100, 100, 100, 100]) == 0
    assert slope_of([0, 10, 20, 30, 4_000_000, 50, 60, 70]) == 10


def test_of_an_even_number_of_slopes_the_middle_two_count():
    assert slope_of([0, 0, 0, 6]) == 1


def test_nothing_grows_in_fewer_than_two_values():
    assert slope_of([]) == slope_of([7]) == 0
