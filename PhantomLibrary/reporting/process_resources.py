"""What the test process holds and has spent: processor time, memory, threads, open and temporary files, children.

This is about the process that runs Robot, never about simulated nodes. psutil is imported when something is measured
for the first time. A snapshot costs about 0.1 ms; children cost a look at all processes of the machine, so they are
looked for once at the beginning, and when somebody asks.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import active_count

from msgspec import Struct

from PhantomLibrary.reporting.temporary_files import temporary_files_left

_CLEAR_REFS, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
_RESET_PEAK = "5"  # proc(5): sets the peak of the resident set to its present size.
_KILO = 1024
_MOMENT_S = 1.0  # How long a thread may take to end in the system once it has ended in Python.
_LOOK_EVERY_S = 0.002


class Snapshot(Struct, frozen=True):
    """One look at the process. `began_s` is the wall clock's time; files are descriptors, on Windows handles;
    temporary files are those that it has made, by path.
    """

    began_s: float
    cpu_s: float
    memory_bytes: int
    threads: int
    files: int
    temporary_files: tuple[str, ...]


def take_snapshot(*, settled: bool = False) -> Snapshot:
    """Look at the process now; where it is to be `settled`, after what nobody needs any more has been given back."""
    import psutil

    if settled:
        gc.collect()
    process = psutil.Process()
    files: int = getattr(process, "num_handles" if sys.platform == "win32" else "num_fds")()
    memory_bytes: int = process.memory_info().rss
    temporary = tuple(temporary_files_left())
    return Snapshot(time.time(), time.process_time(), memory_bytes, _threads.count(), files, temporary)


class _Threads:
    """Counts the threads of the process; `others` of them are none of Python's, such as those of a numeric library.

    A thread that Python has seen end lives on in the system for a moment, longer where processors are busy: so threads
    that Python does not know of are given that moment. Those that stay are others, and are not waited for again.
    """

    def __init__(self) -> None:
        self.others = 0

    def count(self) -> int:
        import psutil

        process, end_s = psutil.Process(), time.monotonic() + _MOMENT_S
        while (found := int(process.num_threads())) > active_count() + self.others and time.monotonic() < end_s:
            time.sleep(_LOOK_EVERY_S)
        self.others = max(0, found - active_count())
        return found


_threads = _Threads()


def reset_peak_memory() -> None:
    """Let the peak of memory count from now on, where the system can (Linux)."""
    try:
        _CLEAR_REFS.write_text(_RESET_PEAK)
    except OSError:
        return  # The peak is that of the process so far, then.


def peak_memory_bytes() -> int:
    """Return the most memory that the process has held at one time, since the last reset where that can be done."""
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * _KILO
    except OSError:
        pass
    if sys.platform == "win32":
        import psutil

        peak: int = psutil.Process().memory_info().peak_wset
        return peak
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * _KILO


def child_processes() -> dict[tuple[int, float], str]:
    """Return the child processes that run, of any generation, by number and time of birth, with number and name."""
    import psutil

    found = {}
    for child in psutil.Process().children(recursive=True):
        try:
            if child.status() != psutil.STATUS_ZOMBIE:
                found[child.pid, child.create_time()] = f"{child.pid} {child.name()}"
        except psutil.NoSuchProcess:
            continue
    return found


def measured(before: Snapshot, now: Snapshot) -> Iterator[tuple[str, str, int | float]]:
    """Yield what a test has cost, as name, unit and value."""
    yield "test_wall_time", "s", round(now.began_s - before.began_s, 6)
    yield "test_cpu_time", "s", round(now.cpu_s - before.cpu_s, 6)
    yield "test_memory_peak", "B", peak_memory_bytes()
    yield "test_memory_growth", "B", now.memory_bytes - before.memory_bytes
    yield "test_threads_left", "1", now.threads - before.threads
    yield "test_files_left", "1", now.files - before.files
    yield "test_temporary_files_left", "1", len(set(now.temporary_files) - set(before.temporary_files))


def slope_of(values: Sequence[int]) -> float:
    """Return how much a value grows from one to the next: the median of the slopes between all pairs.

    One that is far off moves it little, whereas it would tilt a line of least squares. Source: Sen, "Estimates of the
    Regression Coefficient Based on Kendall's Tau" (JASA 1968). Cost O(n * n); 0 for fewer than two values.
    """
    slopes = sorted(
        (later - earlier) / (end - start)
        for start, earlier in enumerate(values)
        for end, later in enumerate(values[start + 1 :], start + 1)
    )
    if not slopes:
        return 0.0
    middle = len(slopes) // 2
    return slopes[middle] if len(slopes) % 2 else (slopes[middle - 1] + slopes[middle]) / 2
