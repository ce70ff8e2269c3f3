"""Policies of scaling from YAML."""

import pytest

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.domain.scaling import Rule, ScalingPolicy, Scheduled
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.testbed.scaling_file import parse_policy, read_policy

WHOLE = """
mode: scheduled
min_nodes: 3
max_nodes: 8
metrics:
  cpu: {up_at: 72.5 %, down_at: 30 %, up_factor: 200 %}
  queries: {up_at: 500/s, down_at: 100/s, down_factor: 120 %}
window: 8 s
cooldown: 30 s
interval: 1 s
late_max: 90 s
schedule:
  - {at: 0 s, nodes: 3}
  - {at: 8 h, nodes: 6}
period: 24 h
"""


def test_all_that_a_policy_has_can_be_written():
    assert parse_policy(WHOLE, "policy.yaml", 3) == ScalingPolicy(
        "scheduled",
        3,
        8,
        (Rule("cpu", 725_000, 300_000, 2_000, 1_500), Rule("queries", 500, 100, 1_500, 1_200)),
        8 * SECOND_NS,
        30 * SECOND_NS,
        SECOND_NS,
        90 * SECOND_NS,
        (Scheduled(0, 3), Scheduled(8 * 3600 * SECOND_NS, 6)),
        24 * 3600 * SECOND_NS,
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- cpu", r"policy.yaml, line 1: \$: expected a mapping such as min_nodes: 3, found a list"),
        ("max_node: 3", r"unknown key 'max_node': allowed are mode, min_nodes, .* \(did you mean max_nodes\?\)"),
        ("metrics: {cpus: {}}", r"no metric 'cpus': allowed are cpu, .* \(did you mean cpu\?\)"),
        ("metrics: {cpu: {up: 3}}", r"unknown key 'up': allowed are up_at, down_at, up_factor, down_factor"),
        ("metrics: {cpu: {up_at: 500/s, down_at: 1 %}}", r"'500/s' is not a share"),
        ("metrics: {queries: {up_at: 5 %, down_at: 1/s}}", r"'5 %' is not a rate"),
        (
            "metrics: {cpu: {up_at: 5 %, down_at: 1 %, up_factor: 100.01 %}}",
            "up_factor: 1000100 ppm is finer than 0.1 %",
        ),
        ("metrics: {cpu: {up_at: 30 %, down_at: 70 %}}", "policy.yaml: cpu: down_at=70 % is not below up_at=30 %"),
        ("metrics: {cpu: {up_at: 30 %, down_at: 7 %, up_factor: 90 %}}", "up_factor=90 % cannot be"),
        ("mode: automatic", "policy.yaml: there is no rule"),
        ("mode: automatik", "mode"),
        ("{mode: manual, min_nodes: 9, max_nodes: 4}", "policy.yaml: min_nodes=9 is above max_nodes=4"),
        ("{mode: manual, schedule: [{at: 5 s, node: 4}]}", "unknown key 'node': allowed are at, nodes"),
    ],
)
def test_a_mistake_is_refused_by_name(text, words):
    with pytest.raises(InvalidInput, match=words):
        parse_policy(text, "policy.yaml", 3)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"policy .*none.yaml cannot be read"):
        read_policy(str(tmp_path / "none.yaml"), 3)
