"""What stands above FROM and WHERE: groups, windows, DISTINCT, ORDER BY and LIMIT over rows that are in many places.

Groups, windows and distinct rows are whole in each place when they are finer than the key by which rows are spread.
Else aggregates go in two phases, windows take all rows to the coordinator, and of distinct and of first rows each place
sends its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from sqlglot import exp

from PhantomLibrary.sql.aggregates import is_aggregate
from PhantomLibrary.sql.catalog import Stored
from PhantomLibrary.sql.planning import trees
from PhantomLibrary.sql.planning.aggregation import Aggregates, distinct_arguments, position_in, replaced
from PhantomLibrary.sql.planning.joins import Joiner, kind_of
from PhantomLibrary.sql.planning.limits import rows_wanted
from PhantomLibrary.sql.planning.relations import Equalities, Facts, Key, NotDistributable, Ref, Relation
from PhantomLibrary.sql.planning.stages import Block, Source, Stage
from PhantomLibrary.sql.planning.subqueries import Subqueries

_LATE = ("distinct", "order", "limit", "offset")


class Late(Struct):
    """What is asked of all rows together, after each is computed."""

    distinct: exp.Expr | None = None
    order: exp.Expr | None = None
    limit: exp.Expr | None = None
    offset: exp.Expr | None = None

    @property
    def is_limited(self) -> bool:
        return self.limit is not None or self.offset is not None


def taken_late(query: exp.Query) -> Late:
    """Take these parts off a query; a set operation keeps whether its rows are distinct."""
    names = _LATE[1:] if isinstance(query, exp.SetOperation) else _LATE
    late = Late(**{name: query.args.get(name) for name in names})
    for name in names:
        query.set(name, None)
    return late


class Uppers:
    """Finishes blocks."""

    aggregates = Aggregates

    def __init__(self, joiner: Joiner, subqueries: Subqueries, parameters: Sequence[Stored]) -> None:
        self.joiner = joiner
        self.subqueries = subqueries
        self.parameters = parameters
        self._aggregates = self.aggregates()

    def finish(self, block: Block, stage: Stage) -> Relation:
        """Return the relation that a block is, over the rows of its stage."""
        select = block.select
        mover = self.joiner.mover
        if stage.is_partitioned and not self._is_whole(select, stage):
            if select.args.get("group") is not None or self._aggregates.find(trees.clauses(select)):
                try:
                    return self._in_two_phases(block, stage)
                except NotDistributable as reason:
                    self.joiner.gathers += len(stage.tables)
                    stage = mover.gather(block, stage, str(reason))
            else:
                self.joiner.gathers += len(stage.tables)
                stage = mover.gather(block, stage, "a window takes in rows of several places")
        stage = self.subqueries.settle(block, stage, trees.clauses(select))
        stage.put_into(select)
        late = taken_late(select) if stage.is_partitioned else Late()
        facts = output_facts(select, stage)
        relation = Relation(select, stage.site, facts, self._output_keys(select, stage), self._rows(select, stage))
        relation.positions, relation.notes = stage.positions, tuple(stage.notes)
        relation.tables, relation.inputs = tuple(stage.tables), tuple(stage.inputs)
        return self.last(relation, late) if stage.is_partitioned else relation

    def _is_whole(self, select: exp.Select, stage: Stage) -> bool:
        """Return whether each group and window has all its rows in one place."""
        equalities = Equalities(stage.equal)
        group = select.args.get("group")
        parts = trees.clauses(select)
        if group is not None or self._aggregates.find(parts):
            columns = [] if group is None else group.expressions
            if not self.is_finer(stage, equalities, columns):
                return False
        return all(
            self.is_finer(stage, equalities, each.args.get("partition_by") or ()) for each in trees.windows_in(parts)
        )

    def is_finer(self, stage: Stage, equalities: Equalities, by: Sequence[exp.Expr]) -> bool:
        """Return whether rows that agree in these expressions are in one place."""
        refs = [ref for each in by if (ref := trees.ref_of(each)) is not None]
        return any(equalities.covers(key, refs) for key in stage.keys)

    def _output_keys(self, select: exp.Select, stage: Stage) -> tuple[Key, ...]:
        equalities = Equalities(stage.equal)
        outputs: dict[Ref, str] = {}
        for each in select.expressions:
            ref = trees.ref_of(each.unalias())
            if ref is not None:
                outputs.setdefault(equalities.root(ref), each.alias_or_name)
        return tuple(
            Key(key.scheme, tuple(("", outputs[equalities.root(ref)]) for ref in key.refs), key.is_strict)
            for key in stage.keys
            if all(equalities.root(ref) in outputs for ref in key.refs)
        )

    def _rows(self, select: exp.Select, stage: Stage) -> int:
        if select.args.get("group") is not None:
            return max(1, stage.rows // 4)
        return 1 if self._aggregates.find(select.expressions) else stage.rows

    # --- two phases ---------------------------------------------------------------------------------------------------

    def _in_two_phases(self, block: Block, stage: Stage) -> Relation:
        """Aggregate in each place, and merge what each has for a group at the coordinator."""
        select = block.select
        group = select.args.get("group")
        if group is not None and trees.queries_in(group):
            raise NotDistributable("groups by a subquery are made in one place")
        if group is not None and any(group.args.get(each) for each in ("grouping_sets", "cube", "rollup", "all")):
            raise NotDistributable("grouping sets are computed in one place")
        parts: list[exp.Expr] = [] if group is None else [each.copy() for each in group.expressions]
        groups = len(parts)
        found = self._aggregates.find(trees.clauses(select))
        stage = self.subqueries.settle(block, stage, found)
        if not stage.is_partitioned:
            return self.finish(block, stage)
        merges: list[tuple[exp.Expr, int | None]] = []
        for node in found:
            distinct = distinct_arguments(node)
            if distinct is None:
                continue
            if len(distinct) != 1:
                raise NotDistributable(f"{node.sql()} needs all of its rows in one place")
            if position_in(parts, distinct[0]) is None:
                parts.append(distinct[0].copy())
        finer = len(parts)
        partial: list[exp.Expr] = []
        for node in found:
            if distinct_arguments(node) is None:
                self._aggregates.merged(node, exp.Null())  # Refuses what has no parts before anything has changed.
                merges.append((node, finer + len(partial)))
                partial.append(self._aggregates.partial(node))
        self._require_covered(select, parts[:groups], found)
        names = [f"g{number + 1}" for number in range(finer)] + [f"a{number + 1}" for number in range(len(partial))]
        stage.where += block.take(stage)
        facts = {name: _facts_of(node, stage) for name, node in zip(names, [*parts, *partial], strict=True)}
        relation = self.joiner.mover.relation(stage, list(zip([*parts, *partial], names, strict=True)), facts)
        if parts:
            relation.query.set("group", exp.Group(expressions=[exp.Literal.number(n + 1) for n in range(finer)]))
        elif not partial:
            relation.query.set("limit", exp.Limit(expression=exp.Literal.number(1)))
        relation.rows = max(1, stage.rows // 4) if groups else 1
        number = self.joiner.mover.fragments.add(relation, "gather")
        return self._merged(block, number, (parts, names, groups, merges), facts)

    def _merged(
        self,
        block: Block,
        number: int,
        made: tuple[list[exp.Expr], list[str], int, list[tuple[exp.Expr, int | None]]],
        facts: dict[str, Facts],
    ) -> Relation:
        select = block.select
        parts, names, groups, merges = made
        alias = f"in{number}"

        def chosen(node: exp.Expr) -> exp.Expr | None:
            place = position_in(parts[:groups], node)
            if place is not None:
                return trees.column((alias, names[place]))
            for aggregate, column in merges:
                if node is aggregate and column is not None:
                    return self._aggregates.merged(aggregate, trees.column((alias, names[column])))
            if is_aggregate(node) and distinct_arguments(node):
                return _over_distinct(node, lambda each: trees.column((alias, names[position_in(parts, each) or 0])))
            return None

        for name in ("expressions", "having", "order"):
            value = select.args.get(name)
            if isinstance(value, list):
                outputs = [each.alias_or_name for each in value]
                new = [replaced(each, chosen) for each in value]
                select.set(name, [_named(node, output) for node, output in zip(new, outputs, strict=True)])
            elif value is not None:
                select.set(name, replaced(value, chosen))
        by = [trees.column((alias, each)) for each in names[:groups]]
        select.set("group", exp.Group(expressions=by) if by else None)
        source = Source(exp.Table(this=exp.to_identifier(alias, quoted=True)))
        stage = Stage("coordinator", [source], {(alias, name): each for name, each in facts.items()}, rows=1)
        stage.inputs = [number]
        stage = self.subqueries.settle(block, stage, trees.clauses(select))
        stage.put_into(select)
        relation = Relation(select, "coordinator", output_facts(select, stage), inputs=tuple(stage.inputs))
        relation.rows, relation.notes = 1 if not groups else 100, (("aggregates", "merged of parts"), *stage.notes)
        return relation

    def _require_covered(self, select: exp.Select, groups: Sequence[exp.Expr], found: Sequence[exp.Expr]) -> None:
        """Refuse columns outside of groups and aggregates: whichever row they are of has to be there."""

        def visit(node: exp.Expr) -> None:
            if position_in(groups, node) is not None or any(node is each for each in found):
                return
            if isinstance(node, exp.Query) and not isinstance(node, exp.Subquery):
                if trees.outer_aliases(node):
                    raise NotDistributable("a correlated subquery above groups is computed in one place")
                return
            if isinstance(node, exp.Column) and node.table:
                raise NotDistributable(f"{node.sql()} is neither grouped nor aggregated")
            for part in node.iter_expressions():
                visit(part)

        for each in (*select.expressions, select.args.get("having"), select.args.get("order")):
            if each is not None:
                visit(each)

    # --- all rows together --------------------------------------------------------------------------------------------

    def last(self, relation: Relation, late: Late) -> Relation:
        """Ask what is asked of all rows together of a partitioned relation."""
        is_distinct = late.distinct is not None
        has_key = any(key.is_strict for key in relation.keys)
        if is_distinct and has_key:
            relation.query.set("distinct", late.distinct)
            late.distinct, is_distinct = None, False
        if not is_distinct and not late.is_limited and late.order is None:
            return relation
        names = list(relation.columns)
        order = self._hidden_order(relation, late)
        if is_distinct and len(relation.columns) > len(names):
            raise NotDistributable("DISTINCT ordered by what is not in its rows is computed in one place")
        if is_distinct:
            relation.query.set("distinct", late.distinct)
        first = self.rows_of_each_place(late)
        if first is not None:
            if order:
                terms = [_term(each, exp.Literal.number(number + 1)) for number, each in order]
                relation.query.set("order", exp.Order(expressions=terms))
            relation.query.set("limit", exp.Limit(expression=exp.Literal.number(first)))
            relation.rows = min(relation.rows, first)
        number = self.joiner.mover.fragments.add(relation, "gather")
        return self._final(number, relation, names, order, late)

    def rows_of_each_place(self, late: Late) -> int | None:
        """Return how many first rows of each place are enough, None where all are needed."""
        return rows_wanted(late.limit, late.offset, self.parameters)

    def _hidden_order(self, relation: Relation, late: Late) -> list[tuple[int, exp.Expr]]:
        """Return the terms of ORDER BY with the numbers of the columns that they are, which are added where missing."""
        found = []
        query = relation.query
        for term in late.order.expressions if late.order is not None else ():
            number = output_number(query, list(relation.columns), term.this)
            if number is None:
                if not isinstance(query, exp.Select):
                    raise NotDistributable("a set operation ordered by an expression is computed in one place")
                number = len(relation.columns)
                name = f"_o{number}"
                query.expressions.append(exp.alias_(with_outputs(query, term.this), name, quoted=True))
                query.set("expressions", query.expressions)
                relation.columns[name] = Facts()
            found.append((number, term))
        return found

    def _final(
        self, number: int, relation: Relation, names: list[str], order: list[tuple[int, exp.Expr]], late: Late
    ) -> Relation:
        alias = f"in{number}"
        every = list(relation.columns)
        select = exp.Select(expressions=[exp.alias_(trees.column((alias, name)), name, quoted=True) for name in names])
        select.set("from_", exp.From(this=exp.Table(this=exp.to_identifier(alias, quoted=True))))
        terms = [_term(term, trees.column((alias, every[place]))) for place, term in order]
        select.set("distinct", late.distinct)
        select.set("order", exp.Order(expressions=terms) if terms else None)
        select.set("limit", late.limit)
        select.set("offset", late.offset)
        columns = {name: relation.columns[name] for name in names}
        return Relation(select, "coordinator", columns, rows=relation.rows, inputs=(number,))


def output_number(query: exp.Query, names: Sequence[str], node: exp.Expr) -> int | None:
    """Return which column of a query a term of ORDER BY is, None where it is another expression."""
    node = trees.unwrapped(node)
    if isinstance(node, exp.Literal) and not node.is_string and node.name.isdecimal():
        return int(node.name) - 1
    if isinstance(node, exp.Column) and not node.table:
        return next((number for number, name in enumerate(names) if name.lower() == node.name.lower()), None)
    if isinstance(query, exp.Select):
        return position_in([each.unalias() for each in query.expressions], node)
    return None


def with_outputs(query: exp.Select, node: exp.Expr) -> exp.Expr:
    """Return an expression of ORDER BY with the columns of the result that it names written out."""
    outputs = {each.alias_or_name.lower(): each.unalias() for each in query.expressions}

    def chosen(each: exp.Expr) -> exp.Expr | None:
        if isinstance(each, exp.Column) and not each.table and each.name.lower() in outputs:
            return trees.operand(outputs[each.name.lower()].copy())
        return None

    return replaced(node.copy(), chosen)


def output_facts(select: exp.Select, stage: Stage) -> dict[str, Facts]:
    """Return what is known of the columns of a SELECT over a stage; those of one name get names of their own."""
    found: dict[str, Facts] = {}
    items = []
    for each in select.expressions:
        name = each.alias_or_name
        while name in found or not name:
            name += "_"
        if not isinstance(each, exp.Alias) or name != each.alias:
            each = exp.alias_(each.unalias(), name, quoted=True)
        items.append(each)
        found[name] = _facts_of(each.unalias(), stage)
    select.set("expressions", items)
    return found


def _facts_of(node: exp.Expr, stage: Stage) -> Facts:
    ref = trees.ref_of(node)
    if ref is not None and ref in stage.facts:
        return stage.facts[ref]
    if isinstance(node, exp.Min | exp.Max) and not node.expressions:
        return Facts(kind=kind_of(node.this, stage.facts))
    if isinstance(node, exp.Count | exp.Sum):
        return Facts(kind="number/?", is_nullable=isinstance(node, exp.Sum))
    return Facts(kind=kind_of(node, stage.facts))


def _over_distinct(node: exp.Expr, column: object) -> exp.Expr:
    copy = node.copy()
    inner = next(each for each in copy.find_all(exp.Distinct))
    inner.set("expressions", [column(each) for each in inner.expressions])  # type: ignore[operator]
    return copy


def _named(node: exp.Expr, name: str) -> exp.Expr:
    return node if isinstance(node, exp.Alias) else exp.alias_(node, name, quoted=True)


def _term(term: exp.Expr, node: exp.Expr) -> exp.Ordered:
    return exp.Ordered(this=node, desc=term.args.get("desc"), nulls_first=term.args.get("nulls_first"))
