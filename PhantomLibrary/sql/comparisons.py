"""Comparisons and logic. Both sides are brought to one type first; a comparison with NULL is NULL."""

from __future__ import annotations

from sqlglot import exp

from PhantomLibrary.sql.binder import Binder, type_error
from PhantomLibrary.sql.catalog import SqlType
from PhantomLibrary.sql.dialect import refuse_parts
from PhantomLibrary.sql.errors import SYNTAX_ERROR, TYPE_MISMATCH, UNKNOWN_FUNCTION, SqlError, unsupported
from PhantomLibrary.sql.typed import Typed, common_type, literal, operand
from PhantomLibrary.sql.values import BOOLEAN, TEXT, decimal_parts, decimal_type

_CHAIN_MAX = 250
_SIGNS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
}


def compared(binder: Binder, operator: str, *sides: Typed) -> list[exp.Expr]:
    """Return expressions of one type, to be compared."""
    try:
        target = common_type((each.type for each in sides), operator) or TEXT
    except SqlError as error:
        reason = type_error(operator, sides[0].type, next(e.type for e in sides[1:] if e.type is not None))
        raise SqlError(UNKNOWN_FUNCTION if error.state == TYPE_MISMATCH else error.state, reason) from None
    if target.name == "DECIMAL":
        target = decimal_type(max(target.scale, *(_digits(binder, each) for each in sides)))
    return [binder.coerce(each, target, is_compared=True) for each in sides]


def _digits(binder: Binder, typed: Typed) -> int:
    """Return how many digits a number in quotes has after the point: it is not rounded to be compared."""
    text: object = None
    if typed.type is None and isinstance(typed.node, exp.Literal):
        text = typed.node.name
    elif typed.type is None and isinstance(typed.node, exp.Placeholder):
        text = binder.parameters.value(typed.node)
    parts = decimal_parts(text) if isinstance(text, str) else None
    return min(parts[1], 18) if parts else 0


def bind_comparison(binder: Binder, node: exp.Expr) -> Typed:
    if isinstance(node.this, exp.Tuple) or isinstance(node.expression, exp.Tuple):
        return _rows(binder, node)
    if isinstance(node.expression, exp.Any | exp.All):
        return _quantified(binder, node)
    sign = _SIGNS[type(node)]
    left, right = compared(binder, sign, binder.bind(node.this), binder.bind(node.expression))
    if isinstance(node, exp.NullSafeNEQ):
        return Typed(exp.Not(this=exp.Paren(this=_same(left, right))), BOOLEAN)
    if isinstance(node, exp.NullSafeEQ):
        return Typed(_same(left, right), BOOLEAN)
    return Typed(type(node)(this=operand(left), expression=operand(right)), BOOLEAN)


def _same(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    return exp.Is(this=operand(left), expression=operand(right))


def _rows(binder: Binder, node: exp.Expr) -> Typed:
    left, right = node.this, node.expression
    if not (isinstance(left, exp.Tuple) and isinstance(right, exp.Tuple) and isinstance(node, exp.EQ | exp.NEQ)):
        raise unsupported(f"{node.sql()}", "rows of values are compared by = and <> with rows of values")
    if len(left.expressions) != len(right.expressions):
        raise SqlError(SYNTAX_ERROR, f"unequal number of entries in row expressions: {node.sql()}")
    pairs = [
        bind_comparison(binder, exp.EQ(this=a, expression=b)).node
        for a, b in zip(left.expressions, right.expressions, strict=True)
    ]
    equal = exp.and_(*pairs, dialect="sqlite") if len(pairs) > 1 else pairs[0]
    return Typed(exp.Not(this=exp.Paren(this=equal)) if isinstance(node, exp.NEQ) else exp.Paren(this=equal), BOOLEAN)


def _quantified(binder: Binder, node: exp.Expr) -> Typed:
    """Return = ANY (query) as IN, <> ALL (query) as NOT IN."""
    inner = node.expression.this
    if isinstance(node, exp.EQ) and isinstance(node.expression, exp.Any):
        return bind_in(binder, exp.In(this=node.this, query=inner))
    if isinstance(node, exp.NEQ) and isinstance(node.expression, exp.All):
        return bind_not(binder, exp.Not(this=exp.In(this=node.this, query=inner)))
    raise unsupported(f"{node.sql()[:60]}", "= ANY (query) and <> ALL (query); compare with MIN or MAX of the query")


def bind_connector(binder: Binder, node: exp.Expr) -> Typed:
    """Return AND or OR of many as one chain: their trees can be very deep, so without recursion to the left."""
    kind, terms = type(node), [node.expression]
    while type(node.this) is kind:
        node = node.this
        terms.append(node.expression)
    terms.append(node.this)
    bound = [operand_of_logic(binder.condition(each, kind.key.upper())) for each in reversed(terms)]
    while len(bound) > _CHAIN_MAX:  # SQLite's trees are at most 1000 deep, so longer chains are made of shorter ones.
        parts = [bound[first : first + _CHAIN_MAX] for first in range(0, len(bound), _CHAIN_MAX)]
        bound = [exp.Paren(this=_chain(kind, each)) for each in parts]
    return Typed(_chain(kind, bound), BOOLEAN)


def _chain(kind: type[exp.Expr], terms: list[exp.Expr]) -> exp.Expr:
    result = terms[0]
    for each in terms[1:]:
        result = kind(this=result, expression=each)
    return result


def operand_of_logic(node: exp.Expr) -> exp.Expr:
    return exp.Paren(this=node) if isinstance(node, exp.Connector) else node


def bind_not(binder: Binder, node: exp.Expr) -> Typed:
    inner = binder.condition(node.this, "NOT")
    return Typed(exp.Not(this=operand(inner)), BOOLEAN)


def bind_boolean(binder: Binder, node: exp.Expr) -> Typed:
    return Typed(literal(int(bool(node.this))), BOOLEAN)


def bind_is(binder: Binder, node: exp.Expr) -> Typed:
    right = node.expression
    if isinstance(right, exp.Null):
        return Typed(exp.Is(this=operand(binder.bind(node.this).node), expression=exp.Null()), BOOLEAN)
    if isinstance(right, exp.Boolean):
        value = literal(int(bool(right.this)))
        return Typed(exp.Is(this=operand(binder.condition(node.this, "IS")), expression=value), BOOLEAN)
    left, other = compared(binder, "IS", binder.bind(node.this), binder.bind(right))
    return Typed(_same(left, other), BOOLEAN)


def bind_between(binder: Binder, node: exp.Expr) -> Typed:
    refuse_parts(node, {"this", "low", "high"}, "BETWEEN")
    parts = [binder.bind(node.args[name]) for name in ("this", "low", "high")]
    value, low, high = (operand(each) for each in compared(binder, "BETWEEN", *parts))
    return Typed(exp.Between(this=value, low=low, high=high), BOOLEAN)


def bind_in(binder: Binder, node: exp.Expr) -> Typed:
    refuse_parts(node, {"this", "expressions", "query"}, "IN")
    query = node.args.get("query")
    if isinstance(node.this, exp.Tuple):
        raise unsupported("IN with rows of values", "EXISTS with a condition for each column, or IN of one column")
    value = binder.bind(node.this)
    if query is None:
        members = [binder.bind(each) for each in node.expressions]
        if not members:
            return Typed(literal(0), BOOLEAN)
        first, *rest = compared(binder, "=", value, *members)
        return Typed(exp.In(this=operand(first), expressions=rest), BOOLEAN)
    tree, outputs = binder.query(query)
    if len(outputs) != 1:
        raise SqlError(SYNTAX_ERROR, f"subquery has too {'many' if outputs else 'few'} columns: IN takes one")
    left, right = compared(binder, "=", value, Typed(exp.column("x"), outputs[0].type or TEXT))
    if isinstance(right, exp.Column):
        return Typed(exp.In(this=operand(left), query=exp.Subquery(this=tree)), BOOLEAN)
    return Typed(exp.In(this=operand(left), query=_converted(binder, tree, outputs[0].alias, right)), BOOLEAN)


def _converted(binder: Binder, tree: exp.Query, alias: str, conversion: exp.Expr) -> exp.Expr:
    """Return a query whose one column is brought to another type."""
    name = binder.statement.unique_name("converted")
    inner = exp.column(exp.to_identifier(alias, quoted=True), table=exp.to_identifier(name, quoted=True))
    changed = conversion.transform(lambda each: inner if isinstance(each, exp.Column) else each)
    select = exp.Select(expressions=[exp.alias_(changed, "c1", quoted=True)])
    return exp.Subquery(this=select.from_(tree.subquery(exp.to_identifier(name, quoted=True)), copy=False))


def bind_like(binder: Binder, node: exp.Expr) -> Typed:
    """Return LIKE, which tells upper from lower case, or ILIKE, which does not for ASCII. ESCAPE names a character."""
    pattern, escape = node.expression, None
    if isinstance(pattern, exp.Escape):
        pattern, escape = pattern.this, pattern.expression
    return like(binder, node, node.this, pattern, escape)


def bind_escape(binder: Binder, node: exp.Expr) -> Typed:
    if not isinstance(node.this, exp.Like | exp.ILike):
        raise unsupported("ESCAPE", "LIKE … ESCAPE")
    return like(binder, node.this, node.this.this, node.this.expression, node.expression)


def like(binder: Binder, node: exp.Expr, text: exp.Expr, pattern: exp.Expr, escape: exp.Expr | None) -> Typed:
    name = "ILIKE" if isinstance(node, exp.ILike) else "LIKE"
    sides = [binder.bind(each) for each in (text, pattern)]
    for side in sides:
        if side.type is not None and side.type.name != "TEXT":
            raise SqlError(UNKNOWN_FUNCTION, type_error(name, sides[0].type, sides[1].type))
    left, right = (operand(binder.coerce(each, TEXT)) for each in sides)
    if name == "ILIKE":
        left, right = (exp.Lower(this=each) for each in (left, right))
    matched: exp.Expr = exp.Like(this=left, expression=right)
    if escape is not None:
        matched = exp.Escape(this=matched, expression=binder.bind_as(escape, TEXT, "ESCAPE"))
    return Typed(exp.Not(this=exp.Paren(this=matched)) if node.args.get("negate") else matched, BOOLEAN)


def bind_case(binder: Binder, node: exp.Expr) -> Typed:
    """Return CASE. It is the only way to keep an expression from being computed: see docs/sql.md."""
    branches = node.args["ifs"]
    subject = node.this
    if subject is None:
        conditions = [binder.condition(each.this, "CASE/WHEN") for each in branches]
    else:
        sides = [binder.bind(subject), *(binder.bind(each.this) for each in branches)]
        subject, *conditions = compared(binder, "=", *sides)
    default = node.args.get("default")
    results = [binder.bind(each.args["true"]) for each in branches]
    if default is not None:
        results.append(binder.bind(default))
    nodes, result_type = alike(binder, results, "CASE")
    ifs = [exp.If(this=condition, true=result) for condition, result in zip(conditions, nodes, strict=False)]
    last = nodes[-1] if default is not None else None
    return Typed(exp.Case(this=subject, ifs=ifs, default=last), result_type)


def alike(binder: Binder, values: list[Typed], what: str) -> tuple[list[exp.Expr], SqlType | None]:
    """Return expressions of one type, and the type; None where none of them has one."""
    target = common_type((each.type for each in values), what)
    if target is None:
        return [each.node for each in values], None
    return [binder.coerce(each, target) for each in values], target
