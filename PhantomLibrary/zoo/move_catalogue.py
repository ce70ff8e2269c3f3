"""The planted defects of moves: what each one is, where it was seen, and which failures give it away."""

from __future__ import annotations

from PhantomLibrary.zoo import move_defects
from PhantomLibrary.zoo.defect import Defect, laid_over

MOVE_DEFECTS: dict[str, Defect] = {
    defect.name: defect
    for defect in (
        Defect(
            "delta-misses-deletes",
            "A copy of a shard does not tell that keys were deleted.",
            "MongoDB pull request 1819: deletes of prepared transactions missing in the delta (claim)",
            ("RPL-001", "EXP-001", "LIN-001"),
            laid_over("machine", move_defects.CopiesNoDeletes),
        ),
        Defect(
            "stale-plan-overwrites",
            "A plan is taken up although members or shards have changed since it was made.",
            "AWS, outage of DynamoDB in us-east-1 (2025-10-19): a delayed enactor applied an old plan of DNS",
            ("MOV-003", "BAL-001"),
            laid_over("machine", move_defects.TakesAnyPlan),
        ),
        Defect(
            "donor-serves-after-cutover",
            "A shard serves requests of an earlier epoch, for keys among them that it has given away.",
            "MongoDB Atlas Serverless, critical alert (2024-08): connections that still reached the donor",
            ("LIN-001", "LIN-002", "LIN-009", "OWN-001"),
            laid_over("machine", move_defects.ServesAnyEpoch),
        ),
        Defect(
            "aborted-move-leaves-second-placement",
            "What a move that was taken back has copied stays where it is.",
            "citus issue 6580 (2022)",
            ("MEM-003", "MOV-002"),
            laid_over("coordinator", move_defects.LeavesItsLearners),
        ),
        Defect(
            "learner-votes-before-it-caught-up",
            "A new replica is given its vote as soon as it is there, whatever it holds.",
            "Ongaro, dissertation (2014), 4.2.1: catching up new servers",
            ("EXP-001",),
            laid_over("group", move_defects.PromotesAtOnce),
        ),
    )
}
