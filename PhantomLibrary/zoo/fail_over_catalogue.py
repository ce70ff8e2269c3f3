"""The planted defects of fail-overs: what each one is, where it was seen, and which failures give it away."""

from __future__ import annotations

from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.zoo import fail_over_defects
from PhantomLibrary.zoo.defect import Defect, laid_over


def _without_fence(parts: Parts) -> Parts:
    parts = laid_over("regions", fail_over_defects.AppliesWhatWasFencedOff)(parts)
    return laid_over("region_service", fail_over_defects.ReplicatesEveryBatch)(parts)


FAIL_OVER_DEFECTS: dict[str, Defect] = {
    defect.name: defect
    for defect in (
        Defect(
            "fail-over-drops-late-writes",
            "What a region had confirmed and told nobody is dropped when it comes back and another one has taken over.",
            "GitHub, incident of 2018-10-21: writes on both sides of a 43 s split that could not be brought together",
            ("DIV-001", "DIV-004", "RGN-002"),
            laid_over("regions", fail_over_defects.DropsWritesOfWhoWasReplaced),
        ),
        Defect(
            "stale-region-survives",
            "What a region says that was given up is taken over when it comes back, though it goes by an old policy.",
            "ZOOKEEPER-5010: an ephemeral node of a session that has ended survives the synchronisation",
            ("DIV-001", "DIV-003", "DIV-004", "EXP-001", "RGN-002"),
            _without_fence,
        ),
    )
}
