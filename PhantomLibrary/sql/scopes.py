"""Where names are looked up: the tables of one SELECT, and of those around it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from PhantomLibrary.errors import nearest
from PhantomLibrary.sql.catalog import SqlType, Table
from PhantomLibrary.sql.errors import AMBIGUOUS_COLUMN, DUPLICATE_ALIAS, UNKNOWN_COLUMN, UNKNOWN_TABLE, SqlError
from PhantomLibrary.sql.typed import Typed


@dataclass(frozen=True)
class Output:
    """A column of a query: as it is called, as the tree calls it, and its type."""

    name: str
    alias: str
    type: SqlType | None


@dataclass(frozen=True)
class Source:
    """A table of a FROM. `alias` is unique in the whole tree, `name` is what the query calls it."""

    name: str
    alias: str
    columns: tuple[Output, ...]
    table: Table | None = None

    def find(self, name: str) -> list[Output]:
        return [each for each in self.columns if each.name == name]

    def reference(self, output: Output) -> Typed:
        return Typed(column(output.alias, self.alias), output.type)


@dataclass
class Scope:
    """The tables that the expressions of one SELECT see. `merged` are columns that USING has made one of two."""

    parent: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    merged: dict[str, Typed] = field(default_factory=dict)

    def add(self, source: Source) -> None:
        if any(each.name == source.name for each in self.sources):
            reason = f"table name {source.name} is specified more than once: give one of them another name by AS"
            raise SqlError(DUPLICATE_ALIAS, reason)
        self.sources.append(source)

    def resolve(self, name: str, table: str) -> Typed:
        """Return the column that a name means: of this scope, or of the nearest one around it that has it."""
        scope: Scope | None = self
        while scope is not None:
            found = scope._find(name, table)
            if found is not None:
                return found
            scope = scope.parent
        raise self._unknown(name, table)

    def source(self, name: str) -> Source | None:
        return next((each for each in self.sources if each.name == name), None)

    def _find(self, name: str, table: str) -> Typed | None:
        if table:
            source = self.source(table)
            if source is None:
                return None
            outputs = source.find(name)
            if not outputs:
                known = [each.name for each in source.columns]
                what = f"column {table}.{name} does not exist{nearest(name, known)}"
                raise SqlError(UNKNOWN_COLUMN, f"{what}; {table} has {', '.join(known)}")
            if len(outputs) > 1:
                raise SqlError(AMBIGUOUS_COLUMN, f"column reference {table}.{name} is ambiguous")
            return source.reference(outputs[0])
        if name in self.merged:
            merged = self.merged[name]
            return Typed(merged.node.copy(), merged.type)  # A node stands in one place only.
        found = [(source, each) for source in self.sources for each in source.find(name)]
        if len(found) > 1:
            owners = " or ".join(f"{source.name}.{name}" for source, _ in found)
            raise SqlError(AMBIGUOUS_COLUMN, f"column reference {name} is ambiguous: {owners}?")
        return found[0][0].reference(found[0][1]) if found else None

    def _unknown(self, name: str, table: str) -> SqlError:
        sources: list[Source] = []
        scope: Scope | None = self
        while scope is not None:
            sources += scope.sources
            scope = scope.parent
        if table:
            known = [each.name for each in sources]
            there = f"; the query has {', '.join(known)}" if known else ""
            return SqlError(UNKNOWN_TABLE, f"missing FROM-clause entry for table {table}{nearest(table, known)}{there}")
        columns = list(dict.fromkeys(each.name for source in sources for each in source.columns))
        return SqlError(UNKNOWN_COLUMN, f"column {name} does not exist{nearest(name, columns)}")


def column(name: str, table: str = "") -> exp.Column:
    """Return a reference to a column; without a table, to one of the results, as ORDER BY has them."""
    qualifier = identifier(table) if table else None
    return exp.Column(this=identifier(name), table=qualifier)


def identifier(name: str) -> exp.Identifier:
    return exp.Identifier(this=name, quoted=True)


def plain_name(node: exp.Expr | None) -> str:
    """Return a name as the catalog has it: in lower case, unless it was quoted."""
    if node is None:
        return ""
    if not isinstance(node, exp.Identifier):
        node = node.this if isinstance(node.this, exp.Expr) else exp.Identifier(this=str(node.name), quoted=False)
        return plain_name(node)
    text = str(node.this)
    return text if node.args.get("quoted") else text.lower()
