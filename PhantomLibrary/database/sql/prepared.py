"""What a gateway keeps of the statements that it was asked for, so that one that comes again costs little: statements
bound to a catalog, and plans made by some statistics. It is by identity that both are found to be the same still.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from PhantomLibrary.sql.catalog import Catalog
from PhantomLibrary.sql.plans import Plan, TableStatistics
from PhantomLibrary.sql.statements import Bound, BoundQuery

_KEPT_MAX = 200


class PreparedStatements:
    """The latest statements of a node, by their text and the values and types of their parameters."""

    def __init__(self) -> None:
        self._bound: dict[Hashable, tuple[Catalog, Bound]] = {}
        self._plans: dict[int, tuple[BoundQuery, Mapping[int, TableStatistics], int, Plan]] = {}

    def bound(self, text: str, parameters: Sequence[Any], catalog: Catalog, bind: Callable[[], Bound]) -> Bound:
        """Return a statement bound to a catalog."""
        key = (text, tuple((type(each), each) for each in parameters))
        known = self._bound.get(key)
        if known is None or known[0] is not catalog:
            known = self._bound[key] = catalog, bind()
            _keep_few(self._bound)
        return known[1]

    def planned(
        self, query: BoundQuery, statistics: Mapping[int, TableStatistics], places: int, plan: Callable[[], Plan]
    ) -> Plan:
        """Return the plan of a query for so many shards."""
        known = self._plans.get(id(query))  # As long as it is kept nothing else has its identity.
        if known is None or known[1:3] != (statistics, places):
            known = self._plans[id(query)] = query, dict(statistics), places, plan()
            _keep_few(self._plans)
        return known[3]


def _keep_few(kept: dict[Any, Any]) -> None:
    if len(kept) > _KEPT_MAX:
        del kept[next(iter(kept))]
