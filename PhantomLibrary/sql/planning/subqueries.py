"""Subqueries in expressions: what they need is brought to where the rows around them are.

One that stands on its own is planned as any query, and its result brought. One that refers to the rows around it stays
as it is; of its tables those stay, too, whose rows are at the same place, for a condition says that their keys are
equal, and the others are brought. NOT IN looks at all rows, for one NULL among them decides, so only the IN of a
condition that has to be true may compare what each place has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from PhantomLibrary.sql.planning import trees
from PhantomLibrary.sql.planning.blocks import BlockPlanner, null_supplied
from PhantomLibrary.sql.planning.estimates import rows_after, statistics_of
from PhantomLibrary.sql.planning.fragments import Fragments
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


class Subqueries:
    """Settles the subqueries in the expressions of a block."""

    def __init__(self, fragments: Fragments, blocks: BlockPlanner, plan: Callable[[exp.Query], Relation]) -> None:
        self.fragments = fragments
        self.blocks = blocks
        self._plan = plan
        self.gathers = 0

    def settle(self, block: Block, stage: Stage, parts: Sequence[exp.Expr]) -> Stage:
        """Bring what the subqueries in expressions need to a stage, or the stage to the coordinator."""
        queries = [query for part in parts for query in trees.queries_in(part)]
        if not queries:
            return stage
        if stage.site != "coordinator" and self._is_better_gathered(stage, queries):
            self.gathers += len(stage.tables)
            stage = self.blocks.joiner.mover.gather(block, stage, "a subquery needs rows that are elsewhere")
        for query in queries:
            self._place(stage, query, is_required=_is_required(query, parts))
        return stage

    def _is_better_gathered(self, stage: Stage, queries: Sequence[exp.Query]) -> bool:
        """Return whether it moves less to gather a stage than to bring what subqueries need to its places."""
        brought = sum(self._foreign_bytes(stage, query) for query in queries)
        if not brought:
            return False
        if stage.site == "anywhere":
            return True
        places = 1 if stage.site == "one" else self.blocks.joiner.options.places
        return brought * (places - 1) > 2 * stage.rows * stage.row_bytes

    def _foreign_bytes(self, stage: Stage, query: exp.Query) -> int:
        """Return about how many bytes a subquery needs that are not at each place of a stage."""
        total = 0
        is_correlated = bool(trees.outer_aliases(query))
        for node in query.find_all(exp.Table):
            if node.name.startswith("in"):
                total += 64
                continue
            table = self.blocks.table_of(node)
            is_here = table.sharding.kind == "everywhere" and stage.site in ("anywhere", *_AT_SHARDS)
            select = node.find_ancestor(exp.Select)
            if is_correlated and isinstance(select, exp.Select) and self._is_local(stage, select, node):
                is_here = True
            if not is_here:
                known = statistics_of(table, self.blocks.statistics)
                total += known.bytes if is_correlated else min(known.bytes, 1 << 16)
        return total

    # --- placing ------------------------------------------------------------------------------------------------------

    def _place(self, stage: Stage, query: exp.Query, *, is_required: bool) -> None:
        if trees.outer_aliases(query):
            self._localise(stage, query)
            return
        place = query.replace(exp.Select())  # Planning encloses the query in others.
        relation = self._plan(query)
        if self.stays(stage, relation, place.parent, is_required=is_required):
            stage.tables = list(dict.fromkeys((*stage.tables, *relation.tables)))
            stage.inputs = list(dict.fromkeys((*stage.inputs, *relation.inputs)))
            stage.notes += relation.notes
            place.replace(relation.query)
            return
        place.replace(self._brought(stage, relation, "a subquery"))

    def stays(self, stage: Stage, relation: Relation, around: exp.Expr | None, *, is_required: bool) -> bool:
        """Return whether a subquery that stands on its own can be computed by each place for itself."""
        if not relation.tables and not relation.inputs:
            return True
        if relation.site == "anywhere":
            return stage.site in ("anywhere", *_AT_SHARDS)
        if relation.site == stage.site == "coordinator":
            return True
        if relation.site == stage.site == "one":
            return relation.positions == stage.positions
        if not is_required or not isinstance(around, exp.In) or stage.site not in _AT_SHARDS:
            return False
        return relation.site in _AT_SHARDS and self._is_matched(stage, relation, around)

    def _is_matched(self, stage: Stage, relation: Relation, around: exp.In) -> bool:
        left = around.this.expressions if isinstance(around.this, exp.Tuple) else [around.this]
        pairs = list(zip((trees.ref_of(each) for each in left), relation.columns, strict=False))
        conditions: list[exp.Expr] = [
            exp.EQ(this=trees.column(ref), expression=trees.column(("?", name)))
            for ref, name in pairs
            if ref is not None
        ]
        inner = Stage("shards", [], {}, rows=1)
        inner.keys = [Key(key.scheme, tuple(("?", name) for _, name in key.refs)) for key in relation.keys]
        return matching_keys(stage, inner, conditions) is not None

    def _brought(self, stage: Stage, relation: Relation, what: str) -> exp.Select:
        """Return a query of the rows of a relation that were brought to a stage."""
        movement: Movement = "gather" if stage.site == "coordinator" else "broadcast"
        if relation.site == "coordinator" == stage.site:
            raise AssertionError("it is there")
        number = self.fragments.add(relation, movement, why=what)
        stage.inputs.append(number)
        stage.notes.append(("subquery", f"in{number} is brought to its places"))
        names = list(relation.columns)
        node = exp.Select(
            expressions=[exp.alias_(trees.column((f"in{number}", name)), name, quoted=True) for name in names]
        )
        node.set("from_", exp.From(this=exp.Table(this=exp.to_identifier(f"in{number}", quoted=True))))
        return node

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
                self._place(stage, node.this, is_required=False)
        parts = trees.clauses(query) + [each for each in (query.args.get("where"),) if each is not None]
        parts += [join.args["on"] for join in query.args.get("joins") or () if join.args.get("on") is not None]
        for part in parts:
            for inner in trees.queries_in(part):
                self._place(stage, inner, is_required=False)

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


def _is_required(query: exp.Query, parts: Sequence[exp.Expr]) -> bool:
    """Return whether a subquery is that of an IN which has to be true for a row to be taken."""
    around = query.parent
    return isinstance(around, exp.In) and any(around is part for part in parts)
