"""The planted defects of leaders that are wanted in one region, and which failures give them away."""

from __future__ import annotations

from PhantomLibrary.zoo import leader_defects
from PhantomLibrary.zoo.defect import Defect, laid_over

LEADER_DEFECTS: dict[str, Defect] = {
    defect.name: defect
    for defect in (
        Defect(
            "leader-preference-ignored",
            "Leaders stay wherever they were elected, though they are wanted in one region.",
            "general: lease preferences, as in CockroachDB, that nothing enforces",
            ("EXP-001",),
            laid_over("coordinator", leader_defects.LeavesLeadersWhereTheyAre),
        ),
        Defect(
            "leadership-returns-at-once",
            "Leadership goes back to a region with its first sign of life, however often it was lost there.",
            "general: priority elections without a delay, as MongoDB's catch-up takeover would be",
            ("LDR-002",),
            laid_over("group", leader_defects.TrustsWhoIsBackAtOnce),
        ),
    )
}
