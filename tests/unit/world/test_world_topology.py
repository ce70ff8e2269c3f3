"""Topologies: built-in ones load; each kind of mistake is refused with its place and with what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.world.topology_file import builtin_topologies, load_topology, parse_topology
from PhantomLibrary.world.units import Bytes, Millionths, Nanoseconds, SignedNanoseconds, decode

GOOD = """\
name: test
nodes:
  - {name: n1, zone: a, region: eu, size: big}
  - {name: n2, zone: a, region: us, size: big}
sizes:
  big: {cores: 2, memory: 1 GB, disk: {latency: 0.5 ms}}
latencies:
  same_zone: 0.25 ms
  same_region: {distribution: uniform, low: 1 ms, high: 2 ms}
  between_regions:
    eu - us: 40 ms
links: {loss: 0.1 %}
database: {heartbeat: 50 ms, anything: [1]}
"""


def test_good_file_is_read_exactly() -> None:
    topology = parse_topology(GOOD, "good.yaml")
    assert topology.sizes["big"].disk.latency.value == 500_000  # type: ignore[union-attr]
    assert topology.links.loss == 1_000
    assert topology.link_properties("n1", "n2").latency.value == 40_000_000  # type: ignore[union-attr]
    assert topology.database == {"heartbeat": "50 ms", "anything": [1]}


def test_standard_sizes_need_no_definition_and_an_own_one_of_that_name_counts() -> None:
    plain = parse_topology(
        GOOD.replace("n1, zone: a, region: eu, size: big", "n1, zone: a, region: eu, size: small"), "x"
    )
    assert (plain.sizes["small"].cores, plain.sizes["medium"].cores, plain.sizes["large"].cores) == (2, 4, 8)
    own = parse_topology(
        GOOD.replace("  big:", "  small: {cores: 3, memory: 1 GB, disk: {latency: 1 ms}}\n  big:"), "x"
    )
    assert own.sizes["small"].cores == 3 and own.sizes["tiny"].network == 12_500_000


def test_zones_of_a_region_are_as_far_apart_as_the_matrix_says() -> None:
    text = GOOD.replace(
        "  - {name: n2, zone: a, region: us, size: big}",
        """\
  - {name: n2, zone: a, region: us, size: big}
  - {name: n3, zone: b, region: us, size: big}
  - {name: n4, zone: c, region: us, size: big}""",
    ).replace("  between_regions:", "  between_zones: {b - a: 3 ms}\n  between_regions:")
    topology = parse_topology(text, "zones.yaml")
    latencies = topology.latencies

    def between(source: str, target: str) -> object:
        return topology.link_properties(source, target).latency

    assert between("n2", "n3") == between("n3", "n2") == latencies.between_zones["b - a"]
    assert latencies.between_zones["b - a"].value == 3_000_000  # type: ignore[union-attr]
    assert between("n2", "n4") == latencies.same_region  # A pair that the matrix leaves out.
    assert between("n1", "n3") == latencies.between_regions["eu - us"]  # Zones of different regions have no say.


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        (
            "cores: 2",
            "corse: 2",
            6,
            r"\$\.sizes\.big\.corse: unknown key 'corse': allowed are cores.*did you mean cores",
        ),
        ("links:", "link:", 12, r"\$\.link: unknown key 'link'.*did you mean links"),
        ("low: 1 ms", "lwo: 1 ms", 9, r"unknown key 'lwo': allowed are distribution, low, high.*did you mean low"),
        ("cores: 2", "cores: two", 6, r"\$\.sizes\.big\.cores: expected a whole number, found 'two'"),
        ("cores: 2", "cores: 0", 6, r"0 cores cannot be: 1 to"),
        ("cores: 2", "cores: 1025", 6, r"1025 cores cannot be: 1 to 1,024 are allowed"),
        ("cores: 2", "cores: 2, speed: 0 %", 6, r"\$\.sizes\.big\.speed: a speed of 0 % cannot be"),
        ("memory: 1 GB", "memory: 0 GB", 6, r"\$\.sizes\.big\.memory: no memory cannot be"),
        (
            "latency: 0.5 ms",
            "latency: {distribution: uniform, low: 2 ms, high: 1 ms}",
            6,
            r"\$\.sizes\.big\.disk\.latency: low .* is above high",
        ),
        ("disk: {latency: 0.5 ms}", "disk: fast", 6, r"\$\.sizes\.big\.disk: expected"),
        ("disk: {latency: 0.5 ms}", "disk: {}", 6, r"\$\.sizes\.big\.disk: 'latency' is missing"),
        ("  big: {cores", "  7: {cores", 5, r"\$\.sizes: expected names as keys, found 7"),
        (
            "0.5 ms}",
            "0.5 ms, bandwidth: 0 B/s}",
            6,
            r"\$\.sizes\.big\.disk\.bandwidth: a bandwidth of 0 B/s carries nothing",
        ),
        (
            "memory: 1 GB",
            "memory: 1 GB, network: 0 MB/s",
            6,
            r"\$\.sizes\.big\.network: a bandwidth of 0 B/s carries nothing",
        ),
        ("memory: 1 GB", "memory: 1 GB, network: fast", 6, r"\$\.sizes\.big\.network: 'fast' is not a bandwidth"),
        ("memory: 1 GB", "memory: 1 GB, netwrok: 1 MB/s", 6, r"netwrok.*did you mean network"),
        ("loss: 0.1 %", "bandwidth: 0 B/s", 12, r"\$\.links\.bandwidth: a bandwidth of 0 B/s carries nothing"),
        (
            "region: eu, size: big",
            "region: eu, size: big, clock: {drift: 60 %}",
            3,
            r"\$\.nodes\[0\]\.clock\.drift: 600000 ppm is too much",
        ),
        ("memory: 1 GB", "memory: 1 Gb", 6, r"'1 Gb' is not a size: its unit is one of .*did you mean GB"),
        ("memory: 1 GB", "memory: 5", 6, r"\$\.sizes\.big\.memory: 5 is not a size"),
        ("0.25 ms", "-0.25 ms", 8, r"\$\.latencies\.same_zone.*'-0\.25 ms' is negative"),
        ("0.25 ms", "0.2500001 ms", 8, r"finer than the smallest unit, which is 1 ns"),
        ("uniform", "unifrom", 9, r"'unifrom' is no distribution: allowed are .*did you mean uniform"),
        ("high: 2 ms", "high: 0.5 ms", 9, r"\$\.latencies\.same_region: low .* is above high"),
        ("loss: 0.1 %", "loss: 101 %", 12, r"\$\.links\.loss: 101 % is more than all"),
        ("name: n2", "name: n1", 4, r"\$\.nodes\[1\]\.name: 'n1' is the name of \$\.nodes\[0\] too"),
        (
            "us, size: big",
            "us, size: bgi",
            4,
            r"\$\.nodes\[1\]\.size: no size 'bgi': allowed are tiny, small, medium, large, big .did you mean big",
        ),
        ("zone: a, region: us, ", "region: us, ", 4, r"\$\.nodes\[1\]: 'zone' is missing"),
        ("eu - us", "us - us", 11, r"'us' is at no distance from itself: a pair names two regions"),
        (
            "  between_regions:",
            "  between_zones: {a - b: 1 ms}\n  between_regions:",
            10,
            r"\$\.latencies\.between_zones\.a - b: no node stands in 'b': the zones are a",
        ),
        (
            "  between_regions:",
            "  between_zones: {a: 1 ms}\n  between_regions:",
            10,
            r"'a' is no pair of zones: write two names",
        ),
        ("eu - us", "eu - mars", 11, r"no node stands in 'mars': the regions are eu, us"),
        ("    eu - us: 40 ms", "    {}", 10, r"the latency of 'eu - us' is missing"),
        ("name: test", "name: test\nname: again", 2, r"\$\.name: this key is there twice"),
        ("[1]}", "[1}", 13, r"malformed YAML"),
    ],
)
def test_mistake_is_refused_with_its_place(old: str, new: str, line: int, said: str) -> None:
    assert old in GOOD
    with pytest.raises(InvalidInput, match=said) as refusal:
        parse_topology(GOOD.replace(old, new), "bad.yaml")
    assert f"bad.yaml, line {line}:" in str(refusal.value)


@pytest.mark.parametrize("text", ["", "- 1", "name: [", "just text"])
def test_file_that_is_no_topology_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"bad\.yaml"):
        parse_topology(text, "bad.yaml")


@pytest.mark.parametrize("name", builtin_topologies())
def test_built_in_topology_loads_under_its_own_name(name: str) -> None:
    assert load_topology(name).name == name


def test_number_of_nodes_repeats_them_in_turn() -> None:
    topology = load_topology("three-nodes", nodes=5)
    assert [(node.name, node.zone) for node in topology.nodes] == list(
        zip(["n1", "n2", "n3", "n4", "n5"], "abcab", strict=True)
    )
    for wrong in (0, -1, 100_000):
        with pytest.raises(InvalidInput, match="nodes cannot be"):
            load_topology("three-nodes", nodes=wrong)


def test_topology_is_read_from_a_path_and_an_unknown_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_topology(str(path)).name == "test"
    with pytest.raises(InvalidInput, match=r"no topology 'three-node'.*did you mean three-nodes"):
        load_topology("three-node")


def test_quantities_are_read_exactly() -> None:
    assert decode(Nanoseconds, "0.1 ms") == 100_000
    assert decode(Millionths, "0.0001 %") == 1
    assert decode(Bytes, "1.5 kB") == 1_500
    assert decode(SignedNanoseconds, "-2s") == -2_000_000_000
