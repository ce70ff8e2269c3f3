"""The smallest query, over the fewest rows, that still fails.

A query is made smaller on its tree: parts are left out, and what is composed is replaced by a part of it. Of the rows,
ever smaller shares are left out. Source of the latter: Zeller and Hildebrandt, "Simplifying and Isolating
Failure-Inducing Input" (IEEE TSE 2002), ddmin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from sqlglot import exp

Item = TypeVar("Item")
_DIALECT = "sqlite"
_LEFT_OUT = ("where", "having", "order", "limit", "offset", "distinct", "joins", "group", "with_")


def shrink_query(query: str, fails: Callable[[str], bool], *, tries_max: int = 300) -> str:
    """Return a query that fails as well and of which no part can be left out, or the best after so many tries."""
    tries = 0
    shrunk = True
    while shrunk:
        shrunk = False
        for smaller in smaller_queries(query):
            if tries >= tries_max:
                return query
            tries += 1
            if fails(smaller):
                query, shrunk = smaller, True
                break
    return query


def smaller_queries(query: str) -> Iterator[str]:
    """Yield queries that are a little smaller, those that leave out most first. Not all of them make sense."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(query, read=_DIALECT)
    except SqlglotError:
        return
    seen = {query}
    count = sum(1 for _ in tree.walk())
    for number in range(count):
        for change in range(_changes(_node(tree, number))):
            copy = tree.copy()
            changed = _changed(copy, _node(copy, number), change)
            text = changed.sql(dialect=_DIALECT)
            if len(text) < len(query) and text not in seen:
                seen.add(text)
                yield text


def shrink_items(items: Sequence[Item], fails: Callable[[Sequence[Item]], bool], *, tries_max: int = 200) -> list[Item]:
    """Return some of the items, in order, with which it still fails: ddmin."""
    left, share, tries = list(items), 2, 0
    while left and tries < tries_max:
        size = -(-len(left) // share)
        for start in range(0, len(left), size):
            rest = left[:start] + left[start + size :]
            tries += 1
            if fails(rest):
                left, share = rest, max(2, share - 1)
                break
            if tries >= tries_max:
                break
        else:
            if size == 1:
                break
            share = min(len(left), share * 2)
    return left


# --- what can be left out of a node, by number ------------------------------------------------------------------------


def _node(tree: exp.Expr, number: int) -> exp.Expr:
    return next(each for position, each in enumerate(tree.walk()) if position == number)


def _parts(node: exp.Expr) -> list[tuple[str, int]]:
    """Return parts of a node that may go: names of arguments, and places in a list of them, -1 for all of it."""
    from sqlglot import exp

    parts = list[tuple[str, int]]()
    if isinstance(node, exp.Query):
        for name in _LEFT_OUT:
            value = node.args.get(name)
            if isinstance(value, list):
                parts += [(name, place) for place in reversed(range(len(value)))]
            elif value:
                parts.append((name, -1))
    if isinstance(node, exp.Select | exp.Group | exp.Order | exp.In) and len(node.expressions) > 1:
        parts += [("expressions", place) for place in reversed(range(len(node.expressions)))]
    if isinstance(node, exp.Join) and node.args.get("on"):
        parts.append(("on", -1))
    if isinstance(node, exp.Case):
        parts += [("ifs", place) for place in range(len(node.args["ifs"])) if len(node.args["ifs"]) > 1]
    return parts


def _heirs(node: exp.Expr) -> list[exp.Expr]:
    """Return what may stand in place of a node: its operands, or the queries within."""
    from sqlglot import exp

    if isinstance(node, exp.SetOperation):
        return [node.left, node.right]
    if isinstance(
        node, exp.If | exp.Alias | exp.Query | exp.Table | exp.DataType | exp.Column | exp.Literal | exp.Cast
    ):
        return []
    if not isinstance(node, exp.Condition):
        return []
    values: list[exp.Expr] = list(node.iter_expressions())
    if isinstance(node, exp.Case):
        values += [each.args["true"] for each in node.args["ifs"]]
    return values


def _constants(node: exp.Expr) -> list[str]:
    """Return constants that may stand in place of a node."""
    from sqlglot import exp

    if isinstance(node, exp.Connector | exp.Predicate | exp.Not):
        return ["TRUE"]
    return ["1"] if isinstance(node, exp.Subquery) and not isinstance(node.parent, exp.From | exp.Join | exp.In) else []


def _changes(node: exp.Expr) -> int:
    return len(_parts(node)) + len(_heirs(node)) + len(_constants(node))


def _changed(tree: exp.Expr, node: exp.Expr, change: int) -> exp.Expr:
    """Do a change to a node of a tree; return the tree, which may be another one."""
    import sqlglot

    parts, heirs = _parts(node), _heirs(node)
    if change < len(parts):
        name, place = parts[change]
        if place < 0:
            node.set(name, None)
        else:
            values = list(node.args[name])
            del values[place]
            node.set(name, values or None)
        return tree
    change -= len(parts)
    if change < len(heirs):
        heir = heirs[change].copy()
    else:
        heir = sqlglot.parse_one(_constants(node)[change - len(heirs)], read=_DIALECT)
    if node is tree:
        return heir
    node.replace(heir)
    return tree
