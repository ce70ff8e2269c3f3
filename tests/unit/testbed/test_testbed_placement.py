"""Where data is judged to be, and tables of placement that make no sense."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.testbed.placement_judge import judge_placement, shard_of
from PhantomLibrary.testbed.placement_table import read_table
from PhantomLibrary.testbed.region_setup import RegionWish
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec
from PhantomLibrary.testbed.setup import make_cluster_layout, make_topology

NODES = ["n1", "n2", "n3"]


@pytest.fixture
def run():
    run = Run(RunSpec(seed=1, topology="five-nodes", shards=4, knobs={"placement": "consistent-hash"}))
    run.advance(2 * SECOND_NS)
    for number in range(6):
        arguments = {"key": f"k{number}", "value": "1"}
        run.perform(Command("put value", run.now_ns, run.now_ns, arguments=arguments))
    run.advance(3 * SECOND_NS)
    return run


def test_what_is_where_it_belongs_is_valid(run):
    verdict = judge_placement(run)
    assert (verdict.outcome, verdict.operations) == ("valid", 18)
    assert shard_of(run, "k3") in range(1, 5)


def test_a_cluster_without_a_key_shows_nothing():
    run = Run(RunSpec(seed=1))
    assert judge_placement(run).outcome == "unknown"


def test_a_key_in_another_shard_is_found(run):
    home = shard_of(run, "k3")
    node, shard = next((n, s) for n in run.live_nodes() for s in run.processes[n].replicas if s not in (0, home))
    store = run.processes[node].replicas[shard].machine._store
    store.put(b"k3", b"7", at_ns=store.last_timestamp_ns + 1, horizon_ns=0)
    verdict = judge_placement(run)
    assert verdict.code == "PLC-001"
    assert verdict.message == f"'k3' is in the replica of shard {shard} on {node}, and belongs to shard {home}"


def test_a_shard_that_the_ring_has_elsewhere_is_found(run):
    directory = run.directory()
    shard = directory.shards[2]
    elsewhere = next(node for node in run.layout.nodes if node not in shard.voters)
    moved = replace(shard, voters=(*shard.voters[1:], elsewhere))
    shards = tuple(moved if each is shard else each for each in directory.shards)
    run.processes["n1"].membership.directory = replace(directory, version=99, shards=shards)
    verdict = judge_placement(run)
    assert verdict.code == "PLC-002"
    was, wanted = ", ".join(sorted(moved.voters)), ", ".join(sorted(shard.voters))
    assert verdict.message == f"shard {shard.shard} is on {was}, and belongs on {wanted}"


def test_a_shard_whose_members_change_is_not_judged_yet(run):
    directory = run.directory()
    shard = directory.shards[2]
    elsewhere = next(node for node in run.layout.nodes if node not in shard.voters)
    on_its_way = replace(shard, voters=(*shard.voters[1:], elsewhere), learners=(shard.voters[0],))
    shards = tuple(on_its_way if each is shard else each for each in directory.shards)
    run.processes["n1"].membership.directory = replace(directory, version=99, shards=shards)
    assert judge_placement(run).outcome == "valid"


def test_regions_with_copies_of_their_own_have_no_placement():
    regional = Run(RunSpec(seed=1, topology="three-regions", regions=RegionWish("asynchronous")))
    with pytest.raises(InvalidState, match="each region has a copy of its own here, and nothing moves"):
        judge_placement(regional)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (None, r"a list of 1 to 1000 entries such as {from: k5, nodes: \[n1, n2\]} is needed"),
        ([], "a list of 1 to 1000 entries"),
        (["k5"], r"\[0\]: 'k5' is no entry: write {from: k5, nodes: \[n1, n2\]}"),
        ([{"from": "", "node": ["n1"]}], r"\[0\]: unknown key 'node': there are from, nodes \(did you mean nodes\?\)"),
        ([{"from": 5, "nodes": ["n1"]}], r"\[0\].from: 5 is no key: write text"),
        ([{"from": "", "nodes": "n1"}], r"\[0\].nodes: 'n1' is no list of nodes"),
        ([{"from": "", "nodes": ["n1", "m2"]}], r"\[0\].nodes: no node 'm2': there are n1, n2, n3 \(did you mean n2\?"),
        ([{"from": "", "nodes": ["n1", "n1"]}], r"\[0\].nodes: n1 is named twice"),
        ([{"from": "", "nodes": ["n1"]}], r"\[0\].nodes: 1 nodes \(n1\) for 2 replicas"),
        ([{"from": "k5", "nodes": ["n1", "n2"]}], "no shard begins at \"\", so nobody would hold the keys before 'k5'"),
        ([{"from": "", "nodes": ["n1", "n2"]}] * 2, r"\[1\].from: there are two shards that begin at ''"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(lines, words):
    with pytest.raises(InvalidInput, match=words):
        read_table(lines, NODES, 2, "t.yaml: $.database.directory")


@pytest.mark.parametrize(
    ("knobs", "shards", "words"),
    [
        (
            {"placement": "directry"},
            1,
            r"'directry' is not possible: there are range, hash, consistent-hash, directory",
        ),
        ({"placement": "directory"}, 1, r"directory: a list of 1 to 1000 entries"),
        ({"virtual_nodes": 0}, 1, "virtual_nodes: 0 is not possible"),
        ({"directory": [{"from": "", "nodes": NODES}]}, 1, "a table needs 'placement: directory' beside it"),
        (
            {"placement": "directory", "directory": [{"from": "", "nodes": NODES}, {"from": "k5", "nodes": NODES}]},
            3,
            "shards=3 is not possible: the directory of three-nodes has 2",
        ),
    ],
)
def test_a_placement_that_makes_no_sense_is_refused(knobs, shards, words):
    spec = RunSpec(seed=1, shards=shards, knobs=knobs)
    with pytest.raises(InvalidInput, match=words):
        make_cluster_layout(spec, make_topology(spec))
