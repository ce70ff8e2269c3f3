"""Keywords that measure the process that runs the tests. It must not hold on to what it does not need any more."""

from __future__ import annotations

from typing import Any, Literal

from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn
from robot.running import RUN_KW_REGISTER
from robotlibcore import keyword

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.keywords.choices import NO_OPERATOR, Operator
from PhantomLibrary.keywords.comparison import holds
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.failures import CheckFailed
from PhantomLibrary.keywords.lifetime import Clusters
from PhantomLibrary.keywords.process_ledger import ProcessLedger
from PhantomLibrary.keywords.quantities import Count, Size, to_size

_FIVE_MB = to_size("5MB")
_MB = 1_000_000
_CYCLES_MIN = 8
_WARM_UP_SHARE = 4  # Of all cycles the first quarter fills caches.
_EVIDENCE_MAX = 8


class ProcessKeywords(Component):
    """Keywords of the test process."""

    def __init__(self, clusters: Clusters, ledger: ProcessLedger) -> None:
        super().__init__(clusters)
        self._ledger = ledger

    @keyword(tags=("getter", "metric", "concurrency"))
    def get_process_usage(
        self,
        resource: Literal["cpu", "memory", "peak memory", "threads", "files", "temporary files", "children"],
        operator: Operator = NO_OPERATOR,
        expected: str = "",
    ) -> float:
        """Returns what the process that runs the tests has spent or holds; with an operator, checks it first.

        ``cpu`` is the processor time in seconds since the test began; ``memory`` what the process holds now and ``peak
        memory`` the most since the test began, in MB; ``threads`` and ``files`` how many it has now, whereby files are
        all descriptors, on Windows handles; ``temporary files`` how many there are, folders included, that the process
        has made since the first suite began; ``children`` how many child processes run that were not there before the
        first suite. Where the system cannot forget a peak (anywhere but on Linux), it is that of the process so far.

        None of this has to do with simulated nodes: for these, see `Get Node Usage`.

        Fails when it is not as expected.

        Example:
        | `Get Process Usage` | cpu | < | 10 |
        | `Get Process Usage` | threads | == | 1 |
        """
        from PhantomLibrary.reporting.process_resources import peak_memory_bytes, take_snapshot

        before, now = self._ledger.present, take_snapshot()
        found: float
        match resource:
            case "cpu":
                found = now.cpu_s - before.cpu_s
            case "memory":
                found = now.memory_bytes / _MB
            case "peak memory":
                found = peak_memory_bytes() / _MB
            case "children":
                found = len(self._ledger.children_left())
            case "temporary files":
                found = len(now.temporary_files)
            case _:
                found = getattr(now, resource)
        wanted = expected.strip().removesuffix("MB").removesuffix("s").strip()
        if not holds(found, operator.word, wanted):
            raise CheckFailed(f"EXP-001: {resource} of the test process is {found:g}, expected {operator} {expected}")
        return found

    @keyword(tags=("assertion", "check", "concurrency"))
    def process_should_not_leak(self, *, memory: Size = _FIVE_MB, threads: int = 0, files: int = 0) -> None:
        """Fails when the test process holds more than when the test began: memory, threads, files, child processes.

        Stop the cluster first: a running one holds what it needs. In the teardown of a suite it counts from the suite's
        beginning. ``memory``, ``threads`` and ``files`` are how much more is allowed; of child processes, and of
        temporary files and folders, none is. Files are all descriptors, on Windows handles; temporary files are those
        that Python's ``tempfile`` has made for anybody, and artifacts that have not got their names yet. Memory is a
        noisy measure, for the interpreter keeps some of what was freed: `Memory Should Stay Flat` finds small leaks.

        Example:
        | `Stop Cluster` |
        | `Process Should Not Leak` | memory=20MB |
        """
        from PhantomLibrary.reporting.process_resources import take_snapshot

        for name, allowed in (("threads", threads), ("files", files)):
            if allowed < 0:
                raise InvalidInput(f"{name}={allowed} is negative: write how many more are allowed, 0 or more")
        before, now = self._ledger.present, take_snapshot(settled=True)
        growth = now.memory_bytes - before.memory_bytes
        found = []
        if growth > memory.bytes:
            found.append(f"memory has grown by {growth / _MB:.1f} MB, {memory} is allowed")
        if now.threads - before.threads > threads:
            names = ", ".join(_other_threads()) or "none of Python's"
            found.append(f"{now.threads - before.threads} more threads than before, {threads} allowed ({names})")
        if now.files - before.files > files:
            found.append(f"{now.files - before.files} more open files than before, {files} allowed")
        temporary = [each for each in now.temporary_files if each not in before.temporary_files]
        if temporary:
            found.append(f"temporary files are left: {', '.join(temporary[:_EVIDENCE_MAX])}")
        left = self._ledger.children_left()
        if left:
            found.append(f"{len(left)} child processes run still ({', '.join(left[:_EVIDENCE_MAX])})")
        if found:
            raise CheckFailed(f"PRC-001: the test process leaks: {'; '.join(found)}")
        logger.info(f"nothing is left: memory {growth / _MB:+.1f} MB, threads and files as before, no temporary files")

    @keyword(tags=("assertion", "check", "concurrency", "robot:flatten"))
    def memory_should_stay_flat(self, cycles: Count, growth: Size, name: str, *args: Any) -> float:
        """Runs a keyword again and again, and fails when each time leaves memory behind. Returns how much, in bytes.

        ``cycles`` is how often, 8 at least; ``growth`` how much memory each one may leave, such as ``50kB``. A line is
        laid through what the process holds after each cycle, the first quarter excepted, which fills caches: so one
        noisy measurement does no harm, and a leak of any size shows if there are enough cycles. ``args`` go to the
        keyword.

        Example:
        | `Memory Should Stay Flat` | 200 | 20kB | Start And Stop A Cluster |
        """
        from PhantomLibrary.reporting.process_resources import slope_of, take_snapshot

        if cycles.number < _CYCLES_MIN:
            raise InvalidInput(f"{cycles} cycles cannot tell a leak from noise: write {_CYCLES_MIN} or more")
        held = []
        for _ in range(cycles.number):
            BuiltIn().run_keyword(name, *args)
            held.append(take_snapshot(settled=True).memory_bytes)
        counted = held[cycles.number // _WARM_UP_SHARE :]
        slope = slope_of(counted)
        if slope > growth.bytes:
            samples = [f"after cycle {number}: {each / _MB:.2f} MB" for number, each in enumerate(held, 1)]
            every = max(1, len(samples) // _EVIDENCE_MAX)
            headline = f"PRC-002: {name} leaves {slope / 1000:.1f} kB behind each time, {growth} is allowed"
            raise CheckFailed("\n".join([headline, *samples[::every]]))
        logger.info(f"{name} leaves {slope / 1000:+.2f} kB behind each time, by {len(counted)} of {cycles} cycles")
        return slope


def _other_threads() -> list[str]:
    from threading import enumerate as all_threads
    from threading import main_thread

    return [each.name for each in all_threads() if each is not main_thread()]


RUN_KW_REGISTER.register_run_keyword(
    "PhantomLibrary", "Memory Should Stay Flat", 3, deprecation_warning=False, dry_run=True
)
