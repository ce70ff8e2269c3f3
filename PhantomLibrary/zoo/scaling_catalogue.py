"""The planted defects of the autoscaler: what each one is, where it was seen, and which failures give it away."""

from __future__ import annotations

from PhantomLibrary.zoo import scaling_defects
from PhantomLibrary.zoo.defect import Defect, laid_over

SCALING_DEFECTS: dict[str, Defect] = {
    defect.name: defect
    for defect in (
        Defect(
            "autoscaler-no-hysteresis",
            "The autoscaler follows each sample, and waits for nothing that it has decided to take effect.",
            "ray-project/ray issue 26455; llm-d issue 1427 (2026): a decision window shorter than that of the metric",
            ("SCL-001",),
            laid_over("autoscaler", scaling_defects.FollowsEachSample),
        ),
        Defect(
            "pending-not-counted",
            "Nodes that are still starting count for nothing, so more and more are ordered until one is there.",
            "general: overshoot by slow boots, for which cloud autoscalers have warm-up times",
            ("SCL-002",),
            laid_over("autoscaler", scaling_defects.CountsWhoIsThere),
        ),
        Defect(
            "scale-in-drops-quorum",
            "Nodes that are too many are removed at once, with the replicas that are on them.",
            "FaunaDB 2.5.4: lock-ups when nodes are removed (Jepsen, 2019)",
            ("EXP-001", "MEM-003"),
            laid_over("autoscaler", scaling_defects.SendsAllAway),
        ),
        Defect(
            "autoscaler-ignores-epochs",
            "A plan is taken up even if another one was since it was made: what was decided twice happens twice.",
            "AWS DynamoDB (2025-10-19): a delayed enactor applies an old plan over a newer one",
            ("SCL-002",),
            laid_over("machine", scaling_defects.TakesAnyPlan),
        ),
    )
}
