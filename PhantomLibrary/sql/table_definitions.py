"""CREATE TABLE: from its tree to a table of the catalog, or to why there can be none such."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from msgspec.structs import replace
from sqlglot import exp

from PhantomLibrary.errors import nearest
from PhantomLibrary.sql.binder import Statement
from PhantomLibrary.sql.casts import convert, sql_type
from PhantomLibrary.sql.catalog import (
    ROW_ID,
    Catalog,
    Check,
    Column,
    ForeignKey,
    Sharding,
    SqlType,
    Stored,
    Table,
    Unique,
)
from PhantomLibrary.sql.constraints import primary_key_name
from PhantomLibrary.sql.dialect import DIALECT, refuse_parts
from PhantomLibrary.sql.errors import (
    DUPLICATE_COLUMN,
    DUPLICATE_OBJECT,
    INVALID_DEFINITION,
    INVALID_REFERENCE,
    SYNTAX_ERROR,
    TYPE_MISMATCH,
    UNKNOWN_COLUMN,
    UNKNOWN_TABLE,
    SqlError,
    unsupported,
)
from PhantomLibrary.sql.evaluator import Evaluator, check_query
from PhantomLibrary.sql.queries import QueryBinder
from PhantomLibrary.sql.rows import range_ordinals
from PhantomLibrary.sql.scopes import Scope, plain_name
from PhantomLibrary.sql.statements import BoundQuery, ShardClause
from PhantomLibrary.sql.typed import Parameters, Typed, coerce, shown
from PhantomLibrary.sql.values import TEXT, fits, read_value, type_text

COLUMNS_MAX = 500
NAME_CHARACTERS_MAX = 63


class TableReader:
    """Reads the parts of one CREATE TABLE."""

    def __init__(self, catalog: Catalog, name: str, clause: ShardClause | None) -> None:
        self._catalog = catalog
        self._name = name
        self._clause = clause
        self._columns: list[Column] = []
        self._primary_key: tuple[str, ...] = ()
        self._uniques: list[tuple[str, tuple[str, ...]]] = []
        self._checks: list[tuple[str, exp.Expr]] = []
        self._foreign_keys: list[tuple[str, tuple[str, ...], exp.Expr]] = []

    def read(self, parts: Iterable[exp.Expr]) -> Table:
        """Return the table, numbered as the catalog numbers next; its unique constraints have the numbers behind."""
        constraints = []
        for part in parts:
            if isinstance(part, exp.ColumnDef):
                self._add_column(part)
            else:
                constraints.append(part)
        if not self._columns:
            raise SqlError(SYNTAX_ERROR, f"table {self._name} has no columns")
        for part in constraints:
            self._add_constraint(part, "")
        if not self._primary_key:
            self._columns.append(Column(ROW_ID, TEXT, is_nullable=False))
            self._primary_key = (ROW_ID,)
        self._columns = [
            replace(each, is_nullable=False) if each.name in self._primary_key else each for each in self._columns
        ]
        number = self._catalog.next_number
        table = Table(number, self._name, tuple(self._columns), self._primary_key, self._sharding())
        table = replace(table, uniques=self._numbered_uniques(table), checks=self._named_checks(table))
        return replace(table, foreign_keys=tuple(self._foreign_key(table, *each) for each in self._foreign_keys))

    # --- columns ------------------------------------------------------------------------------------------------------

    def _add_column(self, node: exp.ColumnDef) -> None:
        column, rest = read_column(node)
        if any(each.name == column.name for each in self._columns):
            raise SqlError(DUPLICATE_COLUMN, f"column {column.name} specified more than once")
        if len(self._columns) >= COLUMNS_MAX:
            raise SqlError(INVALID_DEFINITION, f"a table has at most {COLUMNS_MAX} columns")
        self._columns.append(column)
        for name, kind in rest:
            self._add_constraint(kind, name, column.name)

    def _add_constraint(self, node: exp.Expr, name: str, column: str = "") -> None:
        if isinstance(node, exp.Constraint):
            for each in node.expressions:
                self._add_constraint(each, plain_name(node.this), column)
        elif isinstance(node, exp.PrimaryKey | exp.PrimaryKeyColumnConstraint):
            if self._primary_key:
                raise SqlError(INVALID_DEFINITION, f"multiple primary keys for table {self._name} are not allowed")
            self._primary_key = self._names(node.expressions, column)
        elif isinstance(node, exp.UniqueColumnConstraint):
            listed = node.this.expressions if isinstance(node.this, exp.Schema) else []
            self._uniques.append((name, self._names(listed, column)))
        elif isinstance(node, exp.CheckColumnConstraint):
            self._checks.append((name, node.this))
        elif isinstance(node, exp.ForeignKey):
            refuse_actions(node)
            self._foreign_keys.append((name, self._names(node.expressions, column), node.args["reference"]))
        elif isinstance(node, exp.Reference):
            self._foreign_keys.append((name, (column,), node))
        else:
            supported = "PRIMARY KEY, UNIQUE, NOT NULL, DEFAULT, CHECK, REFERENCES and FOREIGN KEY are"
            raise unsupported(f"the constraint {node.sql()[:60]}", supported)

    def _names(self, nodes: list[exp.Expr], column: str) -> tuple[str, ...]:
        names = tuple(plain_name(each.this if isinstance(each, exp.Ordered) else each) for each in nodes) or (column,)
        self._require(names)
        if len(set(names)) < len(names):
            raise SqlError(DUPLICATE_COLUMN, f"a column is named twice in ({', '.join(names)})")
        return names

    def _require(self, names: tuple[str, ...]) -> None:
        known = [each.name for each in self._columns]
        for name in names:
            if name not in known:
                raise SqlError(UNKNOWN_COLUMN, f"column {name} named in key does not exist{nearest(name, known)}")

    # --- constraints --------------------------------------------------------------------------------------------------

    def _numbered_uniques(self, table: Table) -> tuple[Unique, ...]:
        taken = {primary_key_name(table)}
        uniques = []
        for number, (name, columns) in enumerate(self._uniques, start=table.number + 1):
            name = self._constraint_name(name, f"{table.name}_{'_'.join(columns)}_key", taken)
            uniques.append(Unique(name, columns, number))
        return tuple(uniques)

    def _named_checks(self, table: Table) -> tuple[Check, ...]:
        taken: set[str] = set()
        checks = []
        for name, node in self._checks:
            if node.find(exp.Placeholder, exp.Query):
                raise unsupported("a parameter or a query in CHECK", "conditions on the columns of the row")
            expression = DIALECT.generate(node)
            check_query(table, expression)
            column = next((plain_name(each.this) for each in node.find_all(exp.Column)), "")
            default = f"{table.name}_{column}_check" if column else f"{table.name}_check"
            checks.append(Check(self._constraint_name(name, default, taken), expression))
        return tuple(checks)

    @staticmethod
    def _constraint_name(name: str, default: str, taken: set[str]) -> str:
        if name in taken:
            raise SqlError(DUPLICATE_OBJECT, f"constraint {name} already exists")
        unique, count = name or default, 0
        while unique in taken:
            count += 1
            unique = f"{default}{count}"
        taken.add(unique)
        return unique

    def _foreign_key(self, table: Table, name: str, columns: tuple[str, ...], node: exp.Expr) -> ForeignKey:
        refuse_parts(node, {"this"}, "REFERENCES")
        target = node.this
        listed = [plain_name(each) for each in target.expressions] if isinstance(target, exp.Schema) else []
        parent_name = plain_name(target.this.this if isinstance(target, exp.Schema) else target.this)
        parent = table if parent_name == table.name else self._catalog.table(parent_name)
        if parent is None:
            known = [each.name for each in self._catalog.tables]
            raise SqlError(UNKNOWN_TABLE, f"table {parent_name} does not exist{nearest(parent_name, known)}")
        name = name or f"{table.name}_{'_'.join(columns)}_fkey"
        key = parent.primary_key
        if key == (ROW_ID,):
            raise SqlError(INVALID_REFERENCE, f"there is no primary key for referenced table {parent.name}")
        if (tuple(listed) or key) != key or len(columns) != len(key):
            reason = (
                f"foreign key {name} has to refer to the primary key of {parent.name}, ({', '.join(key)}), as it is"
            )
            raise SqlError(INVALID_REFERENCE, f"{reason}: other columns are not supported")
        for own, other in zip(columns, key, strict=True):
            kinds = _type_of(table, own), _type_of(parent, other)
            if (kinds[0].name, kinds[0].scale) != (kinds[1].name, kinds[1].scale):
                reason = f"key columns {own} of type {type_text(kinds[0])} and {other} of type {type_text(kinds[1])}"
                raise SqlError(TYPE_MISMATCH, f"foreign key {name} cannot be implemented: {reason} differ")
        if table.sharding.kind == "everywhere" and parent.sharding.kind != "everywhere":
            reason = f"a table that is replicated everywhere refers only to such tables, and {parent.name} is sharded"
            raise SqlError(INVALID_REFERENCE, f"foreign key {name} is not supported: {reason}")
        return ForeignKey(name, columns, parent.name)

    # --- sharding -----------------------------------------------------------------------------------------------------

    def _sharding(self) -> Sharding:
        clause = self._clause or ShardClause("hash", self._primary_key)
        if clause.kind == "everywhere":
            return Sharding("everywhere")
        self._require(clause.columns)
        outside = [name for name in clause.columns if name not in self._primary_key]
        if outside:
            key = ", ".join(self._primary_key) if self._primary_key != (ROW_ID,) else "the table has none"
            reason = f"the shard key ({', '.join(clause.columns)}) must be part of the primary key ({key})"
            raise SqlError(INVALID_DEFINITION, f"{reason}: {', '.join(outside)} is not")
        if clause.kind == "hash":
            return Sharding("hash", clause.columns)
        first = next(each for each in self._columns if each.name == clause.columns[0])
        splits = tuple(read_value(each, first.type) for each in clause.splits if each is not None)
        sharding = Sharding("range", clause.columns, splits)
        ordinals = range_ordinals(sharding, first.type)
        if any(left >= right for left, right in pairwise(ordinals)):
            shown_splits = ", ".join(map(str, clause.splits))
            raise SqlError(INVALID_DEFINITION, f"the values of SPLIT AT have to grow: {shown_splits}")
        return sharding


def read_column(node: exp.ColumnDef) -> tuple[Column, list[tuple[str, exp.Expr]]]:
    """Return a column, and the constraints of it that are for the table, with their names."""
    refuse_parts(node, {"this", "kind", "constraints"}, "the definition of a column")
    name = column_name(node)
    if node.args.get("kind") is None:
        raise SqlError(SYNTAX_ERROR, f"column {name} has no type")
    kind = sql_type(node.args["kind"])
    is_nullable, default, rest = True, None, []
    for each in node.args.get("constraints") or ():
        constraint, label = each.args["kind"], plain_name(each.this) if each.this else ""
        if isinstance(constraint, exp.NotNullColumnConstraint):
            is_nullable = bool(constraint.args.get("allow_null"))
        elif isinstance(constraint, exp.DefaultColumnConstraint):
            default = constant_of(constraint.this, kind, name)
        else:
            if isinstance(constraint, exp.Reference):
                refuse_actions(constraint)
            rest.append((label, constraint))
    return Column(name, kind, is_nullable, default), rest


def column_name(node: exp.Expr) -> str:
    name = plain_name(node.this)
    return require_name(name, "column")


def require_name(name: str, what: str) -> str:
    """Return the name of a new table, column, view or index, if it may be called so."""
    if not name or len(name) > NAME_CHARACTERS_MAX:
        raise SqlError(INVALID_DEFINITION, f"the name of a {what} has 1 to {NAME_CHARACTERS_MAX} characters: {name!r}")
    if name.startswith("_"):
        raise SqlError(INVALID_DEFINITION, f"{name} cannot be the name of a {what}: _ begins the system's")
    return name


def constant_of(node: exp.Expr, kind: SqlType, column: str) -> Stored:
    """Return the value of a DEFAULT: an expression without columns and parameters."""
    if node.find(exp.Placeholder, exp.Query, exp.Column):
        raise unsupported(f"DEFAULT {node.sql()[:40]} of {column}", "constants, and expressions of constants")
    statement = Statement(Catalog(), Parameters((), [], []))
    binder = QueryBinder(statement).binder(Scope())
    with binder.inside("DEFAULT"):
        typed = binder.bind(node)
    assigned = assignment(typed, kind, statement.parameters, f"column {column}")
    tree = exp.Select(expressions=[exp.alias_(assigned, "value", quoted=True)])
    value = Evaluator().rows(BoundQuery(tree, (), (), (), is_ordered=False))[0][0]
    fits(value, kind)
    return value


def assignment(typed: Typed, kind: SqlType, parameters: Parameters, what: str) -> exp.Expr:
    """Return an expression as a value of a column: as CAST does among numbers and among days, else only as it is."""
    source = typed.type
    if source is None or (source.name == kind.name and source.scale == kind.scale):
        return coerce(typed, kind, parameters, what=what)
    families = (("INTEGER", "DECIMAL", "REAL"), ("DATE", "TIMESTAMP"))
    if any(source.name in family and kind.name in family for family in families):
        wide = SqlType(kind.name, 18, kind.scale) if kind.name == "DECIMAL" else kind
        converted = _converted(typed, wide, parameters)
        if converted is not None:
            return converted
    reason = f"{what} is of type {type_text(kind)} but expression is of type {shown(source)}"
    raise SqlError(TYPE_MISMATCH, reason)


def _converted(typed: Typed, kind: SqlType, parameters: Parameters) -> exp.Expr | None:
    try:
        return coerce(typed, kind, parameters)
    except SqlError:
        binder = QueryBinder(Statement(Catalog(), parameters)).binder(Scope())
        return convert(binder, typed, kind)


def refuse_actions(node: exp.Expr) -> None:
    """Refuse what a foreign key would do by itself when a row is deleted or its key is changed."""
    words = [str(node.args[part]) for part in ("delete", "update") if node.args.get(part)]
    words += [str(each) for each in node.args.get("options") or ()]
    for word in words:
        if not any(word.upper().endswith(each) for each in ("NO ACTION", "RESTRICT")):
            raise unsupported(f"{word.upper()} of a foreign key", "NO ACTION and RESTRICT, which refuse the change")
    for part in ("delete", "update", "options"):
        node.args.pop(part, None)


def _type_of(table: Table, name: str) -> SqlType:
    column = table.column(name)
    assert column is not None
    return column.type
