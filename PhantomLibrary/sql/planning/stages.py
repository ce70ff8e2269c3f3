"""A stage: FROM and WHERE of a query, or of a part of it, at one site; and the block of which stages are parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from sqlglot import exp

from PhantomLibrary.sql.planning import trees
from PhantomLibrary.sql.planning.pruning import is_one_place
from PhantomLibrary.sql.planning.relations import Equalities, Facts, Key, Ranges, Ref, Site


class Source(Struct):
    """A table or subquery in FROM, and how it is joined to those before it: "" is an inner join."""

    node: exp.Expr
    side: str = ""
    on: list[exp.Expr] = []


class Stage:
    """Sources that are joined at one site. Conditions of inner joins wait in the block until all they need is here."""

    def __init__(self, site: Site, sources: list[Source], facts: dict[Ref, Facts], *, rows: int) -> None:
        self.site = site
        self.sources = sources
        self.facts = facts
        self.rows = rows
        self.where: list[exp.Expr] = []
        self.keys: list[Key] = []
        self.equal: list[tuple[Ref, Ref]] = []
        self.positions: Ranges | None = None
        self.unique: list[Ref] = []  # Columns in which no two rows agree.
        self.tables: list[int] = []
        self.inputs: list[int] = []
        self.notes: list[tuple[str, str]] = []

    @property
    def aliases(self) -> list[str]:
        return [source.node.alias_or_name for source in self.sources]

    @property
    def row_bytes(self) -> int:
        return sum(each.width for each in self.facts.values()) + 2

    @property
    def is_partitioned(self) -> bool:
        return self.site in ("shards", "workers")

    def restrict(self, positions: Ranges | None) -> None:
        self.positions = positions
        if self.site in ("shards", "one"):
            self.site = "one" if is_one_place(positions) else "shards"

    def absorb(self, other: Stage, rows: int) -> None:
        """Take in what another stage at the same site reads and knows."""
        self.facts = {**self.facts, **other.facts}
        self.where += other.where
        self.equal += other.equal
        self.tables = list(dict.fromkeys((*self.tables, *other.tables)))
        self.inputs = list(dict.fromkeys((*self.inputs, *other.inputs)))
        self.notes += other.notes
        self.rows = rows

    def describe(self) -> str:
        return ", ".join(self.aliases)

    def put_into(self, select: exp.Select) -> None:
        """Make this stage FROM and WHERE of a SELECT."""
        first, *rest = self.sources
        select.set("from_", exp.From(this=first.node))
        select.set("joins", [_join(each) for each in rest])
        where = trees.joined(self.where)
        select.set("where", exp.Where(this=where) if where is not None else None)


def _join(source: Source) -> exp.Join:
    on = trees.joined(source.on)
    if not source.side:
        return exp.Join(this=source.node)
    return exp.Join(this=source.node, side=source.side, on=on if on is not None else exp.Boolean(this=True))


class Block:
    """One SELECT as it is planned. `waiting` are conditions that no stage has taken yet.

    Expressions move between stages, and their columns are renamed in place as rows move.
    """

    def __init__(self, select: exp.Select) -> None:
        self.select = select
        self.waiting: list[exp.Expr] = []
        self.at_end: list[exp.Expr] = []  # Of WHERE, what an outer join bars from being asked before it.
        self.joins: list[Source] = []  # Still to come.

    def needed(self, stage: Stage) -> list[Ref]:
        """Return which columns of a stage are used by anything after it, in order of their use."""
        own = dict.fromkeys(stage.aliases)
        found: dict[Ref, None] = {}
        for part in self._above():
            for ref in trees.refs(part):
                if ref[0] in own:
                    found[ref] = None
        return list(found)

    def rename(self, names: dict[Ref, Ref]) -> None:
        """Give columns other names in all that comes after a stage."""
        for part in self._above():
            for each in part.find_all(exp.Column):
                new = names.get((each.table, each.name))
                if new is not None:
                    each.set("table", exp.to_identifier(new[0], quoted=True))
                    each.set("this", exp.to_identifier(new[1], quoted=True))

    def take(self, stage: Stage) -> list[exp.Expr]:
        """Hand over the waiting conditions that need nothing but a stage's sources."""
        own = dict.fromkeys(stage.aliases)
        taken = [each for each in self.waiting if is_within(each, own)]
        self.waiting = [each for each in self.waiting if not any(each is one for one in taken)]
        return taken

    def conditions(self) -> list[exp.Expr]:
        """Return all conditions that are still to be asked, those inside subqueries of other clauses included."""
        parts = [*self.waiting, *self.at_end]
        for join in self.joins:
            parts += join.on
        return parts + [query for part in trees.clauses(self.select) for query in trees.queries_in(part)]

    def _above(self) -> list[exp.Expr]:
        parts = trees.clauses(self.select)
        parts += self.waiting
        parts += self.at_end
        for join in self.joins:
            parts += join.on
        return parts


def is_within(condition: exp.Expr, own: dict[str, None]) -> bool:
    """Return whether a condition without subqueries needs nothing but these aliases, and something of them."""
    if trees.queries_in(condition):
        return False
    needed = trees.aliases(condition)
    return bool(needed) and all(alias in own for alias in needed)


def equal_columns(conditions: Iterable[exp.Expr]) -> list[tuple[Ref, Ref]]:
    """Return the pairs of columns that conditions say are equal."""
    pairs = []
    for each in conditions:
        each = trees.unwrapped(each)
        if isinstance(each, exp.EQ):
            left, right = trees.ref_of(each.this), trees.ref_of(each.expression)
            if left is not None and right is not None:
                pairs.append((left, right))
    return pairs


def matching_keys(first: Stage, second: Stage, conditions: Sequence[exp.Expr]) -> tuple[Key, Key] | None:
    """Return keys by which rows of two stages that satisfy conditions are in one place, None where there are none."""
    equalities = Equalities((*first.equal, *second.equal, *equal_columns(conditions)))
    for left in first.keys:
        for right in second.keys:
            if equalities.matches(left, right):
                return left, right
    return None
