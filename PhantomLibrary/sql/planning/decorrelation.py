"""Taking a correlated subquery apart: the rows that it may look at, and what it makes of them for a row around it.

The first part refers to nothing around, so it is planned like any query: filtered and joined where its rows are, and,
under aggregates that merge, grouped by what the second part compares. The second stays where the rows around it are.

Source: Galindo-Legaria and Joshi, "Orthogonal Optimization of Subqueries and Aggregation" (SIGMOD 2001), in part.
"""

from __future__ import annotations

from msgspec import Struct
from sqlglot import exp

from PhantomLibrary.sql.planning import trees
from PhantomLibrary.sql.planning.aggregation import Aggregates, distinct_arguments, replaced
from PhantomLibrary.sql.planning.relations import NotDistributable, Ref

_SET_OR_LIMITED = ("with_", "limit", "offset")


class Apart(Struct):
    """`inner` yields rows; `outer` is over them, under the alias `rows` until they have a place."""

    inner: exp.Select
    outer: exp.Select
    rows: str
    is_existence: bool  # How often a row is there makes no difference.

    def pairs(self) -> list[tuple[exp.Expr, str]]:
        """Return what around it is compared for equality with which column of the rows."""
        where = self.outer.args.get("where")
        found = []
        for each in trees.conjuncts(where and where.this):
            each = trees.unwrapped(each)
            if not isinstance(each, exp.EQ) or trees.queries_in(each):
                continue
            for side, other in ((each.this, each.expression), (each.expression, each.this)):
                ref = trees.ref_of(side)
                around = trees.aliases(other)
                if ref is not None and ref[0] == self.rows and around and self.rows not in around:
                    found.append((other, ref[1]))
        return found


def taken_apart(query: exp.Query, around: exp.Expr | None, aggregates: Aggregates, rows: str) -> Apart | None:
    """Return the two parts of a correlated subquery, None where it is not of a form that can be taken apart."""
    if not isinstance(query, exp.Select) or any(query.args.get(each) is not None for each in _SET_OR_LIMITED):
        return None
    try:
        sources = trees.sources_of(query)
    except NotDistributable:
        return None
    own = dict.fromkeys(source.alias_or_name for source in sources)
    if not own or any(isinstance(source, exp.Subquery) and trees.outer_aliases(source.this) for source in sources):
        return None
    joins = query.args.get("joins") or []
    if any(join.args.get("on") is not None and not _is_within(join.args["on"], own) for join in joins):
        return None
    where = query.args.get("where")
    inside: list[exp.Expr] = []
    compared: list[exp.Expr] = []
    for each in trees.conjuncts(where and where.this):
        (inside if _is_within(each, own) else compared).append(each)
    above = trees.clauses(query)
    if any(trees.queries_in(each) for each in (*compared, *above)):
        return None
    is_existence = isinstance(around, exp.Exists)
    if is_existence:
        query.set("expressions", [exp.alias_(exp.Literal.number(1), "found", quoted=True)])
        above = []
    grouped = None if is_existence else _grouped(query, compared, own, aggregates, rows)
    return grouped or _plain(query, inside, compared, above, own, rows, is_existence=is_existence)


def _is_within(node: exp.Expr, own: dict[str, None]) -> bool:
    """Return whether a part refers to nothing but its own tables, and those of subqueries inside it."""
    inner = {
        source.alias_or_name: None
        for query in trees.queries_in(node)
        for source in query.find_all(exp.Table, exp.Subquery)
    }
    return all(alias in own or alias in inner for alias in trees.aliases(node))


def _plain(
    query: exp.Select,
    inside: list[exp.Expr],
    compared: list[exp.Expr],
    above: list[exp.Expr],
    own: dict[str, None],
    rows: str,
    *,
    is_existence: bool,
) -> Apart:
    names = _named([*compared, *above], own)
    inner = exp.Select(expressions=[exp.alias_(trees.column(ref), name, quoted=True) for ref, name in names.items()])
    if not names:
        inner.set("expressions", [exp.alias_(exp.Literal.number(1), "_", quoted=True)])
    _move_sources(query, inner, inside)
    _rename([*compared, *above], names, rows)
    _put_above(query, compared, rows)
    return Apart(inner, query, rows, is_existence)


def _grouped(
    query: exp.Select, compared: list[exp.Expr], own: dict[str, None], aggregates: Aggregates, rows: str
) -> Apart | None:
    """Return the parts of a subquery of aggregates that merge: its rows come grouped by what is compared."""
    if any(query.args.get(each) is not None for each in ("group", "having", "distinct", "order")):
        return None
    found = aggregates.find(query.expressions)
    used = [alias for each in found for alias in trees.aliases(each)]
    if not found or not compared or any(alias not in own for alias in used):
        return None
    inside_aggregates = {id(each) for node in found for each in node.find_all(exp.Column)}
    if any(id(each) not in inside_aggregates for node in query.expressions for each in node.find_all(exp.Column)):
        return None
    try:
        if any(distinct_arguments(each) is not None for each in found):
            return None
        merged = [aggregates.merged(each, trees.column((rows, f"a{n}"))) for n, each in enumerate(found)]
    except NotDistributable:
        return None
    names = _named(compared, own)
    if not names:
        return None
    items = [exp.alias_(trees.column(ref), name, quoted=True) for ref, name in names.items()]
    items += [exp.alias_(aggregates.partial(each), f"a{number}", quoted=True) for number, each in enumerate(found)]
    inner = exp.Select(expressions=items)
    inner.set("group", exp.Group(expressions=[trees.column(ref) for ref in names]))
    where = query.args.get("where")
    inside = [each for each in trees.conjuncts(where and where.this) if not any(each is one for one in compared)]
    _move_sources(query, inner, inside)

    def chosen(node: exp.Expr) -> exp.Expr | None:
        return next((new for old, new in zip(found, merged, strict=True) if node is old), None)

    query.set("expressions", [replaced(each, chosen) for each in query.expressions])
    _rename(compared, names, rows)
    _put_above(query, compared, rows)
    return Apart(inner, query, rows, False)


def _named(parts: list[exp.Expr], own: dict[str, None]) -> dict[Ref, str]:
    refs = dict.fromkeys(ref for part in parts for ref in trees.refs(part) if ref[0] in own)
    return {ref: f"{ref[0]}.{ref[1]}" for ref in refs}


def _move_sources(query: exp.Select, inner: exp.Select, inside: list[exp.Expr]) -> None:
    for name in ("from_", "joins"):
        inner.set(name, query.args.get(name))
        query.set(name, None)
    where = trees.joined(inside)
    inner.set("where", exp.Where(this=where) if where is not None else None)


def _rename(parts: list[exp.Expr], names: dict[Ref, str], rows: str) -> None:
    for part in parts:
        for each in part.find_all(exp.Column):
            name = names.get((each.table, each.name))
            if name is not None:
                each.set("table", exp.to_identifier(rows, quoted=True))
                each.set("this", exp.to_identifier(name, quoted=True))


def _put_above(query: exp.Select, compared: list[exp.Expr], rows: str) -> None:
    query.set("from_", exp.From(this=exp.Table(this=exp.to_identifier(rows, quoted=True))))
    where = trees.joined(compared)
    query.set("where", exp.Where(this=where) if where is not None else None)
