"""Changes of the catalog as functions from one to the next. A catalog that is refused a change is as it was."""

from __future__ import annotations

from msgspec.structs import replace
from sqlglot import exp

from PhantomLibrary.errors import nearest
from PhantomLibrary.sql.bind import bind_query
from PhantomLibrary.sql.catalog import ROW_ID, Catalog, Index, Table, Unique, View
from PhantomLibrary.sql.constraints import primary_key_name
from PhantomLibrary.sql.dialect import DIALECT, refuse_parts
from PhantomLibrary.sql.errors import (
    DUPLICATE_COLUMN,
    DUPLICATE_TABLE,
    INVALID_DEFINITION,
    NULL_VIOLATION,
    STILL_NEEDED,
    UNKNOWN_COLUMN,
    UNKNOWN_OBJECT,
    UNKNOWN_TABLE,
    SqlError,
    unsupported,
)
from PhantomLibrary.sql.parser import parse
from PhantomLibrary.sql.scopes import plain_name
from PhantomLibrary.sql.statements import BoundDefinition, BoundTruncate, Parsed
from PhantomLibrary.sql.table_definitions import COLUMNS_MAX, TableReader, read_column, require_name


def define(parsed: Parsed, catalog: Catalog) -> BoundDefinition:
    """Return what CREATE, DROP or ALTER makes of a catalog; the same one where IF [NOT] EXISTS says to do nothing."""
    tree = parsed.tree
    if parsed.placeholders:
        raise unsupported("a parameter in the definition of a table, view or index", "values in the text")
    if isinstance(tree, exp.Create):
        kind = str(tree.args.get("kind")).upper()
        create = {"TABLE": _create_table, "VIEW": _create_view, "INDEX": _create_index}.get(kind)
        if create is None:
            raise unsupported(f"CREATE {kind}", "CREATE TABLE, VIEW and INDEX")
        return create(parsed, tree, catalog)
    if isinstance(tree, exp.Drop):
        return _drop(tree, catalog)
    return _alter(tree, catalog)


def truncate(tree: exp.Expr, catalog: Catalog) -> BoundTruncate:
    """Return the table that TRUNCATE empties."""
    refuse_parts(tree, {"expressions", "option"}, "TRUNCATE")
    if len(tree.expressions) != 1 or str(tree.args.get("option") or "").upper() == "CASCADE":
        raise unsupported("TRUNCATE of several tables or with CASCADE", "TRUNCATE of one table")
    table = known_table(catalog, plain_name(tree.expressions[0].this))
    children = [child.name for child in _children(catalog, table) if child.number != table.number]
    if children:
        reason = f"cannot truncate table {table.name}: a foreign key of table {children[0]} references it"
        raise SqlError(STILL_NEEDED, reason)
    return BoundTruncate(table)


def known_table(catalog: Catalog, name: str) -> Table:
    """Return a table of the catalog that rows are written to."""
    table = catalog.table(name)
    if table is not None:
        return table
    if catalog.view(name) is not None:
        raise unsupported(f"a change through the view {name}", "changes of tables")
    known = [each.name for each in catalog.tables]
    there = f"; there are {', '.join(sorted(known)[:12])}" if known else "; there are no tables yet"
    raise SqlError(UNKNOWN_TABLE, f"table {name} does not exist{nearest(name, known)}{there}")


# --- CREATE -----------------------------------------------------------------------------------------------------------


def _create_table(parsed: Parsed, tree: exp.Create, catalog: Catalog) -> BoundDefinition:
    refuse_parts(tree, {"this", "kind", "exists"}, "CREATE TABLE")
    schema = tree.this
    if not isinstance(schema, exp.Schema):
        raise unsupported("CREATE TABLE without columns", "CREATE TABLE name (column type, …)")
    name = _new_name(schema.this, "table")
    if tree.args.get("exists") and catalog.table(name) is not None:
        return BoundDefinition(catalog)
    _require_free(catalog, name)
    table = TableReader(catalog, name, parsed.shard_clause).read(schema.expressions)
    changed = replace(
        catalog, tables=(*catalog.tables, table), next_number=catalog.next_number + 1 + len(table.uniques)
    )
    return _next(changed, f"CREATE TABLE {name}")


def _create_view(parsed: Parsed, tree: exp.Create, catalog: Catalog) -> BoundDefinition:
    refuse_parts(tree, {"this", "kind", "exists", "expression"}, "CREATE VIEW")
    schema = tree.this
    name = _new_name(schema.this if isinstance(schema, exp.Schema) else schema, "view")
    if tree.args.get("exists") and catalog.view(name) is not None:
        return BoundDefinition(catalog)
    _require_free(catalog, name)
    query = tree.expression
    if not isinstance(query, exp.Query):
        raise unsupported(f"CREATE VIEW of {query.key.upper()}", "CREATE VIEW name AS a query")
    text = DIALECT.generate(query)
    if isinstance(schema, exp.Schema):
        names = ", ".join(DIALECT.generate(each) for each in schema.expressions)
        text = f'SELECT * FROM ({text}) AS "{name}"({names})'
    columns = [each.name for each in bind_query(parse(text), catalog).columns]
    doubled = next((each for each in columns if columns.count(each) > 1), None)
    if doubled is not None:
        raise SqlError(DUPLICATE_COLUMN, f"column {doubled} specified more than once: name it by AS")
    return _next(replace(catalog, views=(*catalog.views, View(name, text))), f"CREATE VIEW {name}")


def _create_index(parsed: Parsed, tree: exp.Create, catalog: Catalog) -> BoundDefinition:
    refuse_parts(tree, {"this", "kind", "exists", "unique"}, "CREATE INDEX")
    node = tree.this
    table = known_table(catalog, plain_name(node.args["table"].this))
    parameters = node.args.get("params")
    if node.this is None or parameters is None or not parameters.args.get("columns"):
        raise unsupported("an index without a name or columns", "CREATE INDEX name ON table (columns)")
    refuse_parts(parameters, {"columns"}, "CREATE INDEX")
    name = require_name(plain_name(node.this), "index")
    if any(name in _index_names(each) for each in catalog.tables):
        if tree.args.get("exists"):
            return BoundDefinition(catalog)
        raise SqlError(DUPLICATE_TABLE, f"index {name} already exists")
    columns = _indexed_columns(table, parameters.args["columns"])
    if not tree.args.get("unique"):
        indexed = replace(table, indexes=(*table.indexes, Index(name, columns)))
        return _next(_with(catalog, indexed), f"CREATE INDEX {name}")
    unique = Unique(name, columns, catalog.next_number, is_index=True)
    indexed = replace(table, uniques=(*table.uniques, unique))
    changed = replace(_with(catalog, indexed), next_number=catalog.next_number + 1)
    return replace(_next(changed, f"CREATE UNIQUE INDEX {name}"), begun=(indexed, unique))


def _index_names(table: Table) -> list[str]:
    """Return what no other index may be called: constraints have indexes of their names."""
    uniques, indexes = [each.name for each in table.uniques], [each.name for each in table.indexes]
    return [primary_key_name(table), *uniques, *indexes]


def _indexed_columns(table: Table, nodes: list[exp.Expr]) -> tuple[str, ...]:
    """Return the columns of an index. An order among them says nothing: queries have their own."""
    known = [each.name for each in table.columns if each.name != ROW_ID]
    columns: list[str] = []
    for each in nodes:
        column = each.this if isinstance(each, exp.Ordered) else each
        if not isinstance(column, exp.Column | exp.Identifier):
            raise unsupported(f"the expression {column.sql()} in an index", "columns")
        name = plain_name(column)
        if name not in known:
            raise SqlError(UNKNOWN_COLUMN, f"column {name} does not exist{nearest(name, known)}")
        if name in columns:
            raise SqlError(DUPLICATE_COLUMN, f"column {name} specified more than once")
        columns.append(name)
    return tuple(columns)


def _new_name(node: exp.Expr, what: str) -> str:
    if node.args.get("db"):
        raise unsupported(f"the schema of {node.sql()}", "names without a schema")
    return require_name(plain_name(node.this if isinstance(node, exp.Table) else node), what)


def _require_free(catalog: Catalog, name: str) -> None:
    if catalog.table(name) is not None:
        raise SqlError(DUPLICATE_TABLE, f"table {name} already exists")
    if catalog.view(name) is not None:
        raise SqlError(DUPLICATE_TABLE, f"view {name} already exists")


# --- DROP -------------------------------------------------------------------------------------------------------------


def _drop(tree: exp.Drop, catalog: Catalog) -> BoundDefinition:
    kind = str(tree.args.get("kind")).upper()
    if tree.args.get("cascade"):
        raise unsupported("CASCADE", "drop what needs it first")
    nodes = tree.args.get("tables") or ([tree.this] if tree.this is not None else [])
    if len(nodes) != 1:
        raise unsupported(f"DROP of {len(nodes)} at once", "one at a time")
    name = plain_name(nodes[0].this if isinstance(nodes[0], exp.Table) else nodes[0])
    is_lenient = bool(tree.args.get("exists"))
    if kind == "TABLE":
        return _drop_table(catalog, name, is_lenient=is_lenient)
    if kind == "VIEW":
        return _drop_view(catalog, name, is_lenient=is_lenient, is_strict=bool(tree.args.get("restrict")))
    if kind == "INDEX":
        return _drop_index(catalog, name, is_lenient=is_lenient)
    raise unsupported(f"DROP {kind}", "DROP TABLE, VIEW and INDEX")


def _drop_table(catalog: Catalog, name: str, *, is_lenient: bool) -> BoundDefinition:
    if catalog.table(name) is None and catalog.view(name) is not None:
        raise SqlError(UNKNOWN_TABLE, f"{name} is not a table: use DROP VIEW")
    if catalog.table(name) is None and is_lenient:
        return BoundDefinition(catalog)
    table = known_table(catalog, name)
    needing = [f"view {each}" for each in _views_of(catalog, name)]
    needing += [f"a foreign key of table {each.name}" for each in _children(catalog, table) if each.name != name]
    if needing:
        raise SqlError(STILL_NEEDED, f"cannot drop table {name}: {needing[0]} depends on it")
    kept = tuple(each for each in catalog.tables if each.name != name)
    return _next(replace(catalog, tables=kept), f"DROP TABLE {name}")


def _drop_view(catalog: Catalog, name: str, *, is_lenient: bool, is_strict: bool) -> BoundDefinition:
    """Drop a view. Others that read it stay, as a view is bound when it is read, unless RESTRICT was asked for."""
    if catalog.view(name) is None:
        if catalog.table(name) is not None:
            raise SqlError(UNKNOWN_TABLE, f"{name} is not a view: use DROP TABLE")
        if is_lenient:
            return BoundDefinition(catalog)
        known = [each.name for each in catalog.views]
        raise SqlError(UNKNOWN_TABLE, f"view {name} does not exist{nearest(name, known)}")
    needing = _views_of(catalog, name) if is_strict else []
    if needing:
        raise SqlError(STILL_NEEDED, f"cannot drop view {name}: view {needing[0]} depends on it")
    return _next(replace(catalog, views=tuple(v for v in catalog.views if v.name != name)), f"DROP VIEW {name}")


def _drop_index(catalog: Catalog, name: str, *, is_lenient: bool) -> BoundDefinition:
    for table in catalog.tables:
        kept = tuple(each for each in table.indexes if each.name != name)
        if len(kept) < len(table.indexes):
            return _next(_with(catalog, replace(table, indexes=kept)), f"DROP INDEX {name}")
        unique = next((each for each in table.uniques if each.name == name and each.is_index), None)
        if unique is not None:
            others = tuple(each for each in table.uniques if each != unique)
            return _next(_with(catalog, replace(table, uniques=others)), f"DROP INDEX {name}")
    for table in catalog.tables:
        if name in _index_names(table):
            raise SqlError(STILL_NEEDED, f"cannot drop index {name}: a constraint of table {table.name} requires it")
    if is_lenient:
        return BoundDefinition(catalog)
    uniques = [each.name for table in catalog.tables for each in table.uniques if each.is_index]
    known = [index.name for table in catalog.tables for index in table.indexes] + uniques
    raise SqlError(UNKNOWN_OBJECT, f"index {name} does not exist{nearest(name, known)}")


def _children(catalog: Catalog, table: Table) -> list[Table]:
    return [each for each in catalog.tables if any(key.table == table.name for key in each.foreign_keys)]


def _views_of(catalog: Catalog, name: str) -> list[str]:
    """Return the views that read a table or a view."""
    return [
        view.name
        for view in catalog.views
        if any(plain_name(each.this) == name for each in parse(view.query).tree.find_all(exp.Table))
    ]


# --- ALTER ------------------------------------------------------------------------------------------------------------


def _alter(tree: exp.Expr, catalog: Catalog) -> BoundDefinition:
    actions = tree.args.get("actions") or []
    if str(tree.args.get("kind")).upper() != "TABLE" or len(actions) != 1 or not isinstance(actions[0], exp.ColumnDef):
        raise unsupported(f"{tree.sql()[:60]}", "ALTER TABLE name ADD COLUMN, one column at a time")
    table = known_table(catalog, plain_name(tree.this.this))
    node = actions[0].copy()
    is_lenient = bool(node.args.get("exists"))
    node.set("exists", None)
    column, rest = read_column(node)
    if rest:
        what = f"{rest[0][1].sql()[:40]} in ADD COLUMN"
        raise unsupported(what, "NOT NULL and DEFAULT; other constraints are those of CREATE TABLE")
    if table.column(column.name) is not None:
        if is_lenient:
            return BoundDefinition(catalog)
        raise SqlError(DUPLICATE_COLUMN, f"column {column.name} of table {table.name} already exists")
    if len(table.columns) >= COLUMNS_MAX:
        raise SqlError(INVALID_DEFINITION, f"a table has at most {COLUMNS_MAX} columns")
    if not column.is_nullable and column.default is None:
        reason = f"column {column.name} of table {table.name} is NOT NULL and has no DEFAULT"
        raise SqlError(NULL_VIOLATION, f"{reason}: rows that are there would have none")
    grown = replace(table, columns=(*table.columns, column))
    return _next(_with(catalog, grown), f"ALTER TABLE {table.name}")


def _with(catalog: Catalog, table: Table) -> Catalog:
    return replace(catalog, tables=tuple(table if each.number == table.number else each for each in catalog.tables))


def _next(catalog: Catalog, title: str) -> BoundDefinition:
    return BoundDefinition(replace(catalog, version=catalog.version + 1), title)
