"""Orders become total, so that an answer does not depend on how rows are spread.

Where a query is ordered or limited, rows that agree in what it is ordered by follow in the order of their columns, left
to right, NULLs first as in SQLite; what is limited without an order is ordered by its columns. Rows that agree in all
of them are the same to whoever reads the answer.
"""

from __future__ import annotations

from sqlglot import exp

from PhantomLibrary.sql.planning import trees


def make_total(query: exp.Expr) -> None:
    """Add to each ORDER BY and LIMIT in a tree, which is changed, the columns that make its order total."""
    for each in list(query.find_all(exp.Select, exp.SetOperation)):
        is_limited = each.args.get("limit") is not None or each.args.get("offset") is not None
        order = each.args.get("order")
        if not is_limited and (order is None or each is not query):
            continue
        terms = list(order.expressions) if order is not None else []
        terms += _missing(each, terms)
        if terms:
            each.set("order", exp.Order(expressions=terms))


def _missing(query: exp.Expr, terms: list[exp.Expr]) -> list[exp.Expr]:
    first = query
    while isinstance(first, exp.SetOperation | exp.Subquery):
        first = first.this
    if not isinstance(first, exp.Select):
        return []
    outputs = [each.alias_or_name.lower() for each in first.expressions]
    given = [trees.unwrapped(each.this) for each in terms]
    numbers = {int(each.name) for each in given if isinstance(each, exp.Literal) and each.name.isdecimal()}
    names = {each.name.lower() for each in given if isinstance(each, exp.Column) and not each.table}
    return [
        exp.Ordered(this=exp.Literal.number(number), nulls_first=True)
        for number, output in enumerate(outputs, 1)
        if number not in numbers and (output not in names or outputs.count(output) > 1)
    ]
