"""A query as SQLite runs it: its arithmetic is exact, and all rows come in the order asked for, each with its sort key.

What is a REAL is told by names: a column that some table has as REAL, and an alias of what computes with one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from PhantomLibrary.checking.queries.values import OracleError, OracleTable

if TYPE_CHECKING:
    from sqlglot import exp

_DIALECT = "sqlite"


class AdaptedQuery(Struct, frozen=True):
    """A query for SQLite, without the outermost LIMIT and OFFSET, which are texts to be computed on their own.

    `keys` are the numbers of the columns that rows are sorted by, the last `hidden` of all columns only for that.
    Parameters are named p1, p2 and so on.
    """

    text: str
    keys: tuple[int, ...]
    hidden: int
    limit: str
    offset: str


def adapt(query: str, tables: Sequence[OracleTable]) -> AdaptedQuery:
    """Return a query for SQLite. Raises OracleError for one that cannot be judged."""
    from sqlglot import exp

    tree = read_query(query)
    _compute_exactly(tree, real_names(tree, tables))
    limit, offset = _taken(tree, "limit"), _taken(tree, "offset")
    order = tree.args.get("order")
    terms: list[exp.Expr] = (
        [each.this if isinstance(each, exp.Ordered) else each for each in order.expressions] if order else []
    )
    outputs = _outputs(tree)
    keys, hidden = [], list[exp.Expr]()
    for term in terms:
        number = _output_number(term, outputs)
        keys.append(number if number is not None else -1 - len(hidden))
        if number is None:
            hidden.append(term)
    if hidden:
        if not isinstance(tree, exp.Select) or tree.args.get("distinct"):
            raise OracleError("rows are sorted by what is not in the answer, of which each row may have several")
        tree.set(
            "expressions",
            [*tree.expressions, *(exp.alias_(each.copy(), f"sort_key_{n}") for n, each in enumerate(hidden))],
        )
    return AdaptedQuery(text_of(tree), tuple(keys), len(hidden), limit, offset)


def read_query(query: str) -> exp.Expr:
    """Return the tree of a query, its parameters numbered as they stand in the text."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tokens = sqlglot.tokenize(query, read=_DIALECT) if "?" in query else []
        places = [each.start for each in tokens if each.text == "?" and each.token_type.name == "PLACEHOLDER"]
        for number in range(len(places), 0, -1):
            place = places[number - 1]
            query = f"{query[:place]}:p{number}{query[place + 1 :]}"
        tree = sqlglot.parse_one(query, read=_DIALECT)
    except SqlglotError as error:
        raise OracleError(f"it cannot be read: {error}") from None
    while isinstance(tree, exp.Subquery) and not tree.args.get("alias"):
        tree = tree.this
    if not isinstance(tree, exp.Query | exp.Values):
        raise OracleError("it is no query")
    return tree


def text_of(tree: exp.Expr) -> str:
    """Return a tree as SQLite reads it."""
    return tree.sql(dialect=_DIALECT, copy=False)


# --- arithmetic -------------------------------------------------------------------------------------------------------


def real_names(tree: exp.Expr, tables: Iterable[OracleTable]) -> frozenset[str]:
    """Return the names of columns and aliases that are REAL."""
    from sqlglot import exp

    names = {name for table in tables for name, column in table.columns if column.name == "REAL"}
    aliases = [(each.alias.lower(), each.this) for each in tree.find_all(exp.Alias)]
    while True:
        found = {alias for alias, value in aliases if alias not in names and _is_real(value, names)}
        if not found:
            return frozenset(names)
        names |= found


def _is_real(tree: exp.Expr, names: Iterable[str], whole: exp.Expr | None = None) -> bool:
    """Return whether an expression computes with a REAL; what it is cast to in the end counts for no Cast itself."""
    from sqlglot import exp

    if whole is not None and not isinstance(whole, exp.Cast):
        tree = whole

    if any(each.name.lower() in names for each in tree.find_all(exp.Column)):
        return True
    return any(each.to.this in (exp.DataType.Type.FLOAT, exp.DataType.Type.DOUBLE) for each in tree.find_all(exp.Cast))


def _compute_exactly(tree: exp.Expr, reals: frozenset[str]) -> None:
    """Replace what SQLite computes otherwise, the inner before the outer."""
    from sqlglot import exp

    nodes = list(tree.walk(bfs=False))[::-1]
    kinds = exp.Binary | exp.Sum | exp.Avg | exp.Round | exp.Cast
    of_reals = {id(node) for node in nodes if isinstance(node, kinds) and _is_real(node.this, reals, node)}
    for node in nodes:
        is_real = id(node) in of_reals
        changed: exp.Expr | None = None
        if isinstance(node, exp.Add | exp.Sub) and isinstance(node.expression, exp.Interval):
            changed = _interval(node)
        elif isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Div | exp.Mod):
            changed = _arithmetic(node, is_real=is_real)
        elif isinstance(node, exp.Sum | exp.Avg | exp.Round):
            changed = _call(f"{'real' if is_real else 'exact'}_{node.key}", *node.iter_expressions())
        elif isinstance(node, exp.Cast):
            changed = _cast(node, is_real=is_real)
        elif isinstance(node, exp.Substring):
            changed = _call("sql_substring", *node.iter_expressions())
        elif isinstance(node, exp.Extract):
            changed = _call("moment_part", exp.Literal.string(node.name), node.expression)
        elif isinstance(node, exp.GroupConcat):
            changed = _call("sorted_texts", *node.iter_expressions())
        if changed is not None:
            node.replace(changed)


def _interval(node: exp.Add | exp.Sub) -> exp.Expr:
    """Return a moment plus or minus INTERVAL '2 days', or '2' DAY."""
    from sqlglot import exp

    interval = node.expression
    words = interval.name.split()
    unit = interval.args["unit"].name if interval.args.get("unit") else words[1] if len(words) == 2 else ""
    if not words or not words[0].lstrip("+-").isdecimal() or not unit:
        raise OracleError(f"the interval {interval.sql()} is not judged")
    count = int(words[0]) * (-1 if isinstance(node, exp.Sub) else 1)
    return _call("moment_shift", node.this, exp.Literal.number(count), exp.Literal.string(unit))


def _arithmetic(node: exp.Add | exp.Sub | exp.Mul | exp.Div | exp.Mod, *, is_real: bool) -> exp.Expr | None:
    """Return what an operation of two numbers becomes, None where SQLite does it right."""
    from sqlglot import exp

    if isinstance(node, exp.Div):
        return _call("real_divide" if is_real else "exact_divide", node.left, node.right)
    if isinstance(node, exp.Mod):
        return _call("exact_modulo", node.left, node.right)
    if is_real:
        return None
    word = "add" if isinstance(node, exp.Add) else "subtract" if isinstance(node, exp.Sub) else "multiply"
    return _call(f"exact_{word}", node.left, node.right)


def _cast(node: exp.Cast, *, is_real: bool) -> exp.Expr | None:
    from sqlglot import exp

    to: exp.DataType = node.args["to"]
    kinds = exp.DataType.Type
    if to.this is kinds.DECIMAL:
        sizes = [int(each.name) for each in to.expressions]
        return _call("as_decimal", node.this, exp.Literal.number(sizes[1] if len(sizes) > 1 else 0))
    if to.this in (kinds.INT, kinds.BIGINT, kinds.SMALLINT):
        return _call("real_as_integer" if is_real else "as_integer", node.this)
    if to.this is kinds.BOOLEAN:
        return _call("to_boolean", node.this)
    if to.this in (kinds.TIMESTAMP, kinds.DATETIME):
        return _call("as_timestamp", node.this)
    return _call("as_date", node.this) if to.this is kinds.DATE else None


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    return exp.Anonymous(this=name, expressions=list(arguments))


# --- order and limit --------------------------------------------------------------------------------------------------


def _taken(tree: exp.Expr, part: str) -> str:
    """Take LIMIT or OFFSET off a query; return what it was."""
    node = tree.args.get(part)
    if node is None:
        return ""
    tree.set(part, None)
    value = node.args.get("expression") or node.args.get("count")
    return text_of(value) if value is not None else ""


def _outputs(tree: exp.Expr) -> list[str]:
    """Return the names of the columns of an answer, as far as they can be told from its text."""
    from sqlglot import exp

    while isinstance(tree, exp.SetOperation):
        tree = tree.this.unnest() if isinstance(tree.this, exp.Subquery) else tree.this
    if not isinstance(tree, exp.Select):
        return []
    names = list[str]()
    for each in tree.expressions:
        if isinstance(each, exp.Star) or (isinstance(each, exp.Column) and isinstance(each.this, exp.Star)):
            break  # What follows stands nobody knows where.
        names.append(each.alias_or_name.lower())
    return names


def _output_number(term: exp.Expr, outputs: Sequence[str]) -> int | None:
    """Return the number of the column of the answer that a term of ORDER BY means, None for an expression."""
    from sqlglot import exp

    if isinstance(term, exp.Literal) and term.is_int:
        return int(term.name) - 1
    is_name = isinstance(term, exp.Column) and not term.table
    return outputs.index(term.name.lower()) if is_name and term.name.lower() in outputs else None
