"""Judges whether each key has one owner: by all acknowledgements of the run, and by the directory at this moment."""

from __future__ import annotations

from PhantomLibrary.checking.ownership import check_ranges
from PhantomLibrary.checking.verdict import Verdict
from PhantomLibrary.database.config import SYSTEM_SHARD
from PhantomLibrary.errors import InvalidState
from PhantomLibrary.testbed.run import Run


def judge_ownership(run: Run) -> Verdict:
    """Return the first acknowledgement by an owner that was followed before, or a key with no shard, or with two.

    `confirmed` counts the acknowledgements that were seen.
    """
    if run.layout.regions is not None:
        raise InvalidState("each region has a copy of its own here: a key has an owner in each of them, not one")
    violation = next((each for each in run.watch.violations if each.code.startswith("OWN-")), None)
    seen = run.watch.invariants.ownership.operations
    if violation is not None:
        return Verdict("invalid", violation.code, violation.message, tuple(violation.evidence), seen, seen)
    shards = [each for each in run.directory().shards if each.shard != SYSTEM_SHARD]
    ranges = check_ranges([(each.shard, each.start, each.end) for each in shards])
    return ranges if ranges.outcome != "valid" else Verdict("valid", operations=seen, confirmed=seen)
