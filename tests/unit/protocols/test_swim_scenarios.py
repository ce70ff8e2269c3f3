"""Golden scenarios. `REWRITE=1 pytest tests/unit/protocols` writes them anew; the commit explains each change."""

import os
from pathlib import Path

import pytest

from PhantomLibrary.protocols.swim.detector import Detector
from PhantomLibrary.zoo import health_defects
from tests.unit.protocols import swim_defects
from tests.unit.protocols.swim_scenario import play

SCENARIOS = Path(__file__).parent / "swim_scenarios"
NAMES = sorted(path.stem for path in SCENARIOS.glob("*.txt"))


@pytest.mark.parametrize("name", NAMES)
def test_scenario(name: str) -> None:
    path = SCENARIOS / f"{name}.txt"
    expected = path.read_text(encoding="utf-8")
    actual = play(expected)
    if os.environ.get("REWRITE"):
        path.write_text(actual, encoding="utf-8", newline="\n")
    else:
        assert actual == expected


@pytest.mark.parametrize(
    ("defect", "name"),
    [
        (health_defects.RefutesNothing, "refutation"),
        (health_defects.KeepsItsIncarnation, "refutation"),
        (health_defects.BelievesOldRumours, "late_rumour"),
        (health_defects.BelievesHearsay, "hearsay"),
        (health_defects.SuspectsForEver, "crash"),
        (health_defects.NeverProbesTheDead, "partition_heals"),
        (health_defects.AsksNoHelper, "helpers"),
        (health_defects.NeverDoubtsItself, "slow_node"),
        (swim_defects.TellsNobodyOfItsSuspicion, "partition_heals"),
        (swim_defects.TellsHelpersNothing, "reached_by_others"),
        (swim_defects.PingsEverybody, "idle"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_scenario_catches(defect: type[Detector], name: str) -> None:
    text = (SCENARIOS / f"{name}.txt").read_text(encoding="utf-8")
    assert play(text, defect) != text
