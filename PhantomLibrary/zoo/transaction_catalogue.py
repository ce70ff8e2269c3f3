"""The planted defects of transactions: what each one is, where it was seen, and which failures give it away."""

from __future__ import annotations

from PhantomLibrary.zoo import transaction_defects
from PhantomLibrary.zoo.defect import Defect, laid_over

_TORN = ("INV-008", "INV-009", "ATM-001", "ATM-002", "ATM-003")
_LOST = tuple(f"TXN-{number:03}" for number in (2, 4, 5, 6, 7, 8, 10, 11, 12, 13))
_ORPHAN = ("INV-010", "ATM-004", "ATM-005", "ATM-006", "OPR-001", "TST-001")
_SKEW = ("SKW-001", "SKW-002", "TXN-008", "ILV-001")
_BANK = ("BNK-001", "BNK-002", "BNK-003", "BNK-005")

TRANSACTION_DEFECTS: dict[str, Defect] = {
    defect.name: defect
    for defect in (
        Defect(
            "decision-not-durable",
            "The client is told that its transaction committed before the record says so.",
            "Gray, Notes on Data Base Operating Systems (1978), 5.8: the commit point is the durable record",
            (*_TORN, *_LOST, *_BANK, "OPR-001"),
            laid_over("committer", transaction_defects.TellsBeforeItIsDecided),
        ),
        Defect(
            "recovery-races-prepare",
            "Whoever is in doubt is told that it was rolled back, while its coordinator is about to commit.",
            "citus issue 1030 (2016)",
            (*_TORN, *_LOST, *_BANK, *_ORPHAN),
            laid_over("transactions", transaction_defects.RollsBackBesideTheCoordinator),
        ),
        Defect(
            "prepare-retry-relocks",
            "A prepare that comes again is prepared again, although its transaction has committed.",
            "tikv pull requests 9884, 10600 and 12369",
            (*_TORN, *_LOST, *_BANK, *_ORPHAN),
            laid_over("transactions", transaction_defects.PreparesAgain),
        ),
        Defect(
            "late-prepare-after-abort",
            "Nothing reminds of a transaction that was rolled back, so a prepare that comes later is let in.",
            "Peng and Dabek, Percolator, OSDI 2010: rollback records",
            (*_TORN, *_LOST, *_BANK, *_ORPHAN),
            laid_over("transactions", transaction_defects.PutsUpNoTombstones),
        ),
        Defect(
            "ambiguous-as-abort",
            "The client is told that its transaction was rolled back when nobody knows.",
            "CockroachDB issue 103817 (2023)",
            (*_TORN, *_LOST, *_BANK, "OPR-001"),
            laid_over("committer", transaction_defects.TakesSilenceForRefusal),
        ),
        Defect(
            "forget-decision-early",
            "A decision is forgotten when it is made; who asks for it later hears that it was to roll back.",
            "Mohan, Lindsay, Obermarck, R* (TODS 1986), 2.2",
            (*_TORN, *_LOST, *_BANK),
            laid_over("transactions", transaction_defects.ForgetsAtOnce),
        ),
        Defect(
            "ssi-misses-inserter-edge",
            "What was read counts as unchanged at the commit although somebody has put new keys in.",
            "Jepsen PostgreSQL 12.3 (2020), commit 5940ffb221",
            _SKEW,
            laid_over("transactions", transaction_defects.OverlooksInserts),
        ),
        Defect(
            "blind-auto-retry",
            "Writes of a transaction that was refused are committed once more, on what it read long ago.",
            "Jepsen TiDB 2.1.7 (2019)",
            ("TXN-005", "TXN-006", "TXN-007", "TXN-008", "SKW-001", "SKW-002", "ILV-001", *_BANK),
            laid_over("manager", transaction_defects.TriesBlindly),
        ),
        Defect(
            "per-shard-read-snapshot",
            "Each shard answers a read as of its own time, so a transaction sees half of another one.",
            "dragonfly issue 7494 (2026); yugabyte-db issue 287",
            ("TXN-004", "TXN-006", "TXN-007", "TXN-008", "TXN-010", "ILV-001", *_BANK),
            laid_over("desk", transaction_defects.ReadsAtItsOwnTime),
        ),
        Defect(
            "commit-before-a-promise",
            "It commits at the time that the shard of its record has promised, though others have promised later ones.",
            "matrixone issue 25799 (2026); Corbett et al., Spanner, OSDI 2012, 4.2.1",
            (*_TORN, *_LOST, *_BANK),
            laid_over("committer", transaction_defects.CommitsAtTheTimeOfTheRecord),
        ),
        Defect(
            "reads-not-held-while-prepared",
            "What a transaction has read that is prepared may be written before it is decided.",
            "Kung and Robinson, On Optimistic Methods for Concurrency Control (TODS 1981), 5: parallel validation",
            _SKEW,
            laid_over("transactions", transaction_defects.KeepsNobodyFromWriting),
        ),
        Defect(
            "validates-against-committed-only",
            "What was read counts as unchanged at the commit although another transaction is prepared to write it.",
            "Kung and Robinson, On Optimistic Methods for Concurrency Control (TODS 1981), 5: parallel validation",
            _SKEW,
            laid_over("transactions", transaction_defects.ChecksWhatIsCommittedAlone),
        ),
        Defect(
            "lost-wakeup-on-rollback",
            "Who waits for a lock is told when its holder commits, and not when that is rolled back.",
            "StarRocks issue 54923; h2 issue 4391 (2026); libsql pull request 654",
            ("TST-001",),
            laid_over("desk", transaction_defects.WakesNobodyOnRollback),
        ),
    )
}
