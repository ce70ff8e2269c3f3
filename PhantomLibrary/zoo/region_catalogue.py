"""The planted defects of regions: what each one is, where it was seen, and which failures give it away."""

from __future__ import annotations

from PhantomLibrary.zoo import region_defects
from PhantomLibrary.zoo.defect import Defect, both, laid_over

_DISAGREE = ("DIV-004", "RGN-001", "RGN-002")
_ORDER_LOST = ("CAU-001", "CAU-002", "CAU-003", "CAU-004")

REGION_DEFECTS: dict[str, Defect] = {
    defect.name: defect
    for defect in (
        Defect(
            "lww-raw-clock",
            "Last writer wins by the clocks of walls, so a write loses to one that it had seen.",
            "Jepsen Cassandra 2.0.0 (2013): skewed clocks drop acknowledged writes",
            ("DIV-001", "DIV-002", "DIV-003", *_ORDER_LOST),
            both(
                laid_over("regions", region_defects.GoesByWallClocks),
                laid_over("region_service", region_defects.HearsNoTimes),
            ),
        ),
        Defect(
            "tombstone-collected-early",
            "A deletion is forgotten while writes that it would win over are still under way.",
            "Cassandra, gc_grace_seconds: deleted rows return",
            ("DIV-001", "DIV-003", *_DISAGREE, *_ORDER_LOST),
            laid_over("regions", region_defects.CollectsTombstonesEarly),
        ),
        Defect(
            "merge-not-commutative",
            "Of two writes that knew nothing of each other stays the one that came last, another one in each region.",
            "Shapiro et al., INRIA RR-7506 (2011): without commutativity replicas do not converge",
            ("DIV-001", "DIV-003", *_DISAGREE, *_ORDER_LOST),
            laid_over("regions", region_defects.KeepsTheLastToCome),
        ),
        Defect(
            "merge-not-idempotent",
            "A change that is sent again is applied again.",
            "Shapiro et al., INRIA RR-7506 (2011): delivery more than once needs a merge that can be repeated",
            ("DIV-001", "DIV-003", *_DISAGREE, *_ORDER_LOST),
            laid_over("regions", region_defects.AppliesAgain),
        ),
    )
}
