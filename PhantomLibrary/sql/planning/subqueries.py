"""Subqueries in expressions: what they need is brought to where the rows around them are.

One that stands on its own is planned as any query, and its result brought. One that refers to the rows around it stays
as it is; of its tables those stay, too, whose rows are at the same place, for a condition says that their keys are
equal, and the others are brought. NOT IN looks at all rows, for one NULL among them decides, so only the IN of a
condition that has to be true may compare what each place has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct
from sqlglot import exp

from PhantomLibrary.sql.planning import trees
from PhantomLibrary.sql.planning.aggregation import Aggregates
from PhantomLibrary.sql.planning.blocks import BlockPlanner
from PhantomLibrary.sql.planning.decorrelation import Apart, taken_apart
from PhantomLibrary.sql.planning.fragments import Fragments
from PhantomLibrary.sql.planning.joins import kind_of
from PhantomLibrary.sql.planning.localising import AT_SHARDS, Localiser
from PhantomLibrary.sql.planning.movements import Shuffled
from PhantomLibrary.sql.planning.relations import (
    Key,
    Relation,
)
from PhantomLibrary.sql.planning.stages import Block, Stage, matching_keys
from PhantomLibrary.sql.plans import Movement

_MOVED = {"gather": "gathered", "broadcast": "brought to each place", "shuffle": "shuffled with the rows around it"}


class Want(Struct):
    """What a subquery needs: rows of a relation, for what stands at a place in the tree, or its tables as they are.

    `is_required`: it is an IN or EXISTS that has to be true for a row to be taken.
    """

    place: exp.Expr
    relation: Relation | None = None
    apart: Apart | None = None
    query: exp.Query | None = None
    is_required: bool = False
    bytes: int = 0


class Subqueries(Localiser):
    """Settles the subqueries in the expressions of a block."""

    def __init__(
        self,
        fragments: Fragments,
        blocks: BlockPlanner,
        aggregates: Aggregates,
        plan: Callable[[exp.Query], Relation],
    ) -> None:
        super().__init__(fragments, blocks)
        self._aggregates = aggregates
        self._plan = plan
        self._taken_apart = 0

    def settle_conditions(self, block: Block, stage: Stage) -> Stage:
        """Bring what the waiting conditions need, those first that have it; each is the stage's then."""
        conditions = [each for each in block.waiting if trees.queries_in(each)]
        conditions.sort(key=lambda each: not self._has_all(stage, each))
        for condition in conditions:
            stage = self._settle(block, stage, [condition], may_shuffle=True)
            block.waiting = [each for each in block.waiting if each is not condition]
            stage.where.append(condition)
        return stage

    def settle(self, block: Block, stage: Stage, parts: Sequence[exp.Expr]) -> Stage:
        """Bring what subqueries in expressions above FROM and WHERE need."""
        return self._settle(block, stage, parts, may_shuffle=False)

    def _settle(self, block: Block, stage: Stage, parts: Sequence[exp.Expr], *, may_shuffle: bool) -> Stage:
        queries = [query for part in parts for query in trees.queries_in(part)]
        wants = [self._want(stage, query, parts) for query in queries]
        missing = [want for want in wants if not self._has(stage, want)]
        if missing and stage.site != "coordinator":
            way, pairs = self._cheapest(stage, missing, may_shuffle=may_shuffle and len(queries) == 1)
            mover = self.blocks.joiner.mover
            if way == "gather":
                self.gathers += len(stage.tables)
                stage = mover.gather(block, stage, "a subquery needs rows that are elsewhere")
            elif way == "shuffle":
                shuffled = Shuffled(tuple(outer for outer, _ in pairs), wants[0].is_required)
                stage = mover.move(block, stage, "shuffle", "workers", shuffled=shuffled)
                self._bring(stage, wants[0], "shuffle", tuple(name for _, name in pairs))
                return stage
        for want in wants:  # Where the stage is now: what it had before it was gathered it may lack.
            if want.query is not None and want.relation is None:
                self.localise(stage, want.query)
            elif not self._is_had(stage, want):
                self._bring(stage, want, "gather" if stage.site == "coordinator" else "broadcast")
        return stage

    # --- what is needed -----------------------------------------------------------------------------------------------

    def _want(self, stage: Stage, query: exp.Query, parts: Sequence[exp.Expr]) -> Want:
        around = query.parent
        is_required = self.is_required(query, parts)
        if not trees.outer_aliases(query):
            place = query.replace(exp.Select())  # Planning encloses the query in others.
            relation = self._plan(query)
            return Want(place, relation, None, None, is_required, relation.rows * relation.row_bytes)
        if not self.foreign_bytes(stage, query):
            return Want(query, query=query, is_required=is_required)
        self._taken_apart += 1
        apart = taken_apart(query, around, self._aggregates, f"?{self._taken_apart}")
        if apart is None:
            return Want(query, query=query, is_required=is_required, bytes=self.foreign_bytes(stage, query))
        relation = self._plan(apart.inner)
        return Want(apart.outer, relation, apart, None, is_required, relation.rows * relation.row_bytes)

    def is_required(self, query: exp.Query, parts: Sequence[exp.Expr]) -> bool:
        """Return whether a subquery is that of an IN or EXISTS that has to be true for a row to be taken."""
        around = query.parent
        while isinstance(around, exp.Subquery):
            around = around.parent
        return isinstance(around, exp.In | exp.Exists) and any(around is trees.unwrapped(part) for part in parts)

    def _has_all(self, stage: Stage, condition: exp.Expr) -> bool:
        return not any(self.foreign_bytes(stage, query) for query in trees.queries_in(condition))

    def _has(self, stage: Stage, want: Want) -> bool:
        """Return whether a stage has what a subquery needs."""
        if want.apart is not None:
            return False
        relation = want.relation
        if relation is None:
            return not want.bytes and want.query is not None
        return want.place.parent is not None and self.stays(stage, relation, want.place, is_required=want.is_required)

    def _is_had(self, stage: Stage, want: Want) -> bool:
        """Return whether a stage has what a subquery needs, and let it stand there then."""
        relation = want.relation
        if relation is None or not self._has(stage, want):
            return False
        stage.tables = list(dict.fromkeys((*stage.tables, *relation.tables)))
        stage.inputs = list(dict.fromkeys((*stage.inputs, *relation.inputs)))
        stage.notes += relation.notes
        want.place.replace(relation.query)
        return True

    def stays(self, stage: Stage, relation: Relation, place: exp.Expr, *, is_required: bool) -> bool:
        """Return whether a subquery that stands on its own can be computed by each place for itself."""
        if not relation.tables and not relation.inputs:
            return True
        if relation.site == "anywhere":
            return stage.site in ("anywhere", *AT_SHARDS)
        if relation.site == stage.site == "coordinator":
            return True
        if relation.site == stage.site == "one":
            return relation.positions == stage.positions
        around = _around(place)
        if not is_required or not isinstance(around, exp.In) or stage.site not in AT_SHARDS:
            return False
        return relation.site in AT_SHARDS and self._is_matched(stage, relation, around)

    def _is_matched(self, stage: Stage, relation: Relation, around: exp.In) -> bool:
        ref, name = trees.ref_of(around.this), next(iter(relation.columns))
        if ref is None:
            return False
        inner = Stage("shards", [], {}, rows=1)
        inner.keys = [Key(key.scheme, tuple(("?", name) for _, name in key.refs)) for key in relation.keys]
        same = exp.EQ(this=trees.column(ref), expression=trees.column(("?", name)))
        return matching_keys(stage, inner, [same]) is not None

    # --- bringing it --------------------------------------------------------------------------------------------------

    def _cheapest(
        self, stage: Stage, wants: Sequence[Want], *, may_shuffle: bool
    ) -> tuple[str, list[tuple[exp.Expr, str]]]:
        """Return whether to bring what is needed to each place, to shuffle it with the rows, or to gather these."""
        joiner = self.blocks.joiner
        brought = sum(want.bytes for want in wants)
        there = sum(want.bytes for want in wants if want.relation is not None and want.relation.site == "coordinator")
        own = stage.rows * stage.row_bytes
        costs = {"gather": 2 * (own + brought - there) + joiner.setup_bytes}
        if stage.site != "anywhere":
            places = 1 if stage.site == "one" else joiner.options.places
            costs["broadcast"] = brought * places + joiner.setup_bytes
        pairs = self.pairs(stage, wants[0]) if may_shuffle and stage.site in ("shards", "workers") else []
        if pairs:
            costs["shuffle"] = own + brought + 2 * joiner.setup_bytes
        way = joiner.options.joins if joiner.options.joins in costs else min(costs, key=lambda each: costs[each])
        return way, pairs

    def pairs(self, stage: Stage, want: Want) -> list[tuple[exp.Expr, str]]:
        """Return what of a row has to equal which column of the rows of a subquery, [] where nothing has to."""
        relation = want.relation
        if relation is None:
            return []
        if want.apart is not None:
            found = want.apart.pairs()
        else:
            around = _around(want.place)
            if not want.is_required or not isinstance(around, exp.In):
                return []
            found = [(around.this, next(iter(relation.columns)))]
        kinds = [(kind_of(outer, stage.facts), relation.columns[name].kind) for outer, name in found]
        if any(not one or one.partition("/")[0] != other.partition("/")[0] for one, other in kinds):
            return []
        return found

    def _bring(self, stage: Stage, want: Want, movement: Movement, by: Sequence[str] = ()) -> None:
        """Bring the rows of a relation to a stage, and have the subquery read them."""
        relation, apart = want.relation, want.apart
        assert relation is not None
        names = list(relation.columns)
        if (apart is not None and apart.is_existence) or isinstance(_around(want.place), exp.In):
            _make_distinct(relation)
        pairs = [] if apart is None else apart.pairs()
        number = self.fragments.add(
            relation,
            movement,
            shuffled_by=tuple(names.index(name) for name in by),
            indexes=tuple(dict.fromkeys((names.index(name),) for _, name in pairs)),
            why="a subquery looks at its rows",
        )
        alias = f"in{number}"
        stage.inputs.append(number)
        stage.notes.append(("subquery", f"over {alias}: {_MOVED[movement]}"))
        if apart is not None:
            for each in apart.outer.find_all(exp.Column):
                if each.table == apart.rows:
                    each.set("table", exp.to_identifier(alias, quoted=True))
            apart.outer.set("from_", exp.From(this=exp.Table(this=exp.to_identifier(alias, quoted=True))))
            return
        items = [exp.alias_(trees.column((alias, name)), name, quoted=True) for name in names]
        node = exp.Select(expressions=items)
        node.set("from_", exp.From(this=exp.Table(this=exp.to_identifier(alias, quoted=True))))
        want.place.replace(node)

    def place(self, stage: Stage, query: exp.Query) -> None:
        """Bring to a stage what a query inside a correlated subquery needs."""
        if trees.outer_aliases(query):
            self.localise(stage, query)
            return
        want = self._want(stage, query, ())
        if not self._is_had(stage, want):
            self._bring(stage, want, "gather" if stage.site == "coordinator" else "broadcast")


def _around(place: exp.Expr) -> exp.Expr | None:
    """Return what a subquery is part of, its parentheses left out."""
    around = place.parent
    while isinstance(around, exp.Subquery):
        around = around.parent
    return around


def _make_distinct(relation: Relation) -> None:
    """Let each place send no row twice, where nothing depends on how often there is one."""
    query = relation.query
    if isinstance(query, exp.Select) and not any(query.args.get(each) for each in ("distinct", "limit", "offset")):
        query.set("distinct", exp.Distinct())
