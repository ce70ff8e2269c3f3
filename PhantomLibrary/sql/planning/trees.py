"""Reading and changing trees of queries. Nothing here knows where anything runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp

from PhantomLibrary.sql.aggregates import is_aggregate
from PhantomLibrary.sql.catalog import Stored
from PhantomLibrary.sql.planning.relations import NotDistributable, Ref

_INPUT = re.compile(r"in\d+")


def conjuncts(condition: exp.Expr | None) -> list[exp.Expr]:
    """Return what has to be true for a condition to be, each on its own, in order."""
    if condition is None:
        return []
    while isinstance(condition, exp.Paren):
        condition = condition.this
    if isinstance(condition, exp.And):
        return [*conjuncts(condition.left), *conjuncts(condition.right)]
    return [condition]


def disjuncts(condition: exp.Expr) -> list[exp.Expr]:
    """Return the alternatives of a condition."""
    while isinstance(condition, exp.Paren):
        condition = condition.this
    if isinstance(condition, exp.Or):
        return [*disjuncts(condition.left), *disjuncts(condition.right)]
    return [condition]


def joined(conditions: Iterable[exp.Expr]) -> exp.Expr | None:
    """Return the conjunction of conditions, None where there are none."""
    whole: exp.Expr | None = None
    for each in conditions:
        each = exp.Paren(this=each) if isinstance(each, exp.Or) else each
        whole = each if whole is None else exp.And(this=whole, expression=each)
    return whole


def unwrapped(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def operand(node: exp.Expr) -> exp.Expr:
    """Return an expression as part of another one, in parentheses where its operator may bind less."""
    return exp.Paren(this=node) if isinstance(node, exp.Binary | exp.Not | exp.Between | exp.In) else node


def column(ref: Ref) -> exp.Column:
    alias, name = ref
    table = exp.to_identifier(alias, quoted=True) if alias else None
    return exp.Column(this=exp.to_identifier(name, quoted=True), table=table)


def ref_of(node: exp.Expr) -> Ref | None:
    """Return which column an expression is, None where it is more than one."""
    node = unwrapped(node)
    return (node.table, node.name) if isinstance(node, exp.Column) and node.table else None


def refs(node: exp.Expr) -> Iterator[Ref]:
    """Yield the columns in an expression, those inside subqueries included, in the order of the text."""
    stack = [node]
    while stack:
        each = stack.pop()
        if isinstance(each, exp.Column):
            if each.table:
                yield each.table, each.name
        else:
            stack.extend(each.iter_expressions(reverse=True))


def aliases(node: exp.Expr) -> list[str]:
    return list(dict.fromkeys(alias for alias, _ in refs(node)))


def own_nodes(node: exp.Expr) -> Iterator[exp.Expr]:
    """Yield an expression's nodes in order; of a query inside it only the root."""
    stack = [node]
    while stack:
        each = stack.pop()
        yield each
        if not isinstance(each, exp.Query) or isinstance(each, exp.Subquery):
            stack.extend(each.iter_expressions(reverse=True))


def queries_in(node: exp.Expr) -> list[exp.Query]:
    """Return the queries directly inside an expression, without their parentheses."""
    return [each for each in own_nodes(node) if isinstance(each, exp.Query) and not isinstance(each, exp.Subquery)]


def clauses(select: exp.Select) -> list[exp.Expr]:
    """Return the parts of a SELECT that stand above FROM and WHERE."""
    parts: list[exp.Expr] = list(select.expressions)
    for name in ("group", "having", "windows", "order", "distinct", "limit", "offset", "qualify"):
        value = select.args.get(name)
        parts.extend(value if isinstance(value, list) else [value] if isinstance(value, exp.Expr) else [])
    return parts


def aggregates_in(nodes: Iterable[exp.Expr]) -> list[exp.Expr]:
    """Return the aggregates in expressions (with FILTER, where they have one) that are not over windows."""
    found: list[exp.Expr] = []

    def visit(node: exp.Expr) -> None:
        if isinstance(node, exp.Window):
            for part in node.this.iter_expressions():
                visit(part)
            for name, value in node.args.items():
                if name != "this":
                    for part in value if isinstance(value, list) else [value]:
                        if isinstance(part, exp.Expr):
                            visit(part)
        elif is_aggregate(node) or (isinstance(node, exp.Filter) and is_aggregate(node.this)):
            found.append(node)
        elif not isinstance(node, exp.Query) or isinstance(node, exp.Subquery):
            for part in node.iter_expressions():
                visit(part)

    for each in nodes:
        visit(each)
    return found


def windows_in(nodes: Iterable[exp.Expr]) -> list[exp.Window]:
    return [found for node in nodes for found in own_nodes(node) if isinstance(found, exp.Window)]


def value_of(node: exp.Expr, parameters: Sequence[Stored]) -> tuple[Stored] | None:
    """Return the value of a constant, None where an expression is none."""
    node = unwrapped(node)
    if isinstance(node, exp.Placeholder):
        return (parameters[int(node.name) - 1],)
    if isinstance(node, exp.Null):
        return (None,)
    if isinstance(node, exp.HexString):
        return (bytes.fromhex(node.name),)
    if isinstance(node, exp.Boolean):
        return (int(node.this),)
    if isinstance(node, exp.Neg):
        inner = value_of(node.this, parameters)
        return (-inner[0],) if inner is not None and isinstance(inner[0], int | float) else None
    if isinstance(node, exp.Literal):
        if node.is_string:
            return (node.name,)
        try:
            return (int(node.name),)
        except ValueError:
            return (float(node.name),)
    return None


def outer_aliases(query: exp.Query) -> list[str]:
    """Return the aliases that a query refers to and does not define: those of the queries around it."""
    own = {source.alias_or_name: None for source in query.find_all(exp.Table, exp.Subquery)}
    return [alias for alias in aliases(query) if alias not in own]


def name_apart(query: exp.Expr) -> None:
    """Give each source in a query an alias that no other has, so that expressions can move."""
    taken: dict[str, int] = {}

    def visit(node: exp.Expr, outer: dict[str, str]) -> None:
        if isinstance(node, exp.SetOperation):
            visit(node.this, outer)
            visit(node.expression, outer)
            return
        if isinstance(node, exp.Subquery):
            visit(node.this, outer)
            return
        if not isinstance(node, exp.Select):
            raise NotDistributable(f"{node.key.upper()} is computed in one place")
        inner = dict(outer)
        sources = sources_of(node)
        for source in sources:
            old = source.alias_or_name
            plain = f"{old}_" if _INPUT.fullmatch(old) else old  # in1 is the result of a fragment.
            taken[plain] = count = taken.get(plain, 0) + 1
            new = plain if count == 1 else f"{plain}_{count}"
            while count > 1 and new in taken:
                new += "_"
            inner[old] = new
            taken.setdefault(new, 1)
            if new != old or not source.alias:
                source.set("alias", exp.TableAlias(this=exp.to_identifier(new, quoted=True)))
        for source in sources:
            if isinstance(source, exp.Subquery):
                visit(source.this, outer)
        _rename(node, sources, inner, visit)

    visit(query, {})


def _rename(node: exp.Select, sources: Sequence[exp.Expr], names: dict[str, str], visit: object) -> None:
    parts = clauses(node)
    parts.extend(each for each in (node.args.get("where"),) if each is not None)
    parts.extend(join.args["on"] for join in node.args.get("joins") or () if join.args.get("on") is not None)
    is_changed = any(old != new for old, new in names.items())
    for part in parts:
        for each in list(own_nodes(part)):
            if isinstance(each, exp.Query) and not isinstance(each, exp.Subquery):
                visit(each, names)  # type: ignore[operator]
            elif is_changed and isinstance(each, exp.Column) and names.get(each.table, each.table) != each.table:
                each.set("table", exp.to_identifier(names[each.table], quoted=True))


def sources_of(select: exp.Select) -> list[exp.Expr]:
    """Return tables and subqueries in FROM, in order. Raises NotDistributable for joins in parentheses and the like."""
    first = select.args.get("from_")
    found = [] if first is None else [first.this, *(join.this for join in select.args.get("joins") or ())]
    for each in found:
        is_known = isinstance(each, exp.Table) or (isinstance(each, exp.Subquery) and isinstance(each.this, exp.Query))
        if not is_known or each.args.get("joins"):
            raise NotDistributable("joins in parentheses are computed in one place")
    return found
