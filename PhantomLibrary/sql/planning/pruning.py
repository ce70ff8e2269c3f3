"""Which positions the rows of a table can have that satisfy conditions.

Sound, not complete: a condition that is not understood keeps all positions. For hashed tables equality and IN on all
columns of the shard key prune, for ranges comparisons with the first one, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from sqlglot import exp

from PhantomLibrary.domain.rows import POSITIONS
from PhantomLibrary.sql import calendar
from PhantomLibrary.sql.catalog import SqlType, Stored, Table
from PhantomLibrary.sql.planning import trees
from PhantomLibrary.sql.planning.relations import Ranges, Ref
from PhantomLibrary.sql.rows import hash_position, range_position

ALL: Ranges = ((0, POSITIONS - 1),)
_POINTS_MAX = 256
_FLIPPED = {exp.LT: exp.GT, exp.LTE: exp.GTE, exp.GT: exp.LT, exp.GTE: exp.LTE, exp.EQ: exp.EQ}


class Pruner:
    """Prunes the positions of one table under an alias. `equals` are the columns that are equal to one of it."""

    def __init__(self, table: Table, parameters: Sequence[Stored], names: Mapping[Ref, str]) -> None:
        self.table = table
        self.parameters = parameters
        self._names = names
        self._shard_columns = table.sharding.columns

    def positions(self, conditions: Iterable[exp.Expr]) -> Ranges | None:
        """Return the positions at which all conditions can be true, None for all of them."""
        if self.table.sharding.kind == "everywhere":
            return None
        found = self._all_of(list(conditions))
        return None if found == ALL else found

    def both(self, first: Ranges, second: Ranges) -> Ranges:
        """Return the positions where two conditions can be true together."""
        return intersection(first, second)

    def either(self, first: Ranges, second: Ranges) -> Ranges:
        """Return the positions where one of two conditions can be true."""
        return union(first, second)

    def _all_of(self, conditions: Sequence[exp.Expr]) -> Ranges:
        points = self._points(conditions)
        found = ALL if points is None else points
        for each in conditions:
            found = self.both(found, self._of(each))
        return found

    def _of(self, condition: exp.Expr) -> Ranges:
        branches = trees.disjuncts(condition)
        if len(branches) > 1:
            found: Ranges = ()
            for branch in branches:
                found = self.either(found, self._all_of(trees.conjuncts(branch)))
            return found
        condition = trees.unwrapped(condition)
        if self.table.sharding.kind == "range":
            return self._of_comparison(condition)
        return ALL

    def _of_comparison(self, condition: exp.Expr) -> Ranges:
        """Return the positions that a comparison of the first column of a range leaves."""
        if isinstance(condition, exp.Between):
            low = self._limit(condition.this, condition.args["low"], exp.GTE)
            return self.both(low, self._limit(condition.this, condition.args["high"], exp.LTE))
        kind = type(condition)
        if kind in _FLIPPED:
            left, right = condition.this, condition.expression
            if trees.ref_of(left) is None:
                left, right, kind = right, left, _FLIPPED[kind]
            return self._limit(left, right, kind)
        return ALL

    def _limit(self, left: exp.Expr, right: exp.Expr, kind: type[exp.Expr]) -> Ranges:
        name = self._column(left)
        constant = trees.value_of(right, self.parameters)
        if name != self._shard_columns[0] or constant is None:
            return ALL
        if constant[0] is None:
            return ()
        sql_type = self._type(name)
        value = _as_stored(constant[0], sql_type, rounds_up=kind in (exp.GT, exp.GTE))
        if value is None:
            return ALL
        at = range_position(self.table.sharding, sql_type, value)
        first = at if kind in (exp.GT, exp.GTE, exp.EQ) else 0
        return ((first, at if kind in (exp.LT, exp.LTE, exp.EQ) else POSITIONS - 1),)

    def _points(self, conditions: Sequence[exp.Expr]) -> Ranges | None:
        """Return the positions of shard keys whose columns are all said to be one of a few values."""
        is_hash = self.table.sharding.kind == "hash"
        columns = self._shard_columns if is_hash else self._shard_columns[:1]
        choices = []
        for name in columns:
            values = self._values(name, conditions)
            if values is None:
                return None
            choices.append(values)
        if math.prod(map(len, choices)) > _POINTS_MAX:
            return None
        found: Ranges = ()
        types = tuple(self._type(name) for name in columns)
        for chosen in product(*choices):
            if is_hash:
                at = hash_position(chosen, types)
            else:
                at = range_position(self.table.sharding, types[0], chosen[0])
            found = union(found, ((at, at),))
        return found

    def _values(self, name: str, conditions: Sequence[exp.Expr]) -> list[Stored] | None:
        """Return the values that a column can have, None where it can have any. Of several conditions one is enough."""
        for condition in conditions:
            condition = trees.unwrapped(condition)
            found: list[tuple[Stored] | None] | None = None
            if isinstance(condition, exp.EQ):
                if self._column(condition.this) == name:
                    found = [trees.value_of(condition.expression, self.parameters)]
                elif self._column(condition.expression) == name:
                    found = [trees.value_of(condition.this, self.parameters)]
            elif isinstance(condition, exp.In) and self._column(condition.this) == name and condition.expressions:
                found = [trees.value_of(each, self.parameters) for each in condition.expressions]
            elif isinstance(condition, exp.Is) and self._column(condition.this) == name:
                found = [(None,)] if isinstance(condition.expression, exp.Null) else None
                if found is not None:
                    return [None]
            if found is None or any(each is None for each in found):
                continue
            values = [each[0] for each in found if each is not None and each[0] is not None]
            stored = [_as_stored(each, self._type(name)) for each in values]
            if all(each is not None for each in stored):
                return stored
        return None

    def _column(self, node: exp.Expr) -> str | None:
        ref = trees.ref_of(node)
        return None if ref is None else self._names.get(ref)

    def _type(self, name: str) -> SqlType:
        column = self.table.column(name)
        assert column is not None
        return column.type


def _as_stored(value: Stored, sql_type: SqlType, *, rounds_up: bool = False) -> Stored:
    """Return a constant as one of a column's type, None where that is not sure to compare as the constant does."""
    match sql_type.name:
        case "INTEGER" | "DECIMAL" | "BOOLEAN":
            if isinstance(value, float) and math.isfinite(value):
                return math.ceil(value) if rounds_up else math.floor(value)
            return value if isinstance(value, int) else None
        case "REAL":
            return float(value) if isinstance(value, int | float) and abs(value) < 1 << 53 else None
        case "TEXT":
            return value if isinstance(value, str) else None
        case "BLOB":
            return value if isinstance(value, bytes) else None
        case "DATE":
            return value if isinstance(value, str) and _is_canonical(value, sql_type) else None
    return value if isinstance(value, str) and _is_canonical(value, sql_type) else None


def _is_canonical(text: str, sql_type: SqlType) -> bool:
    if sql_type.name == "DATE":
        days = calendar.read_date(text)
        return days is not None and calendar.date_text(days) == text
    microseconds = calendar.read_timestamp(text)
    return microseconds is not None and calendar.timestamp_text(microseconds) == text


def union(first: Ranges, second: Ranges) -> Ranges:
    merged: list[tuple[int, int]] = []
    for low, high in sorted((*first, *second)):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(high, merged[-1][1])
        else:
            merged.append((low, high))
    return tuple(merged)


def intersection(first: Ranges, second: Ranges) -> Ranges:
    return tuple(
        (max(low, other), min(high, last))
        for low, high in first
        for other, last in second
        if max(low, other) <= min(high, last)
    )


def is_one_place(positions: Ranges | None) -> bool:
    """Return whether rows at these positions stand in one shard, wherever shards begin and end."""
    return positions is not None and len(positions) == 1 and positions[0][0] == positions[0][1]
