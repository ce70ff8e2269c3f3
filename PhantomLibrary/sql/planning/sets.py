"""UNION, INTERSECT and EXCEPT.

A union of partitioned queries is partitioned. Rows that meet need to be in one place: where both sides are spread by
the same columns they are; else each side sends its distinct rows.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from PhantomLibrary.sql.planning import trees
from PhantomLibrary.sql.planning.fragments import Fragments
from PhantomLibrary.sql.planning.joins import either
from PhantomLibrary.sql.planning.relations import Facts, Key, Relation
from PhantomLibrary.sql.planning.uppers import Late, Uppers, taken_late

_AT_SHARDS = ("shards", "one")


class SetPlanner:
    """Plans set operations."""

    def __init__(self, fragments: Fragments, uppers: Uppers, plan: Callable[[exp.Query], Relation]) -> None:
        self.fragments = fragments
        self.uppers = uppers
        self._plan = plan

    def relation(self, query: exp.SetOperation) -> Relation:
        """Return what a set operation is."""
        late = taken_late(query)
        left, right = self._plan(query.this), self._plan(query.expression)
        is_all = not query.args.get("distinct")
        is_union = isinstance(query, exp.Union)
        keys = common_keys(left, right)
        has_key = any(key.is_strict for key in keys)
        if self._is_in_place(left, right) or (
            left.site in _AT_SHARDS and right.site in _AT_SHARDS and ((is_union and is_all) or has_key)
        ):
            return self._with_late(self._together(query, left, right, keys), late)
        if left.site in _AT_SHARDS and right.site in _AT_SHARDS and is_union:
            together = self._together(query, left, right, keys)
            late.distinct = exp.Distinct()
            enclosed = _enclosed(together)
            return self.uppers.last(enclosed, late)
        sides = [self._gathered(each, is_distinct=not is_all) for each in (left, right)]
        return self._with_late(self._together(query, sides[0], sides[1], ()), late)

    def _is_in_place(self, left: Relation, right: Relation) -> bool:
        sites = left.site, right.site
        if sites in (("coordinator", "coordinator"), ("anywhere", "anywhere")):
            return True
        return sites == ("one", "one") and left.positions == right.positions

    def _together(self, query: exp.SetOperation, left: Relation, right: Relation, keys: tuple[Key, ...]) -> Relation:
        left, right = (_enclosed(each) if _is_late(each.query) else each for each in (left, right))
        query.set("this", left.query)
        query.set("expression", right.query)
        columns = {
            name: Facts(one.kind if one.kind == other.kind else "", True, max(one.width, other.width))
            for (name, one), other in zip(left.columns.items(), right.columns.values(), strict=True)
        }
        result = Relation(query, left.site, columns, keys, left.rows + right.rows)
        if left.site in _AT_SHARDS:
            result.positions = either(left.positions, right.positions)
            result.site = left.site if left.positions == right.positions else "shards"
        result.tables = tuple(dict.fromkeys((*left.tables, *right.tables)))
        result.inputs = tuple(dict.fromkeys((*left.inputs, *right.inputs)))
        result.notes = (*left.notes, *right.notes)
        return result

    def _with_late(self, relation: Relation, late: Late) -> Relation:
        if late.order is None and not late.is_limited:
            return relation
        if relation.site in ("shards", "workers"):
            return self.uppers.last(_enclosed(relation), late)
        for name in ("order", "limit", "offset"):
            relation.query.set(name, getattr(late, name))
        return relation

    def _gathered(self, relation: Relation, *, is_distinct: bool) -> Relation:
        if relation.site == "coordinator":
            return relation
        if is_distinct and isinstance(relation.query, exp.Select):
            relation.query.set("distinct", exp.Distinct())
        number = self.fragments.add(relation, "gather")
        select = _all_of(f"in{number}", relation)
        select.set("from_", exp.From(this=exp.Table(this=exp.to_identifier(f"in{number}", quoted=True))))
        return Relation(select, "coordinator", relation.columns, rows=relation.rows, inputs=(number,))


def common_keys(left: Relation, right: Relation) -> tuple[Key, ...]:
    """Return the keys that both sides have in the same columns, under the names of the left."""
    names, others = list(left.columns), list(right.columns)
    found = []
    for key in left.keys:
        places = tuple(names.index(name) for _, name in key.refs)
        for other in right.keys:
            if other.scheme == key.scheme and tuple(others.index(name) for _, name in other.refs) == places:
                found.append(Key(key.scheme, key.refs, key.is_strict and other.is_strict))
                break
    return tuple(found)


def _is_late(query: exp.Query) -> bool:
    return any(query.args.get(name) is not None for name in ("order", "limit", "offset"))


def _all_of(alias: str, relation: Relation) -> exp.Select:
    return exp.Select(
        expressions=[exp.alias_(trees.column((alias, name)), name, quoted=True) for name in relation.columns]
    )


def _enclosed(relation: Relation) -> Relation:
    """Return a relation as SELECT of a subquery, which may be ordered and limited on its own."""
    alias = "u"
    select = _all_of(alias, relation)
    node = exp.Subquery(this=relation.query, alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    select.set("from_", exp.From(this=node))
    relation.query = select
    return relation
