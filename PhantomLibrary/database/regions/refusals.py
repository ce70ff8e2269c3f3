"""What is refused where each region has a copy of its own, and in which words."""

from __future__ import annotations

from PhantomLibrary.domain import BeginSaga, CancelSaga
from PhantomLibrary.domain.placement import PLACEMENT_WISHES
from PhantomLibrary.domain.scaling import SCALING_WISHES

NEEDS_ONE_ORDER: frozenset[type] = PLACEMENT_WISHES | SCALING_WISHES | {BeginSaga, CancelSaga}
"""What an operator may ask of shard 0 elsewhere."""

NOT_OVER_REGIONS = (
    "not where each region has a copy of its own: shards do not split, merge or move there, nodes do not come and go "
    "by themselves, and there are no transactions, no SQL and no sagas; start a cluster without replication= for that"
)

WHAT_IS_POSSIBLE = (
    "each region of this cluster has a copy of its own: single keys can be read, put, deleted, appended to, removed "
    "from and incremented there; transactions, SQL, sagas and compare-and-set need one order of all writes"
)
