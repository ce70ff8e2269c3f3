"""FROM and WHERE of one SELECT become a stage: its tables are pruned and joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp

from PhantomLibrary.sql.catalog import Catalog, Stored, Table
from PhantomLibrary.sql.planning import trees
from PhantomLibrary.sql.planning.estimates import rows_after, statistics_of
from PhantomLibrary.sql.planning.joins import Joiner
from PhantomLibrary.sql.planning.pruning import Pruner
from PhantomLibrary.sql.planning.relations import (
    Equalities,
    Key,
    NotDistributable,
    Ref,
    Relation,
    facts_of,
    key_of_table,
)
from PhantomLibrary.sql.planning.stages import Block, Source, Stage, equal_columns, is_within
from PhantomLibrary.sql.plans import TableStatistics

_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Like, exp.Between)


class BlockPlanner:
    """Makes stages of blocks. `plan` plans a query in FROM."""

    pruner = Pruner

    def __init__(
        self,
        catalog: Catalog,
        statistics: Mapping[int, TableStatistics],
        parameters: Sequence[Stored],
        joiner: Joiner,
        plan: Callable[[exp.Query], Relation],
    ) -> None:
        self.catalog = catalog
        self.statistics = statistics
        self.parameters = parameters
        self.joiner = joiner
        self._plan = plan

    def stage(self, block: Block) -> Stage | None:
        """Return the stage of a block, None where it has no FROM. Conditions with subqueries are left waiting."""
        select = block.select
        sources = self._sources(select)
        where = select.args.get("where")
        block.at_end = trees.conjuncts(where.this if where is not None else None)
        if not sources:
            return None
        sources = make_inner(sources, block.at_end)
        missing = null_supplied(sources)
        sources = hoisted(sources, missing)
        block.waiting = [each for each in block.at_end if _is_early(each, missing)]
        block.at_end = [each for each in block.at_end if not any(each is one for one in block.waiting)]
        push_into_subqueries(block, sources)
        block.joins = sources[1:]
        pool = [self._leaf(block, sources[0], missing)]
        while block.joins:
            source = block.joins[0]
            leaf = self._leaf(block, source, missing)
            if not source.side:
                block.joins.pop(0)
                block.waiting += source.on
                source.on = []
                pool.append(leaf)
            else:
                pool = [self.joiner.outer(block, self.joiner.inner(block, pool), leaf, source.side)]
        return self.joiner.inner(block, pool)

    def _sources(self, select: exp.Select) -> list[Source]:
        nodes = trees.sources_of(select)
        joins = select.args.get("joins") or []
        found = [Source(node, "", []) for node in nodes]
        for source, join in zip(found[1:], joins, strict=True):
            if join.args.get("using") or join.method or join.kind.upper() not in ("", "INNER", "OUTER", "CROSS"):
                raise NotDistributable(f"{join.method or join.kind or 'USING'} in a join is computed in one place")
            source.side = join.side.upper()
            source.on = trees.conjuncts(join.args.get("on"))
        return found

    # --- leaves -------------------------------------------------------------------------------------------------------

    def _leaf(self, block: Block, source: Source, missing: Mapping[str, None]) -> Stage:
        node = source.node
        if isinstance(node, exp.Subquery):
            return self._derived(source, node)
        table = self.table_of(node)
        alias = node.alias_or_name
        conditions = self._conditions(block, source, alias, missing)
        statistics = statistics_of(table, self.statistics)
        facts = facts_of(table, statistics.bytes // statistics.rows)
        used = dict.fromkeys(ref for part in (*trees_above(block), *source.on) for ref in trees.refs(part))
        own = {(alias, name): each for name, each in facts.items() if (alias, name) in used}
        mine = [each for each in conditions if is_within(each, {alias: None})]
        stage = Stage("shards", [Source(node)], own, rows=rows_after(table, statistics, mine))
        stage.tables = [table.number]
        stage.unique = [(alias, name) for name in table.primary_key]
        key = key_of_table(table, alias)
        if key is None:
            stage.site = "anywhere"
        else:
            stage.keys = [key]
            names = same_columns(alias, table, conditions)
            stage.restrict(self.pruner(table, self.parameters, names).positions(conditions))
        return stage

    def table_of(self, node: exp.Expr) -> Table:
        number = node.name.removeprefix("t")
        table = self.catalog.numbered(int(number)) if number.isdecimal() else None
        if table is None:
            raise NotDistributable(f"{node.name} is no table")
        return table

    def _conditions(self, block: Block, source: Source, alias: str, missing: Mapping[str, None]) -> list[exp.Expr]:
        """Return the conditions without which no row of a leaf is in the result of the block, but as a missing one."""
        if alias not in missing:
            inner = [each for join in block.joins if not join.side for each in join.on]
            return [*block.waiting, *(each for each in inner if _is_safe(each, missing))]
        if source.side == "LEFT":
            return [*block.waiting, *source.on]
        return []

    def _derived(self, source: Source, node: exp.Subquery) -> Stage:
        alias = node.alias_or_name
        relation = self._plan(node.this)
        node = exp.Subquery(this=relation.query, alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
        facts = {(alias, name): each for name, each in relation.columns.items()}
        stage = Stage(relation.site, [Source(node)], facts, rows=relation.rows)
        stage.keys = [
            Key(key.scheme, tuple((alias, name) for _, name in key.refs), key.is_strict) for key in relation.keys
        ]
        stage.positions = relation.positions
        stage.tables, stage.inputs, stage.notes = list(relation.tables), list(relation.inputs), list(relation.notes)
        return stage


def trees_above(block: Block) -> list[exp.Expr]:
    """Return all expressions of a block that may name columns of its sources."""
    parts = [*trees.clauses(block.select), *block.waiting, *block.at_end]
    for join in block.joins:
        parts += join.on
    return parts


def same_columns(alias: str, table: Table, conditions: Sequence[exp.Expr]) -> dict[Ref, str]:
    """Return which columns are one of a table's shard key, or equal to one wherever the conditions hold."""
    names: dict[Ref, str] = {(alias, name): name for name in table.sharding.columns}
    pairs = equal_columns(conditions)
    if pairs:
        equalities = Equalities(pairs)
        for ref in dict.fromkeys(ref for pair in pairs for ref in pair):
            for name in table.sharding.columns:
                if equalities.root(ref) == equalities.root((alias, name)):
                    names[ref] = name
    return names


# --- outer joins ------------------------------------------------------------------------------------------------------


def make_inner(sources: list[Source], where: Sequence[exp.Expr]) -> list[Source]:
    """Return sources with each side of an outer join that cannot be missing, as WHERE would not be true, made inner."""
    if not any(source.side for source in sources):
        return sources
    rejected: dict[str, None] = {}
    for each in where:
        rejected |= dict.fromkeys(rejecting(each))
    if not any(source.side in ("RIGHT", "FULL") for source in sources):
        for source in sources:
            for each in source.on if not source.side else ():
                rejected |= dict.fromkeys(rejecting(each))
    for number, source in enumerate(sources):
        right = source.node.alias_or_name in rejected
        left = any(each.node.alias_or_name in rejected for each in sources[:number])
        if source.side in ("LEFT", "FULL") and right:
            source.side = "" if source.side == "LEFT" else "RIGHT"
        if source.side in ("RIGHT", "FULL") and left:
            source.side = "" if source.side == "RIGHT" else "LEFT"
    return sources


def rejecting(condition: exp.Expr) -> list[str]:
    """Return the aliases whose columns cannot all be NULL where a condition is true."""
    condition = trees.unwrapped(condition)
    if isinstance(condition, _COMPARISONS):
        sides = [condition.this] if isinstance(condition, exp.Between) else [condition.this, condition.expression]
        return [ref[0] for side in sides if (ref := trees.ref_of(side)) is not None]
    if isinstance(condition, exp.In):
        ref = trees.ref_of(condition.this)
        return [] if ref is None else [ref[0]]
    if isinstance(condition, exp.Not) and isinstance(inner := trees.unwrapped(condition.this), exp.Is):
        ref = trees.ref_of(inner.this) if isinstance(inner.expression, exp.Null) else None
        return [] if ref is None else [ref[0]]
    return []


def null_supplied(sources: Sequence[Source]) -> dict[str, None]:
    """Return the aliases whose columns an outer join may make NULL."""
    found: dict[str, None] = {}
    for number, source in enumerate(sources):
        if source.side in ("LEFT", "FULL"):
            found[source.node.alias_or_name] = None
        if source.side in ("RIGHT", "FULL"):
            found |= dict.fromkeys(each.node.alias_or_name for each in sources[:number])
    return found


def hoisted(sources: list[Source], missing: Mapping[str, None]) -> list[Source]:
    """Return sources with the inner joins before the left ones that they do not depend on."""
    if any(source.side in ("RIGHT", "FULL") for source in sources):
        return sources
    early = [each for each in sources if not each.side and all(_is_safe(one, missing) for one in each.on)]
    return early + [each for each in sources if not any(each is one for one in early)]


def _is_early(condition: exp.Expr, missing: Mapping[str, None]) -> bool:
    """Return whether a condition of WHERE may be asked before an outer join."""
    return bool(trees.aliases(condition)) and _is_safe(condition, missing) and not trees.queries_in(condition)


def _is_safe(condition: exp.Expr, missing: Mapping[str, None]) -> bool:
    return not any(alias in missing for alias in trees.aliases(condition))


# --- conditions on subqueries in FROM ---------------------------------------------------------------------------------


def push_into_subqueries(block: Block, sources: Sequence[Source]) -> None:
    """Ask conditions on a subquery in FROM inside it, where its tables can be pruned by them."""
    inside = {each.node.alias_or_name: each.node.this for each in sources if isinstance(each.node, exp.Subquery)}
    for alias, query in inside.items():
        kept = []
        for condition in block.waiting:
            if not (is_within(condition, {alias: None}) and pushed(condition, query)):
                kept.append(condition)
        block.waiting = kept


def pushed(condition: exp.Expr, query: exp.Query) -> bool:
    """Add a condition on a query's results to those on its sources; return False where that is not the same."""
    if isinstance(query, exp.SetOperation):
        return False
    if not isinstance(query, exp.Select) or any(query.args.get(each) for each in ("limit", "offset", "with_")):
        return False
    outputs = {each.alias_or_name: each.unalias() for each in query.expressions}
    named = list(condition.find_all(exp.Column))
    used = [outputs.get(each.name) for each in named]
    if query.args.get("from_") is None or len(outputs) < len(query.expressions):
        return False
    if trees.windows_in(query.expressions) or any(each is None or trees.queries_in(each) for each in used):
        return False
    groups = query.args.get("group")
    is_grouped = groups is not None or trees.aggregates_in([*query.expressions, *_having(query)])
    if is_grouped and (groups is None or any(each not in groups.expressions for each in used)):
        return False
    copy = condition.copy()
    for each in list(copy.find_all(exp.Column)):
        new = trees.operand(_known(outputs[each.name]).copy())
        if each is copy:
            copy = new
        else:
            each.replace(new)
    where = query.args.get("where")
    query.set("where", exp.Where(this=trees.joined([*trees.conjuncts(where and where.this), copy])))
    return True


def _having(query: exp.Select) -> list[exp.Expr]:
    having = query.args.get("having")
    return [] if having is None else [having]


def _known(node: exp.Expr | None) -> exp.Expr:
    assert node is not None
    return node
