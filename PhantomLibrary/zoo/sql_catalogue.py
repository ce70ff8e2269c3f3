"""The planted defects of tables: what each one is, where it was seen, and which failures give it away."""

from __future__ import annotations

from PhantomLibrary.zoo import sql_defects
from PhantomLibrary.zoo.defect import Defect, laid_over

SQL_DEFECTS: dict[str, Defect] = {
    defect.name: defect
    for defect in (
        Defect(
            "schema-not-validated",
            "A transaction commits rows of a schema that was changed since it read it.",
            "MongoDB alert (2024-04): transactions over several versions of metadata miss rows and writes",
            ("OPR-001",),
            laid_over("sql", sql_defects.TrustsTheSchema),
        ),
        Defect(
            "unique-entry-missing",
            "Rows are written without what other shards would know by that a unique value is taken.",
            "global indexes that are not written with their rows, in general",
            ("OPR-001", "EXP-001"),
            laid_over("sql", sql_defects.WritesNoEntries),
        ),
        Defect(
            "unique-entry-left",
            "A unique value stays taken when the row that had it is gone.",
            "global indexes with entries of rows that are gone, in general",
            ("OPR-001", "EXP-001"),
            laid_over("sql", sql_defects.RemovesNoEntries),
        ),
        Defect(
            "unique-index-not-filled",
            "A unique index that is created knows nothing of the rows that were there before it.",
            "Rae et al., Schema Change in F1 (VLDB 2013): an index that is public before it is filled",
            ("OPR-001", "EXP-001"),
            laid_over("sql", sql_defects.IndexesNewRowsOnly),
        ),
        Defect(
            "unique-index-misses-writes",
            "A unique index misses a row that was committed while it was being filled.",
            "PostgreSQL 14.0 to 14.3 (2022): CREATE INDEX CONCURRENTLY missed rows changed meanwhile",
            ("OPR-001", "EXP-001"),
            laid_over("sql", sql_defects.IndexesTheSnapshot),
        ),
        Defect(
            "dropped-rows-leave-at-once",
            "The rows of a table that is dropped or emptied are removed while older snapshots may still read them.",
            "MySQL manual, Consistent Nonlocking Reads: they do not work over DROP TABLE",
            ("EXP-001", "OPR-001", "QRY-001"),
            laid_over("desk", sql_defects.ForgetsSnapshots),
        ),
        Defect(
            "failed-statement-not-undone",
            "A statement that is refused half-way leaves its first half to the transaction.",
            "statement-level atomicity: Gray and Reuter, Transaction Processing (1993), 4.7",
            ("EXP-001", "OPR-001"),
            laid_over("sql", sql_defects.UndoesNothing),
        ),
        Defect(
            "parent-not-held",
            "A row is inserted that refers to one which is deleted at the same time.",
            "foreign keys that are checked at the snapshot alone, in general",
            ("OPR-001", "EXP-001"),
            laid_over("sql", sql_defects.LooksForParentsOnce),
        ),
        Defect(
            "copy-missing-on-a-shard",
            "Rows that every shard has a copy of are changed on the first one only.",
            "reference tables that differ between shards, in general",
            ("EXP-001", "RPL-004"),
            laid_over("manager", sql_defects.WritesOneCopy),
        ),
        Defect(
            "copies-not-split",
            "A shard that is split off begins without a copy of rows that every shard has.",
            "reference tables on new shards: citus issue 6580 (2022), of placements",
            ("EXP-001", "RPL-004"),
            laid_over("machine", sql_defects.KeepsCopies),
        ),
    )
}
