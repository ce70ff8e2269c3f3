"""The planted defects of concurrency: what each one is, where it was seen, and which failures give it away."""

from __future__ import annotations

from PhantomLibrary.zoo import concurrency_defects
from PhantomLibrary.zoo.defect import Defect, laid_over

CONCURRENCY_DEFECTS: dict[str, Defect] = {
    defect.name: defect
    for defect in (
        Defect(
            "wait-edges-overwritten",
            "Of all that a transaction waits for only the last is remembered, so a deadlock goes unseen.",
            "yugabyte-db issue 16068: wait-for edges overwritten per tablet",
            ("TST-001",),
            laid_over("deadlocks", concurrency_defects.KeepsOneEdge),
        ),
        Defect(
            "blocker-not-updated",
            "A transaction is held to wait for whoever had the lock at first, though it was handed over since.",
            "yugabyte-db issue 16286; matrixone pull request 11507",
            ("TST-001",),
            laid_over("deadlocks", concurrency_defects.KeepsFirstBlocker),
        ),
        Defect(
            "join-waits-for-recovery",
            "Nobody becomes active as long as a member is away, though whoever joins is to take its place.",
            "Jepsen Dgraph 1.0.2 (2018): nodes that join while others recover; Jepsen YugabyteDB 1.1.9 (2019)",
            ("MEM-001", "MEM-002", "MEM-003", "EXP-001"),
            laid_over("coordinator", concurrency_defects.AdmitsNobodyDuringRecovery),
        ),
        Defect(
            "administration-without-lock",
            "Threads change the cluster at the same time, for nobody has to wait for his turn.",
            "general: a lock that was removed from an administrative interface",
            ("THR-001",),
            laid_over("turns", concurrency_defects.NoTurns),
        ),
    )
}
