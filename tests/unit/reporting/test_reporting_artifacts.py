"""Artifact folders: what is written, and that nothing about writing can hurt a test."""

import gzip
import os
import tracemalloc
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import msgspec
import pytest

from PhantomLibrary.domain import SECOND_NS, HistoryEvent
from PhantomLibrary.reporting.artifacts import ArtifactFolder, ArtifactFolders, write_atomically
from PhantomLibrary.reporting.summary import RunSummary, summarise
from PhantomLibrary.reporting.trace_file import TraceFile
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec, Schedule, read_schedule
from tests.unit.reporting.conftest import crashed_leader_run

NAMES = ["history.jsonl", "schedule.yaml", "summary.json", "trace.jsonl.gz", "usage.csv"]


class Written:
    """One run with the folder that it was written to."""

    def __init__(self, output_dir: Path) -> None:
        self.folder = ArtifactFolders(output_dir).open("Suites.Node Failure", "Crashed Leader Is Replaced")
        self.run = crashed_leader_run(self.folder.trace_sink())
        self.report = self.folder.write(self.run)

    def read(self, name: str) -> bytes:
        content = (self.folder.path / name).read_bytes()
        return gzip.decompress(content) if name.endswith(".gz") else content


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp("results"))


def digest_of(trace: bytes) -> str:
    return blake2b(trace, digest_size=16).hexdigest()


def do_again(schedule: Schedule) -> Run:
    run = Run(schedule.run)
    for command in schedule.commands:
        run.advance(command.accepted_ns)
        run.perform(command)
    run.advance(schedule.end_ns)
    return run


# --- what is written --------------------------------------------------------------------------------------------------


def test_folder_holds_all_files_and_nothing_else(written: Written) -> None:
    assert sorted(os.listdir(written.folder.path)) == NAMES
    assert written.report.problem == ""
    sizes = {name: (written.folder.path / name).stat().st_size for name in NAMES}
    assert dict(written.report.files) == sizes


def test_folder_is_shown_relative_to_the_output_directory(written: Written) -> None:
    assert written.report.folder == "phantom/Suites.Node_Failure.Crashed_Leader_Is_Replaced/"
    assert (written.folder.path.parents[1] / written.report.folder).samefile(written.folder.path)


def test_history_reads_back_as_it_was(written: Written) -> None:
    decode = msgspec.json.Decoder(HistoryEvent).decode
    assert [decode(line) for line in written.read("history.jsonl").splitlines()] == written.run.recorder.events
    assert len(written.run.recorder.events) > 500


def test_trace_holds_every_record_of_the_digest(written: Written) -> None:
    trace = written.read("trace.jsonl.gz")
    assert digest_of(trace) == written.run.trace.digest()
    lines = trace.splitlines()
    assert len(lines) == written.run.trace.records
    assert {"t", "node", "did"} == set(msgspec.json.decode(lines[0]))


def test_schedule_does_the_same_run_again(written: Written) -> None:
    schedule = read_schedule(written.read("schedule.yaml").decode(), "schedule.yaml")
    assert [each.verb for each in schedule.commands] == ["start workload", "crash node", "skew clock"]
    assert schedule.written_by.startswith("PhantomLibrary ")
    again = do_again(schedule)
    assert again.trace.digest() == schedule.digest == written.run.trace.digest()
    assert again.recorder.events == written.run.recorder.events


def test_summary_reads_back_as_it_was(written: Written) -> None:
    assert msgspec.json.decode(written.read("summary.json"), type=RunSummary) == summarise(written.run)


def test_equal_runs_give_equal_bytes(written: Written, tmp_path: Path) -> None:
    other = Written(tmp_path)
    for name in NAMES:
        assert (other.folder.path / name).read_bytes() == (written.folder.path / name).read_bytes(), name


# --- life -------------------------------------------------------------------------------------------------------------


def test_writing_twice_changes_nothing(written: Written) -> None:
    before = {name: written.read(name) for name in NAMES}
    assert written.folder.write(written.run) == written.report
    assert {name: written.read(name) for name in NAMES} == before


def test_run_that_goes_on_after_writing_is_written_whole(tmp_path: Path) -> None:
    folder = ArtifactFolder(tmp_path / "f")
    run = Run(RunSpec(seed=3), trace_sink=folder.trace_sink())
    for second in (1, 2, 3):
        run.advance(second * SECOND_NS)
        folder.write(run)
    assert digest_of(gzip.decompress((folder.path / "trace.jsonl.gz").read_bytes())) == run.trace.digest()
    assert sorted(os.listdir(folder.path)) == NAMES


def test_run_that_was_cut_short_is_written(tmp_path: Path) -> None:
    folder = ArtifactFolder(tmp_path / "f")
    run = Run(RunSpec(seed=1), trace_sink=folder.trace_sink())

    def interrupt() -> None:
        raise KeyboardInterrupt

    run.plan(2 * SECOND_NS, interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.advance(5 * SECOND_NS)
    report = folder.write(run)
    assert not report.problem and sorted(os.listdir(folder.path)) == NAMES
    assert "cut short at t=2.000s" in (folder.path / "summary.json").read_text()
    assert digest_of(gzip.decompress((folder.path / "trace.jsonl.gz").read_bytes())) == run.trace.digest()


def test_run_without_our_sink_is_written_without_trace(finished_run: Run, tmp_path: Path) -> None:
    report = ArtifactFolder(tmp_path / "f").write(finished_run)
    assert [name for name, _ in report.files] == ["history.jsonl", "schedule.yaml", "usage.csv", "summary.json"]
    assert report.problem == ""


def test_trace_of_an_earlier_run_is_not_taken_for_ours(finished_run: Run, tmp_path: Path) -> None:
    (tmp_path / "trace.jsonl.gz").write_text("old")
    ArtifactFolder(tmp_path).write(finished_run)
    assert "trace.jsonl.gz" not in os.listdir(tmp_path)


def test_trace_file_keeps_nothing_in_memory(tmp_path: Path) -> None:
    trace = TraceFile(tmp_path / "trace.jsonl.gz")
    batch = [b'{"t":%d,"node":"n1","did":"start"}' % number for number in range(1024)]
    trace(batch)
    tracemalloc.start()
    for _ in range(50):
        trace(batch)
    grown, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    trace.close()
    assert grown < 10_000 and peak < 200_000


def test_nothing_is_created_before_there_is_something_to_write(tmp_path: Path) -> None:
    folder = ArtifactFolders(tmp_path).open("S", "T")
    folder.trace_sink()
    folder.close()
    assert list(tmp_path.iterdir()) == []


def test_file_of_an_earlier_run_is_replaced(tmp_path: Path, finished_run: Run) -> None:
    path = tmp_path / "phantom" / "S.T"
    path.mkdir(parents=True)
    for name in NAMES:
        (path / name).write_text("old")
    folder = ArtifactFolders(tmp_path).open("S", "T")
    folder.trace_sink()([b"{}"])
    folder.write(finished_run)
    assert all((path / name).read_bytes() != b"old" for name in NAMES)


def test_no_file_stays_open(tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    process = psutil.Process()

    def open_files() -> list[tuple[str, int]]:  # Not how far each was written: a log of others may be among them.
        return [(each.path, each.fd) for each in process.open_files()]

    before = open_files()
    folder = ArtifactFolder(tmp_path / "f")
    folder.write(Run(RunSpec(seed=1), trace_sink=folder.trace_sink()))
    abandoned = ArtifactFolder(tmp_path / "g")
    abandoned.trace_sink()([b"{}"])
    abandoned.close()
    assert open_files() == before
    assert os.listdir(tmp_path / "g") == ["trace.jsonl.gz"]


# --- disks that say no ------------------------------------------------------------------------------------------------


def test_folder_that_cannot_be_made_is_reported_not_raised(tmp_path: Path) -> None:
    (tmp_path / "phantom").write_text("a file where the folder should be")
    folder = ArtifactFolders(tmp_path).open("S", "T")
    run = Run(RunSpec(seed=1), trace_sink=folder.trace_sink())
    run.advance(SECOND_NS)
    report = folder.write(run)
    assert report.files == ()
    for part in ("the trace could not be written", "history.jsonl could not be written", str(folder.path)):
        assert part in report.problem
    assert os.listdir(tmp_path) == ["phantom"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_is_reported_not_raised(tmp_path: Path) -> None:
    trace = TraceFile(tmp_path / "trace.jsonl.gz")
    (tmp_path / ".trace.jsonl.gz.part").symlink_to("/dev/full")
    trace([os.urandom(100_000)])
    trace.close()
    trace([b"{}"])
    assert "No space left on device" in trace.problem
    assert os.listdir(tmp_path) == []


def test_write_that_is_broken_off_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, [b"old"])

    def content() -> Iterator[bytes]:
        yield b"new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, content())
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_artifacts_are_written_after_a_command_was_refused(tmp_path: Path) -> None:
    folder = ArtifactFolder(tmp_path / "f")
    run = Run(RunSpec(seed=1), trace_sink=folder.trace_sink())
    with pytest.raises(ValueError, match="no node"):
        run.perform(Command("crash node", 0, 0, target="n9"))
    assert folder.write(run).problem == ""
