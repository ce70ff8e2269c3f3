"""The planted defects of running queries: what each one is, where it was seen, and which failures give it away."""

from __future__ import annotations

import msgspec

from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.zoo import execution_defects
from PhantomLibrary.zoo.defect import Defect, Plant, laid_over, over

_WRONG = ("QRY-001", "QRY-002", "QRY-005", "EXP-001")


def in_parts(overlay: type) -> Plant:
    """Lay an overlay over what runs the parts of a plan."""

    def plant(parts: Parts) -> Parts:
        runner = parts.runner
        run = runner.run_type
        part_type = over(overlay, run.part_type)
        run_type = type(run.__name__, (run,), {"part_type": part_type})
        return msgspec.structs.replace(parts, runner=type(runner.__name__, (runner,), {"run_type": run_type}))

    return plant


EXECUTION_DEFECTS: dict[str, Defect] = {
    defect.name: defect
    for defect in (
        Defect(
            "page-end-skips-rows",
            "Where one chunk of rows ends and the next one begins, a row is left out.",
            "Jepsen FaunaDB 2.5.4 (2019): rows at the ends of pages were missing",
            _WRONG,
            laid_over("fragments", execution_defects.SkipsWhereAChunkBegins),
        ),
        Defect(
            "scan-misses-what-was-split-off",
            "A shard that has been split answers with its own half for all that was asked of it.",
            "MongoDB alert (2024): reads missed documents of ranges that moved; Dgraph, transient nulls",
            _WRONG,
            laid_over("fragments", execution_defects.AnswersForWhatIsElsewhere),
        ),
        Defect(
            "scan-counts-merged-rows-twice",
            "A shard answers with all that it has for a part of that, so rows that it took over are counted twice.",
            "MongoDB alert (2024): orphaned documents in answers",
            _WRONG,
            laid_over("fragments", execution_defects.CountsWhatWasNotAskedFor),
        ),
        Defect(
            "stale-image-after-restore",
            "Queries are answered from what a replica held before it took over a snapshot.",
            "as a derived index that is not rebuilt: TiKV issue 8034 is of its kind",
            _WRONG,
            laid_over("fragments", execution_defects.KeepsItsImage),
        ),
        Defect(
            "query-ignores-uncertainty",
            "A query does not see what was committed before it by a node whose clock is ahead.",
            "CockroachDB pull request 83345; Jepsen CockroachDB (2017)",
            _WRONG,
            laid_over("fragments", execution_defects.IsNeverUncertain),
        ),
        Defect(
            "partial-answer-after-failure",
            "The rows of a shard that cannot be asked are left out of an answer.",
            "Elasticsearch answers so by default: timed_out, failed shards",
            _WRONG,
            in_parts(execution_defects.LeavesOutWhoDoesNotAnswer),
        ),
        Defect(
            "fragment-restarted-at-newer-snapshot",
            "A part of a query that has to run again reads what is there then.",
            "dragonfly issue 7494 (2026); yugabyte issue 287: a read without one snapshot",
            _WRONG,
            in_parts(execution_defects.RestartsAtANewTime),
        ),
    )
}
