"""Plans queries: from the leaves of the tree up, each query becomes a relation at a site.

What is computed where rows stand stays a query for shards as long as that is right; where rows have to come together a
fragment ends, and the query goes on over its result. Forms that are not understood are answered, rightly, by gathering
the columns and rows of tables that they need: the plan says so and why.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from PhantomLibrary.sql.catalog import Catalog
from PhantomLibrary.sql.planning import trees
from PhantomLibrary.sql.planning.blocks import BlockPlanner
from PhantomLibrary.sql.planning.fragments import Fragments, place_text
from PhantomLibrary.sql.planning.joins import Joiner, PlanOptions
from PhantomLibrary.sql.planning.movements import Mover
from PhantomLibrary.sql.planning.ordering import make_total
from PhantomLibrary.sql.planning.relations import Facts, NotDistributable, Relation
from PhantomLibrary.sql.planning.sets import SetPlanner
from PhantomLibrary.sql.planning.stages import Block, Stage
from PhantomLibrary.sql.planning.subqueries import Subqueries
from PhantomLibrary.sql.planning.tables import inline_tables
from PhantomLibrary.sql.planning.uppers import Late, Uppers, taken_late
from PhantomLibrary.sql.plans import Plan, PlanStep, TableStatistics
from PhantomLibrary.sql.statements import BoundQuery


class Planner:
    """Plans one query. The classes of its parts may be replaced, each on its own."""

    blocks = BlockPlanner
    joiner = Joiner
    subqueries = Subqueries
    uppers = Uppers

    def __init__(
        self, bound: BoundQuery, catalog: Catalog, statistics: Mapping[int, TableStatistics], options: PlanOptions
    ) -> None:
        self.bound = bound
        self.catalog = catalog
        self.statistics = statistics
        self.options = options

    def plan(self) -> Plan:
        """Return the plan of the query."""
        tree = self.bound.tree.copy()
        self._start()
        try:
            tree = inline_tables(tree)
            trees.name_apart(tree)
            make_total(tree)
            relation = self.relation(tree)
        except NotDistributable as reason:
            self._start()
            relation = self._gathered(self.bound.tree.copy(), str(reason))
        return self._plan_of(relation)

    def relation(self, query: exp.Query) -> Relation:
        """Return what a query is, and where it is computed."""
        while isinstance(query, exp.Subquery):
            query = query.this
        if isinstance(query, exp.SetOperation):
            return self._sets.relation(query)
        if not isinstance(query, exp.Select):
            raise NotDistributable(f"{query.key.upper()} is computed at the coordinator")
        block = Block(query)
        stage = self._blocks.stage(block)
        if stage is None:
            stage = Stage("anywhere", [], {}, rows=1)
            if trees.queries_in(query):
                raise NotDistributable("subqueries without a table around them are computed at the coordinator")
        block.waiting += block.at_end
        block.at_end = []
        conditions = [each for each in block.waiting if trees.queries_in(each)]
        stage.where += [each for each in block.waiting if not any(each is one for one in conditions)]
        block.waiting = conditions
        stage = self._subqueries.settle_conditions(block, stage)
        return self._uppers.finish(block, stage)

    def _start(self) -> None:
        parameters = self.bound.parameters
        self.fragments = Fragments(self.catalog, parameters)
        self._joiner = self.joiner(Mover(self.fragments), self.options)
        self._blocks = self.blocks(self.catalog, self.statistics, parameters, self._joiner, self.relation)
        self._subqueries = self.subqueries(self.fragments, self._blocks, self.uppers.aggregates(), self.relation)
        self._uppers = self.uppers(self._joiner, self._subqueries, parameters)
        self._sets = SetPlanner(self.fragments, self._uppers, self.relation)
        self._gathers = 0

    # --- the whole at the coordinator ---------------------------------------------------------------------------------

    def _gathered(self, tree: exp.Query, why: str) -> Relation:
        """Return a query over what it needs of each of its tables."""
        make_total(tree)
        inputs = []
        common = {each.alias for each in tree.find_all(exp.CTE)}
        for node in list(tree.find_all(exp.Table, bfs=False)):
            if node.name in common:
                continue
            alias = node.alias_or_name
            inputs.append(self.fragments.add(self._subqueries.needed_of(node), "gather", why=why))
            node.set("this", exp.to_identifier(f"in{inputs[-1]}", quoted=True))
            node.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
        self._gathers = len(inputs)
        names = [column.name for column in self.bound.columns]
        columns = {f"{name}#{number}": Facts() for number, name in enumerate(names)}
        notes = (("because", why),)
        return Relation(tree, "coordinator", columns, inputs=tuple(inputs), notes=notes)

    # --- the plan -----------------------------------------------------------------------------------------------------

    def _plan_of(self, relation: Relation) -> Plan:
        if relation.site == "coordinator" or not (relation.tables or relation.inputs):
            query, children = relation.query, relation.inputs
        else:
            late = taken_late(relation.query) if self.bound.is_ordered else Late()
            if late.order is not None:
                return self._plan_of(self._uppers.last(relation, late))
            number = self.fragments.add(relation, "gather")
            names = [exp.alias_(trees.column((f"in{number}", each)), each, quoted=True) for each in relation.columns]
            query, children = exp.Select(expressions=names), (number,)
            query.set("from_", exp.From(this=exp.Table(this=exp.to_identifier(f"in{number}", quoted=True))))
        text, parameters = self.fragments.text(query)
        details = (("at", place_text("coordinator", None)), *(relation.notes if query is relation.query else ()))
        return Plan(
            tuple(self.fragments.made),
            text,
            parameters,
            self.bound.columns,
            self.bound.is_ordered,
            PlanStep("answer", (*details, ("query", text)), self.fragments.children(children)),
            self._gathers + self._joiner.gathers + self._subqueries.gathers,
        )


def plan(
    bound: BoundQuery,
    catalog: Catalog,
    statistics: Mapping[int, TableStatistics],
    *,
    options: PlanOptions = PlanOptions(),  # noqa: B008 - frozen
    planner: type[Planner] = Planner,
) -> Plan:
    """Return how a bound query is computed over shards. Statistics, by numbers of tables, decide speed, not answers."""
    return planner(bound, catalog, statistics, options).plan()
