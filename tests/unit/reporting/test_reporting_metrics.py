"""metrics.jsonl: one value a line, of one run of Robot."""

from pathlib import Path

import msgspec

from PhantomLibrary.reporting.metrics_file import Metric, MetricsFile, metrics_of
from PhantomLibrary.reporting.summary import RunSummary


def metric(value: float) -> Metric:
    return Metric("T", "S", 1, 7, "events", "1", value)


def values(path: Path) -> list[float]:
    return [msgspec.json.decode(line, type=Metric).value for line in path.read_bytes().splitlines()]


def test_lines_of_one_run_follow_each_other_whoever_writes(tmp_path: Path) -> None:
    first, second = MetricsFile(tmp_path, "run 1"), MetricsFile(tmp_path, "run 1")
    assert [first.append([metric(1), metric(2)]), second.append([metric(3)]), first.append([metric(4)])] == ["", "", ""]
    assert values(tmp_path / "metrics.jsonl") == [1, 2, 3, 4]


def test_another_run_begins_the_file_anew(tmp_path: Path) -> None:
    MetricsFile(tmp_path, "run 1").append([metric(1), metric(2)])
    later = MetricsFile(tmp_path, "run 2")
    later.append([metric(3)])
    later.append([metric(4)])
    assert values(tmp_path / "metrics.jsonl") == [3, 4]


def test_file_that_is_not_ours_is_replaced(tmp_path: Path) -> None:
    for content in (b"", b"no JSON\n", b"[1]\n", b'{"metric":"x"}\n'):
        (tmp_path / "metrics.jsonl").write_bytes(content)
        assert MetricsFile(tmp_path, "run 1").append([metric(1)]) == ""
        assert values(tmp_path / "metrics.jsonl") == [1]


def test_every_line_has_the_same_fields(tmp_path: Path, summary: RunSummary) -> None:
    MetricsFile(tmp_path, "run 1").append(metrics_of(summary, suite="S", test="T", cluster=2))
    lines = [msgspec.json.decode(line) for line in (tmp_path / "metrics.jsonl").read_bytes().splitlines()]
    for line in lines:
        assert list(line) == ["test", "suite", "cluster", "seed", "metric", "unit", "value", "run"]
        assert (line["suite"], line["test"], line["cluster"], line["seed"], line["run"]) == ("S", "T", 2, 1, "run 1")


def test_metrics_say_what_the_summary_says(summary: RunSummary) -> None:
    found = {each.metric: (each.value, each.unit) for each in metrics_of(summary, suite="S", test="T")}
    writes = next(each for each in summary.operations if each.function == "write")
    assert found["register.write.ok"] == (writes.ok, "1")
    assert found["register.write.latency_p95"] == (writes.latency.p95_ns / 1e6, "ms")
    assert found["register.write.throughput"] == (writes.confirmed_per_1000_s / 1000, "1/s")
    assert found["virtual_duration"] == (7.0, "s")
    assert found["faults_without_bite"] == (1, "1")
    assert found["process_wall_time"] == (0.5, "s")


def test_directory_that_is_a_file_is_reported_not_raised(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    assert "metrics.jsonl could not be written" in MetricsFile(tmp_path / "out", "run 1").append([metric(1)])
