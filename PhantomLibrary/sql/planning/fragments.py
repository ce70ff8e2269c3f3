"""Fragments as they are made: text with its own parameters, and a step of the plan for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from PhantomLibrary.domain.rows import POSITIONS
from PhantomLibrary.sql.catalog import Catalog, Stored
from PhantomLibrary.sql.dialect import sqlite_text
from PhantomLibrary.sql.planning.relations import Ranges, Relation, Site
from PhantomLibrary.sql.plans import Fragment, Movement, Place, PlanStep

PLACES: Mapping[Site, Place] = {
    "shards": "shards",
    "one": "shards",
    "anywhere": "one shard",
    "workers": "workers",
    "coordinator": "coordinator",
}
_TITLES = {"gather": "gather", "broadcast": "broadcast", "shuffle": "shuffle"}


class Fragments:
    """The fragments of one plan so far."""

    def __init__(self, catalog: Catalog, parameters: Sequence[Stored]) -> None:
        self.catalog = catalog
        self.parameters = parameters
        self.made: list[Fragment] = []
        self.steps: list[PlanStep] = []

    def text(self, query: exp.Expr) -> tuple[str, tuple[Stored, ...]]:
        """Return a query as text, and the values of the parameters that it has, which are numbered anew."""
        used: dict[str, int] = {}
        holders = list(query.find_all(exp.Placeholder, bfs=False))
        if not holders:
            return sqlite_text(query), ()
        for each in holders:
            used.setdefault(each.name, len(used) + 1)
        names = [(each, each.name) for each in holders]
        for each, name in names:
            each.set("this", str(used[name]))
        text = sqlite_text(query)
        for each, name in names:
            each.set("this", name)
        return text, tuple(self.parameters[int(name) - 1] for name in used)

    def add(
        self,
        relation: Relation,
        movement: Movement,
        *,
        shuffled_by: tuple[int, ...] = (),
        indexes: tuple[tuple[int, ...], ...] = (),
        why: str = "",
    ) -> int:
        """Make a fragment of a relation, and return its number."""
        number = len(self.made) + 1
        text, parameters = self.text(relation.query)
        fragment = Fragment(
            number,
            text,
            parameters,
            tuple(relation.columns),
            relation.tables,
            relation.inputs,
            PLACES[relation.site],
            relation.positions if relation.site in ("shards", "one") else None,
            movement,
            shuffled_by,
            indexes,
        )
        self.made.append(fragment)
        self.steps.append(self._step(fragment, relation, why))
        return number

    def _step(self, fragment: Fragment, relation: Relation, why: str) -> PlanStep:
        details: list[tuple[str, str]] = []
        names = self.table_names(fragment.tables)
        if names:
            details.append(("reads", names))
        details.append(("at", place_text(relation.site, fragment.positions)))
        if fragment.shuffled_by:
            details.append(("by", ", ".join(fragment.columns[each] for each in fragment.shuffled_by)))
        details += relation.notes
        if why:
            details.append(("because", why))
        details.append(("pushed down", fragment.query))
        title = f"{_TITLES[fragment.movement]} in{fragment.number}"
        return PlanStep(title, tuple(details), self.children(fragment.inputs), fragment.number)

    def children(self, inputs: Sequence[int]) -> tuple[PlanStep, ...]:
        return tuple(self.steps[number - 1] for number in inputs)

    def table_names(self, numbers: Sequence[int]) -> str:
        tables = [self.catalog.numbered(number) for number in numbers]
        return ", ".join(each.name for each in tables if each is not None)


def place_text(site: Site, positions: Ranges | None) -> str:
    """Return where a fragment runs, as people read it."""
    if site == "coordinator":
        return "the coordinator"
    if site == "anywhere":
        return "any one shard"
    if site == "workers":
        return "all workers"
    if positions is None:
        return "all shards"
    if not positions:
        return "no shard: the conditions contradict each other"
    if site == "one":
        return "the one shard of its key"
    points = [low for low, high in positions if low == high]
    if len(points) == len(positions):
        return f"the shards of {len(points)} keys"
    share = sum(high - low + 1 for low, high in positions) * 1000 // POSITIONS
    return f"shards with {share // 10}.{share % 10} % of all positions"
