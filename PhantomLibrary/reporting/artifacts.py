"""The evidence of a run as files: one folder for each cluster of each test, under `<output dir>/phantom/`.

    history.jsonl     what clients asked and learnt: one HistoryEvent a line
    schedule.yaml     what does this run again: `python -m PhantomLibrary replay schedule.yaml`
    trace.jsonl.gz    every message and every start and stop of a node, in order; its digest is that of the run
    usage.csv         what each node used of its processor, memory, disk and network, second by second
    summary.json      what the table in the log shows, for programs
    divergence.csv    what became of each write, where regions have copies of their own

Rule: evidence never fails a test. A disk that is full or not ours to write on becomes a sentence in the report.

A file is written under a temporary name and then renamed, so whoever sees it sees the whole of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from PhantomLibrary import __version__
from PhantomLibrary.domain import HistoryEvent
from PhantomLibrary.kernel.trace import Sink
from PhantomLibrary.reporting.artifact_names import FolderNames
from PhantomLibrary.reporting.divergence_table import divergence_csv
from PhantomLibrary.reporting.summary import RunSummary, summarise
from PhantomLibrary.reporting.temporary_files import note_temporary_file
from PhantomLibrary.reporting.trace_file import TraceFile
from PhantomLibrary.reporting.usage_report import usage_table
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Schedule, write_schedule

ROOT_NAME = "phantom"
HISTORY, SCHEDULE, TRACE, SUMMARY = "history.jsonl", "schedule.yaml", "trace.jsonl.gz", "summary.json"
USAGE, DIVERGENCE = "usage.csv", "divergence.csv"

_LINES_AT_ONCE = 1024


class WrittenArtifacts(Struct, frozen=True):
    """What became of a run's artifacts.

    `folder` is relative to Robot's output directory and ends in a slash, to be shown and linked. `files` holds name
    and size in bytes of those that are there; `problem` a sentence about those that are not, "" when all is well.
    """

    folder: str
    files: tuple[tuple[str, int], ...]
    problem: str = ""


class ArtifactFolders:
    """All artifact folders of a process, one below another in Robot's output directory."""

    def __init__(self, output_dir: Path | str) -> None:
        self._root = Path(output_dir) / ROOT_NAME
        self._names = FolderNames()

    def open(self, suite: str, test: str) -> ArtifactFolder:
        """Return the folder for the next cluster of this test; `test` is "" for a cluster of a whole suite."""
        name, cluster = self._names.next_name(suite, test)
        return ArtifactFolder(self._root / name, cluster)


class ArtifactFolder:
    """The artifacts of one run.

    Life: `trace_sink` is given to the Run when it is made, `write` is called when the test ends, however it ends, and
    as often as one likes. Nothing is created on disk before there is something to write. What an earlier run of
    the same test left here is replaced.
    """

    def __init__(self, path: Path, cluster: int = 1) -> None:
        self.path = path
        self.cluster = cluster  # Which cluster of its test.
        self._trace = TraceFile(path / TRACE)
        self._kept: dict[str, None] = {}

    @property
    def link(self) -> str:
        """The folder as messages show it and links reach it from the output directory: `phantom/<suite>.<test>/`."""
        return f"{ROOT_NAME}/{self.path.name}/"

    def trace_sink(self) -> Sink:
        """Return what takes the records of the run's trace."""
        return self._trace

    def write(self, run: Run, summary: RunSummary | None = None) -> WrittenArtifacts:
        """Write down all that is known of a run, whether it came to its end or was cut short. Raises nothing.

        Without a summary one is made here, without wall time. The trace is written only if this folder's sink was
        given to the run.
        """
        schedule = run.finish()  # Also brings the trace up to date.
        self._trace.close()
        self._forget_old_trace()
        problems = [self._trace.problem]
        contents: tuple[tuple[str, Iterator[bytes]], ...] = (
            (HISTORY, history_lines(run.recorder.events)),
            (SCHEDULE, _schedule_text(schedule)),
            (USAGE, usage_table(run)),
            (SUMMARY, _summary_text(summary or summarise(run))),
        )
        for name, content in contents:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                write_atomically(self.path / name, content)
            except OSError as error:
                problems.append(f"{name} could not be written: {error.strerror or error} ({self.path})")
        if run.layout.regions is not None:
            self.keep(DIVERGENCE, divergence_csv(run))
        return WrittenArtifacts(self.link, tuple(self._files()), "; ".join(filter(None, problems)))

    def keep(self, name: str, content: Iterable[bytes]) -> str:
        """Write a further file at once, and return where it lies from the output directory; "" where that failed.

        A `{}` in its name is the number of such a file.
        """
        name = name.format(len(self._kept) + 1)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path / name, content)
        except OSError:
            return ""
        self._kept[name] = None
        return f"{self.link}{name}"

    def close(self) -> None:
        """Give up a run that nobody will write down: keep its trace so far, and leave no file open."""
        self._trace.close()

    def _forget_old_trace(self) -> None:
        """Remove the trace of an earlier run where there is none of this one: it would be taken for ours."""
        if self._trace.problem or not self._trace.records:
            with suppress(OSError):
                (self.path / TRACE).unlink()

    def _files(self) -> Iterator[tuple[str, int]]:
        for name in (HISTORY, SCHEDULE, TRACE, USAGE, SUMMARY, *self._kept):
            with suppress(OSError):
                yield name, (self.path / name).stat().st_size


def write_atomically(path: Path, content: Iterable[bytes]) -> None:
    """Write a file that appears under its name only when it is whole. Raises OSError; leaves no temporary file."""
    part = path.with_name(f".{path.name}.part")
    note_temporary_file(part)
    try:
        with part.open("wb") as file:
            file.writelines(content)
        os.replace(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def history_lines(events: Iterable[HistoryEvent]) -> Iterator[bytes]:
    """Yield a history as JSON lines, many at once."""
    encode = msgspec.json.Encoder().encode
    lines: list[bytes] = []
    for event in events:
        lines.append(encode(event))
        if len(lines) == _LINES_AT_ONCE:
            yield b"\n".join(lines) + b"\n"
            lines.clear()
    if lines:
        yield b"\n".join(lines) + b"\n"


def _schedule_text(schedule: Schedule) -> Iterator[bytes]:
    signed = msgspec.structs.replace(schedule, written_by=f"PhantomLibrary {__version__}")
    yield write_schedule(signed).encode()


def _summary_text(summary: RunSummary) -> Iterator[bytes]:
    yield msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n"
