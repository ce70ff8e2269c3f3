"""The front end of SQL, for gateways: text to a bound statement, a bound query to a plan, checks as queries.

All that needs sqlglot comes in here, when the first statement does.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

from PhantomLibrary.domain.operations import Parameter
from PhantomLibrary.sql.bind import bind_query
from PhantomLibrary.sql.catalog import Catalog, decode_catalog
from PhantomLibrary.sql.front import bind, parse
from PhantomLibrary.sql.statements import Bound, BoundQuery

EMPTY = Catalog()


@lru_cache(maxsize=64)
def catalog_of(text: str) -> Catalog:
    """Return the catalog that a text says, "" saying that nothing was defined yet."""
    return decode_catalog(text) if text else EMPTY


def bound_statement(text: str, catalog: Catalog, parameters: Sequence[Parameter]) -> Bound:
    """Return a statement bound to a catalog. Raises SqlError."""
    return bind(parse(text), catalog, [_value(each) for each in parameters])


def query_of(text: str, catalog: Catalog, parameters: Sequence[object] = ()) -> BoundQuery:
    return bind_query(parse(text), catalog, parameters)


def _value(parameter: Parameter) -> object:
    if not isinstance(parameter, tuple):
        return parameter
    kind, text = parameter
    return Decimal(text) if kind == "decimal" else bytes.fromhex(text)
