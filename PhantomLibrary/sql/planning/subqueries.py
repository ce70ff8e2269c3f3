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
from PhantomLibrary.sql.planning.blocks import BlockPlanner, null_supplied
from PhantomLibrary.sql.planning.decorrelation import Apart, taken_apart
from PhantomLibrary.sql.planning.estimates import rows_after, statistics_of
from PhantomLibrary.sql.planning.fragments import Fragments
from PhantomLibrary.sql.planning.joins import kind_of
from PhantomLibrary.sql.planning.movements import Shuffled
from PhantomLibrary.sql.planning.relations import (
    Facts,
    Key,
    NotDistributable,
    Relation,
    facts_of,
    key_of_table,
)
from PhantomLibrary.sql.planning.stages import Block, Source, Stage, matching_keys
from PhantomLibrary.sql.plans import Movement

_AT_SHARDS = ("shards", "one")
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


class Subqueries:
    """Settles the subqueries in the expressions of a block."""

    def __init__(
        self,
        fragments: Fragments,
        blocks: BlockPlanner,
        aggregates: Aggregates,
        plan: Callable[[exp.Query], Relation],
    ) -> None:
        self.fragments = fragments
        self.blocks = blocks
        self.gathers = 0
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
                self._localise(stage, want.query)
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
        if not self._foreign_bytes(stage, query):
            return Want(query, query=query, is_required=is_required)
        self._taken_apart += 1
        apart = taken_apart(query, around, self._aggregates, f"?{self._taken_apart}")
        if apart is None:
            return Want(query, query=query, is_required=is_required, bytes=self._foreign_bytes(stage, query))
        relation = self._plan(apart.inner)
        return Want(apart.outer, relation, apart, None, is_required, relation.rows * relation.row_bytes)

    def is_required(self, query: exp.Query, parts: Sequence[exp.Expr]) -> bool:
        """Return whether a subquery is that of an IN or EXISTS that has to be true for a row to be taken."""
        around = query.parent
        while isinstance(around, exp.Subquery):
            around = around.parent
        return isinstance(around, exp.In | exp.Exists) and any(around is trees.unwrapped(part) for part in parts)

    def _has_all(self, stage: Stage, condition: exp.Expr) -> bool:
        return not any(self._foreign_bytes(stage, query) for query in trees.queries_in(condition))

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
            return stage.site in ("anywhere", *_AT_SHARDS)
        if relation.site == stage.site == "coordinator":
            return True
        if relation.site == stage.site == "one":
            return relation.positions == stage.positions
        around = _around(place)
        if not is_required or not isinstance(around, exp.In) or stage.site not in _AT_SHARDS:
            return False
        return relation.site in _AT_SHARDS and self._is_matched(stage, relation, around)

    def _is_matched(self, stage: Stage, relation: Relation, around: exp.In) -> bool:
        ref, name = trees.ref_of(around.this), next(iter(relation.columns))
        if ref is None:
            return False
        inner = Stage("shards", [], {}, rows=1)
        inner.keys = [Key(key.scheme, tuple(("?", name) for _, name in key.refs)) for key in relation.keys]
        same = exp.EQ(this=trees.column(ref), expression=trees.column(("?", name)))
        return matching_keys(stage, inner, [same]) is not None

    def _foreign_bytes(self, stage: Stage, query: exp.Query) -> int:
        """Return about how many bytes a subquery needs that are not at each place of a stage."""
        total = 0
        is_correlated = bool(trees.outer_aliases(query))
        for node in query.find_all(exp.Table):
            if node.name.startswith(("in", "?")):
                total += 64
                continue
            table = self.blocks.table_of(node)
            is_here = table.sharding.kind == "everywhere" and stage.site in ("anywhere", *_AT_SHARDS)
            select = node.find_ancestor(exp.Select)
            if is_correlated and isinstance(select, exp.Select) and self._is_local(stage, select, node):
                is_here = True
            if not is_here:
                total += statistics_of(table, self.blocks.statistics).bytes
        return total

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

    # --- correlated subqueries ----------------------------------------------------------------------------------------

    def _localise(self, stage: Stage, query: exp.Query) -> None:
        """Bring the tables of a correlated subquery to the places of the rows that it refers to."""
        if isinstance(query, exp.SetOperation):
            self._localise(stage, query.this)
            self._localise(stage, query.expression)
            return
        if isinstance(query, exp.Subquery):
            self._localise(stage, query.this)
            return
        if not isinstance(query, exp.Select) or query.args.get("with_"):
            raise NotDistributable("a correlated subquery of this form")
        for node in trees.sources_of(query):
            if isinstance(node, exp.Table):
                if not node.name.startswith("in"):
                    self._localise_table(stage, query, node)
            elif trees.outer_aliases(node.this):
                self._localise(stage, node.this)
            else:
                self._place(stage, node.this)
        parts = trees.clauses(query) + [each for each in (query.args.get("where"),) if each is not None]
        parts += [join.args["on"] for join in query.args.get("joins") or () if join.args.get("on") is not None]
        for part in parts:
            for inner in trees.queries_in(part):
                self._place(stage, inner)

    def _place(self, stage: Stage, query: exp.Query) -> None:
        """Bring to a stage what a query inside a correlated subquery needs."""
        if trees.outer_aliases(query):
            self._localise(stage, query)
            return
        want = self._want(stage, query, ())
        if not self._is_had(stage, want):
            self._bring(stage, want, "gather" if stage.site == "coordinator" else "broadcast")

    def _localise_table(self, stage: Stage, select: exp.Select, node: exp.Table) -> None:
        table = self.blocks.table_of(node)
        is_here = table.sharding.kind == "everywhere" and stage.site in ("anywhere", *_AT_SHARDS)
        if is_here or self._is_local(stage, select, node):
            stage.tables = list(dict.fromkeys((*stage.tables, table.number)))
            if not is_here:
                stage.notes.append(("subquery", f"{table.name}: co-located with the rows around it"))
            return
        alias = node.alias_or_name
        relation, names = self._copy_of(select, node)
        indexes = tuple((names.index(name),) for name in _looked_up(select, alias) if name in names)
        movement: Movement = "gather" if stage.site == "coordinator" else "broadcast"
        number = self.fragments.add(relation, movement, indexes=indexes, why="a correlated subquery reads it")
        if movement == "gather":
            self.gathers += 1
        stage.inputs.append(number)
        stage.notes.append(("subquery", f"{table.name}: in{number} is brought to its places"))
        node.set("this", exp.to_identifier(f"in{number}", quoted=True))
        node.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))

    def _is_local(self, stage: Stage, select: exp.Select, node: exp.Table) -> bool:
        """Return whether all rows of a table that a subquery can take are where the rows around it are."""
        table = self.blocks.table_of(node)
        key = key_of_table(table, node.alias_or_name)
        joins = select.args.get("joins") or []
        if key is None or stage.site not in _AT_SHARDS or any(join.side in ("RIGHT", "FULL") for join in joins):
            return False
        leaf = Stage("shards", [], {}, rows=1)
        leaf.keys = [key]
        return matching_keys(stage, leaf, _conditions(select, node)) is not None

    def _copy_of(self, select: exp.Select, node: exp.Table) -> tuple[Relation, list[str]]:
        """Return those columns and rows of a table that a subquery looks at."""
        table, alias = self.blocks.table_of(node), node.alias_or_name
        known = statistics_of(table, self.blocks.statistics)
        facts = facts_of(table, known.bytes // known.rows)
        used = dict.fromkeys(name for owner, name in trees.refs(select) if owner == alias)
        names = [name for name in facts if name in used]
        own = [
            each for each in _conditions(select, node) if trees.aliases(each) == [alias] and not trees.queries_in(each)
        ]
        select = exp.Select(expressions=[exp.alias_(trees.column((alias, name)), name, quoted=True) for name in names])
        columns = {name: facts[name] for name in names}
        if not names:
            select.set("expressions", [exp.alias_(exp.Literal.number(1), "_", quoted=True)])
            columns = {"_": Facts(width=1)}
        leaf = Stage("shards", [Source(node.copy())], {}, rows=rows_after(table, known, own))
        leaf.where = [each.copy() for each in own]
        leaf.put_into(select)
        site = "anywhere" if table.sharding.kind == "everywhere" else "shards"
        pruner = self.blocks.pruner(table, self.blocks.parameters, {(alias, n): n for n in table.sharding.columns})
        if site == "shards":
            leaf.restrict(pruner.positions(own))
        relation = Relation(select, leaf.site if site == "shards" else "anywhere", columns, rows=leaf.rows)
        relation.positions, relation.tables = leaf.positions, (table.number,)
        return relation, names


def _conditions(select: exp.Select, node: exp.Table) -> list[exp.Expr]:
    """Return the conditions that all rows of a table have to satisfy for a subquery to take them."""
    joins = select.args.get("joins") or []
    where = select.args.get("where")
    sources = [Source(select.args["from_"].this), *(Source(join.this, join.side.upper(), []) for join in joins)]
    missing = null_supplied(sources)
    alias = node.alias_or_name
    found: list[exp.Expr] = []
    for join in joins:
        if not join.side or (join.this is node and join.side.upper() == "LEFT"):
            found += trees.conjuncts(join.args.get("on"))
    if alias not in missing:
        return [*found, *trees.conjuncts(where and where.this)]
    own = next((trees.conjuncts(join.args.get("on")) for join in joins if join.this is node), [])
    is_left = any(join.this is node and join.side.upper() == "LEFT" for join in joins)
    others = [each for each in trees.conjuncts(where and where.this) if alias not in trees.aliases(each)]
    return [*own, *others] if is_left else []


def _looked_up(select: exp.Select, alias: str) -> list[str]:
    """Return the columns of an alias that are compared for equality with anything else."""
    found: dict[str, None] = {}
    for each in select.find_all(exp.EQ, bfs=False):
        for side in (each.this, each.expression):
            ref = trees.ref_of(side)
            if ref is not None and ref[0] == alias:
                found[ref[1]] = None
    return list(found)


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
