"""The planner as a part of a cluster. What plans is imported with the first query, for sqlglot is an extra."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PhantomLibrary.sql.catalog import Catalog
from PhantomLibrary.sql.plans import Plan, TableStatistics

if TYPE_CHECKING:
    from PhantomLibrary.sql.planning.planner import Planner
    from PhantomLibrary.sql.statements import BoundQuery


class Planning:
    """Plans the queries of a node."""

    def plan(
        self, bound: BoundQuery, catalog: Catalog, statistics: Mapping[int, TableStatistics], *, places: int
    ) -> Plan:
        """Return how a query is computed over about so many shards. Statistics are by numbers of tables."""
        from PhantomLibrary.sql.planning.joins import PlanOptions

        return self.planner()(bound, catalog, statistics, PlanOptions(places=max(1, places))).plan()

    def planner(self) -> type[Planner]:
        """Return the class that plans one query."""
        from PhantomLibrary.sql.planning.planner import Planner

        return Planner
