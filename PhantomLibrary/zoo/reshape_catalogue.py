"""The planted defects of splits and merges: what each one is, where it was seen, and which failures give it away."""

from __future__ import annotations

from PhantomLibrary.zoo import reshape_defects
from PhantomLibrary.zoo.defect import Defect, laid_over

_LOST = ("LIN-001", "LIN-002", "LIN-009", "APP-001", "APP-002", "APP-003", "OWN-001")

RESHAPE_DEFECTS: dict[str, Defect] = {
    defect.name: defect
    for defect in (
        Defect(
            "in-memory-locks-lost-on-split",
            "Nobody notices that a lock was lost when its shard was split.",
            "CockroachDB issue 139139 (2025)",
            ("OPR-001", "EXP-001"),
            laid_over("manager", reshape_defects.ForgetsWhatIsLocked),
        ),
        Defect(
            "prepared-parts-stay-behind",
            "The new half begins without what is prepared on its keys, which a commit then does not write.",
            "CockroachDB issue 139139 (2025), of prepared writes",
            ("EXP-001", "BNK-001", "ATM-001"),
            laid_over("machine", reshape_defects.KeepsPreparedParts),
        ),
        Defect(
            "session-table-not-divided",
            "The new half does not know what its clients' sessions did last, and does it again when they ask again.",
            "as session-table-not-in-snapshot, at a split",
            ("APP-001", "APP-002", "LIN-005"),
            laid_over("machine", reshape_defects.ForgetsWhatSessionsDid),
        ),
        Defect(
            "source-serves-during-merge",
            "A shard that is being merged goes on to serve while its state is copied.",
            "TiKV pull request 8034 (2020)",
            _LOST,
            laid_over("machine", reshape_defects.ServesWhileFrozen),
        ),
        Defect(
            "times-left-behind-in-merge",
            "A shard that takes over another one gives timestamps that lie before what that has served.",
            "CockroachDB pull requests 60521 and 65823",
            _LOST,
            laid_over("machine", reshape_defects.LeavesTimesBehind),
        ),
        Defect(
            "own-decision-left-open-in-merge",
            "A shard that takes over the other half of a transaction it has decided never ends it there.",
            "found here by random faults; as tikv pull request 8034, of what is under way when shards merge",
            ("OPR-001", "EXP-001", "BNK-001", "ATM-001", "INV-008"),
            laid_over("transactions", reshape_defects.ActsOnNoDecisionOfItsOwn),
        ),
        Defect(
            "split-begins-twice",
            "When the log is applied again, a split puts the new half back to its beginning.",
            "TiKV pull requests 7027 and 8301: what is there is destroyed before it is known to be older",
            ("INV-001", "INV-003", "INV-004", "INV-005", "INV-007", "MEM-002", "RPL-001", *_LOST),
            laid_over("replica_set", reshape_defects.BeginsAgain),
        ),
    )
}
