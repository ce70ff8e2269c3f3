"""What the test process held when each suite and each test began, and what a test has cost when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PhantomLibrary.errors import InvalidState

if TYPE_CHECKING:
    from collections.abc import Collection

    from PhantomLibrary.reporting.process_resources import Snapshot


class ProcessLedger:
    """Snapshots of all suites and of the test that run now, the innermost last."""

    def __init__(self) -> None:
        self._open: list[Snapshot] = []
        self._known_children: Collection[object] | None = None  # Those that were there before any test.

    def begin(self, *, is_test: bool = False) -> None:
        """A suite or a test begins."""
        from PhantomLibrary.reporting.process_resources import child_processes, reset_peak_memory, take_snapshot
        from PhantomLibrary.reporting.temporary_files import watch_temporary_files

        if self._known_children is None:
            watch_temporary_files()
            self._known_children = frozenset(child_processes())
        if is_test:
            reset_peak_memory()
        self._open.append(take_snapshot())

    def end(self) -> Snapshot:
        """It ends; return how things were when it began."""
        return self._open.pop()

    @property
    def present(self) -> Snapshot:
        """How things were when the present test began, or in a setup or teardown of a suite, that suite."""
        if not self._open:
            raise InvalidState("nothing was measured yet: the library has to be imported before the suite begins")
        return self._open[-1]

    def children_left(self) -> list[str]:
        """Return the child processes that run now, and were not there before the first suite began."""
        from PhantomLibrary.reporting.process_resources import child_processes

        known = self._known_children or ()
        return [name for key, name in child_processes().items() if key not in known]
