"""What is reported of regions with copies of their own: in the log, in metrics, and write by write in a file."""

import csv
import io

import pytest

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.reporting.artifacts import ArtifactFolder
from PhantomLibrary.reporting.divergence_table import counted, divergence_csv, divergent
from PhantomLibrary.reporting.metrics_file import metrics_of
from PhantomLibrary.reporting.summary import summarise
from PhantomLibrary.reporting.summary_table import render_text
from PhantomLibrary.testbed.divergence_judge import divergence_report
from PhantomLibrary.testbed.region_setup import RegionWish
from PhantomLibrary.testbed.regions import regions_agree
from tests.unit.testbed.conftest import Driver


@pytest.fixture(scope="module")
def run():
    """Two regions write a key while neither hears the other; one of them then writes it again, and another key."""
    it = Driver(topology="three-regions", regions=RegionWish("asynchronous", writable=("eu", "us")))
    assert it.go(3, lambda: all(map(it.run.leader, it.run.shard_ids)))
    it.give("partition network", "region eu | rest")
    for key, gateway in (("a", "region us"), ("a", "region eu"), ("a", "region eu"), ("b,c", "region us")):
        task = it.give("put value", gateway, key=key, value=f"{it.run.now_ns}")
        assert it.go(4, lambda task=task: task.is_done)
    it.go(3)
    it.give("heal network")
    assert it.go(10, regions_agree(it.run))
    return it.run


def test_the_summary_tells_of_lag_conflicts_and_writes(run):
    summary = summarise(run).regions
    assert (summary.replication, summary.writable, summary.policies) == ("asynchronous", ("eu", "us"), 1)
    assert 2 * SECOND_NS < summary.lag_ns["max"] < 4 * SECOND_NS
    assert summary.conflicts["last writer wins"] >= 1
    assert summary.fates == {"visible": 2, "superseded": 1, "overwritten": 1}
    text = render_text(summarise(run))
    assert "asynchronous between eu, us, ap; eu, us took writes at the end" in text
    assert "confirmed writes: 2 visible, 1 overwritten, 1 superseded" in text


def test_metrics_have_it_too(run):
    metrics = {each.metric: each.value for each in metrics_of(summarise(run), suite="s", test="t")}
    assert metrics["replication_lag_max"] > 2_000 and metrics["conflicts_last_writer_wins"] >= 1
    assert metrics["writes_superseded"] == 1


def test_each_write_is_a_line_of_the_file(run, tmp_path):
    rows = list(csv.DictReader(io.StringIO(b"".join(divergence_csv(run)).decode())))
    assert [(row["key"], row["region"], row["fate"]) for row in rows] == [
        ("a", "eu", "overwritten"),
        ("a", "eu", "visible"),
        ("a", "us", "superseded"),
        ("b,c", "us", "visible"),
    ]
    assert rows[2]["by_region"] == "eu" and "last writer wins" in rows[2]["why"]
    written = ArtifactFolder(tmp_path / "it").write(run)
    assert "divergence.csv" in {name for name, _ in written.files}


def test_what_met_others_is_picked_out(run):
    fates = divergence_report(run)
    assert [each.fate for each in divergent(fates)] == ["superseded"]
    assert counted(fates) == "2 visible, 1 overwritten, 1 superseded"
    assert counted([]) == "none"


def test_a_cluster_without_copies_has_nothing_of_that(tmp_path):
    it = Driver().elect()
    assert summarise(it.run).regions is None
    assert "divergence.csv" not in {name for name, _ in ArtifactFolder(tmp_path / "it").write(it.run).files}
