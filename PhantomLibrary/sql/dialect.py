"""The dialect: SQLite's, with the standard's and PostgreSQL's words where sqlglot's reading of SQLite lacks them.

What cannot be read is refused here rather than taken for a command that somebody else may understand. Parameters are
`?`; each gets its number by where it stands in the text, for a plan may move them.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from sqlglot import exp
from sqlglot.dialects.sqlite import SQLite
from sqlglot.generators.sqlite import SQLiteGenerator
from sqlglot.parsers.sqlite import SQLiteParser
from sqlglot.tokenizer_core import TokenType

from PhantomLibrary.sql.depth import room_for_nesting
from PhantomLibrary.sql.errors import unsupported

STATEMENTS = (
    "statements are SELECT, INSERT, UPSERT, UPDATE, DELETE, TRUNCATE, CREATE and DROP TABLE, VIEW and INDEX, "
    "ALTER TABLE ADD COLUMN, EXPLAIN"
)
_EXPLAIN_WORDS = {"EXPLAIN": TokenType.VAR}


class PhantomSql(SQLite):
    """SQL as PhantomDB reads it."""

    INTERSECT_BINDS_TIGHTER_THAN_UNION_AND_EXCEPT = True
    NORMALIZE_FUNCTIONS: str | bool = False

    class Tokenizer(SQLite.Tokenizer):
        IDENTIFIERS: ClassVar[Any] = ['"']
        KEYWORDS: ClassVar[Any] = {
            **{word: kind for word, kind in SQLite.Tokenizer.KEYWORDS.items() if word not in ("//",)},
            **_EXPLAIN_WORDS,
        }
        COMMANDS: ClassVar[Any] = set()

    class Parser(SQLiteParser):
        # All functions stay what they are called: calls.py knows them, and which arguments they take.
        FUNCTIONS: ClassVar[Any] = {}
        FUNCTION_PARSERS: ClassVar[Any] = {
            name: SQLiteParser.FUNCTION_PARSERS[name] for name in ("CAST", "EXTRACT", "POSITION", "SUBSTRING", "TRIM")
        }
        PLACEHOLDER_PARSERS: ClassVar[Any] = {
            **SQLiteParser.PLACEHOLDER_PARSERS,
            TokenType.PLACEHOLDER: lambda self: self.expression(exp.Placeholder(this=str(self._prev.start))),
        }

        def _parse_as_command(self, start: Any) -> NoReturn:  # Instead of a warning and a text that nobody reads.
            self.raise_error("Invalid expression / Unexpected token")
            raise AssertionError

    class Generator(SQLiteGenerator):
        TRANSFORMS: ClassVar[Any] = {
            **SQLiteGenerator.TRANSFORMS,
            exp.Placeholder: lambda self, node: f"?{node.name}",
        }


DIALECT = PhantomSql()


def sqlite_text(tree: exp.Expr) -> str:
    """Return a bound tree as SQLite runs it."""
    with room_for_nesting():
        return DIALECT.generate(tree)


_PARTS = {
    "locks": "FOR UPDATE",
    "sample": "TABLESAMPLE",
    "duplicate": "ON DUPLICATE KEY",
    "expression": "a query",
}
_INSTEAD = {
    "alternative": "INSERT … ON CONFLICT, and UPSERT",
    "duplicate": "ON CONFLICT … DO NOTHING or DO UPDATE, and UPSERT",
    "locks": "rows are locked when they are written",
}


def _told(name: str, value: object) -> str:
    """Return a part of a node as people write it."""
    if name == "properties" and isinstance(value, exp.Properties):
        return str(value.expressions[0].key).removesuffix("property").upper()
    if name == "alternative":
        return f"OR {value}"
    return _PARTS.get(name) or name.strip("_").replace("_", " ").upper()


def refuse_parts(node: exp.Expr, allowed: frozenset[str] | set[str], where: str) -> None:
    """Refuse a node that has parts which nobody here would look at, so that nothing is silently left out."""
    for name, value in node.args.items():
        if value and name not in allowed:
            raise unsupported(f"{_told(name, value)} in {where}", _INSTEAD.get(name, "see docs/sql.md for what is"))
