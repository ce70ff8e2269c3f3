"""Correlated subqueries as they stand: their tables are brought to the places of the rows that they refer to.

A table stays where it is if a condition says that its key is that of the rows around: then all of its rows that the
subquery can take are there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from sqlglot import exp

from PhantomLibrary.sql.planning import trees
from PhantomLibrary.sql.planning.blocks import BlockPlanner, null_supplied
from PhantomLibrary.sql.planning.estimates import rows_after, statistics_of
from PhantomLibrary.sql.planning.fragments import Fragments
from PhantomLibrary.sql.planning.relations import (
    Facts,
    NotDistributable,
    Relation,
    facts_of,
    key_of_table,
)
from PhantomLibrary.sql.planning.stages import Source, Stage, matching_keys
from PhantomLibrary.sql.plans import Movement

AT_SHARDS = ("shards", "one")


class Localiser(ABC):
    """Brings to a stage the tables of subqueries that refer to its rows."""

    def __init__(self, fragments: Fragments, blocks: BlockPlanner) -> None:
        self.fragments = fragments
        self.blocks = blocks
        self.gathers = 0

    @abstractmethod
    def place(self, stage: Stage, query: exp.Query) -> None:
        """Bring to a stage what a query inside a correlated subquery needs."""

    def localise(self, stage: Stage, query: exp.Query) -> None:
        """Bring the tables of a correlated subquery to the places of the rows that it refers to."""
        if isinstance(query, exp.SetOperation):
            self.localise(stage, query.this)
            self.localise(stage, query.expression)
            return
        if isinstance(query, exp.Subquery):
            self.localise(stage, query.this)
            return
        if not isinstance(query, exp.Select) or query.args.get("with_"):
            raise NotDistributable("a correlated subquery of this form")
        for node in trees.sources_of(query):
            if isinstance(node, exp.Table):
                if not node.name.startswith("in"):
                    self._bring_table(stage, query, node)
            elif trees.outer_aliases(node.this):
                self.localise(stage, node.this)
            else:
                self.place(stage, node.this)
        parts = trees.clauses(query) + [each for each in (query.args.get("where"),) if each is not None]
        parts += [join.args["on"] for join in query.args.get("joins") or () if join.args.get("on") is not None]
        for part in parts:
            for inner in trees.queries_in(part):
                self.place(stage, inner)

    def _bring_table(self, stage: Stage, select: exp.Select, node: exp.Table) -> None:
        table = self.blocks.table_of(node)
        is_here = table.sharding.kind == "everywhere" and stage.site in ("anywhere", *AT_SHARDS)
        if is_here or self._is_local(stage, select, node):
            stage.tables = list(dict.fromkeys((*stage.tables, table.number)))
            if not is_here:
                stage.notes.append(("subquery", f"{table.name}: co-located with the rows around it"))
            return
        alias = node.alias_or_name
        relation = self.needed_of(node)
        names = list(relation.columns)
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
        if key is None or stage.site not in AT_SHARDS or any(join.side in ("RIGHT", "FULL") for join in joins):
            return False
        leaf = Stage("shards", [], {}, rows=1)
        leaf.keys = [key]
        return matching_keys(stage, leaf, _conditions(select, node)) is not None

    def needed_of(self, node: exp.Table) -> Relation:
        """Return those columns and rows of a table that the query around it looks at."""
        table, alias = self.blocks.table_of(node), node.alias_or_name
        select = node.find_ancestor(exp.Select)
        assert isinstance(select, exp.Select)
        known = statistics_of(table, self.blocks.statistics)
        facts = facts_of(table, known.bytes // known.rows)
        used = dict.fromkeys(name for owner, name in trees.refs(select) if owner == alias)
        names = [name for name in facts if name in used]
        conditions = _conditions(select, node) if any(node is each for each in _plain_sources(select)) else []
        own = [each for each in conditions if trees.aliases(each) == [alias] and not trees.queries_in(each)]
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
        return relation

    def foreign_bytes(self, stage: Stage, query: exp.Query) -> int:
        """Return about how many bytes a subquery needs that are not at each place of a stage."""
        total = 0
        is_correlated = bool(trees.outer_aliases(query))
        for node in query.find_all(exp.Table):
            if node.name.startswith(("in", "?")):
                total += 64
                continue
            table = self.blocks.table_of(node)
            is_here = table.sharding.kind == "everywhere" and stage.site in ("anywhere", *AT_SHARDS)
            select = node.find_ancestor(exp.Select)
            if is_correlated and isinstance(select, exp.Select) and self._is_local(stage, select, node):
                is_here = True
            if not is_here:
                total += statistics_of(table, self.blocks.statistics).bytes
        return total


def _plain_sources(select: exp.Select) -> list[exp.Expr]:
    try:
        return trees.sources_of(select)
    except NotDistributable:
        return []


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
