"""What PhantomDB adds to CREATE TABLE: where the rows stand. It comes last, behind the columns.

… ) SHARD BY HASH (customer)
… ) SHARD BY RANGE (id) SPLIT AT (1000, 2000)
… ) REPLICATED EVERYWHERE
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlglot.tokenizer_core import Token, TokenType

from PhantomLibrary.sql.errors import SqlError
from PhantomLibrary.sql.statements import ShardClause
from PhantomLibrary.sql.syntax_errors import syntax_error

_Item = TypeVar("_Item")
_FORMS = "SHARD BY HASH (columns), SHARD BY RANGE (columns) SPLIT AT (values) or REPLICATED EVERYWHERE"
_NAMES = (TokenType.VAR, TokenType.IDENTIFIER)
_VALUES = (TokenType.NUMBER, TokenType.STRING)


def take_shard_clause(text: str, tokens: list[Token]) -> tuple[list[Token], ShardClause | None]:
    """Return the tokens of a CREATE TABLE without its clause of sharding, and the clause."""
    depth = 0
    for number, token in enumerate(tokens):
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        is_behind_columns = depth == 0 and number > 0 and tokens[number - 1].token_type is TokenType.R_PAREN
        if is_behind_columns and token.text.upper() in ("SHARD", "REPLICATED"):
            return tokens[:number], _ClauseReader(text, tokens[number:]).read()
    return tokens, None


class _ClauseReader:
    def __init__(self, text: str, tokens: list[Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._next = 0

    def read(self) -> ShardClause:
        clause = self._clause()
        if self._next < len(self._tokens):
            raise self._error("nothing may follow")
        return clause

    def _clause(self) -> ShardClause:
        if self._take("REPLICATED"):
            self._require("EVERYWHERE")
            return ShardClause("everywhere")
        self._require("SHARD", "BY")
        if self._take("HASH"):
            return ShardClause("hash", tuple(self._list(self._name)))
        self._require("RANGE")
        columns = tuple(self._list(self._name))
        if not self._take("SPLIT"):
            return ShardClause("range", columns)
        self._require("AT")
        return ShardClause("range", columns, tuple(self._list(self._value)))

    def _list(self, item: Callable[[], _Item]) -> list[_Item]:
        self._require("(")
        items = [item()]
        while self._take(","):
            items.append(item())
        self._require(")")
        return items

    def _name(self) -> str:
        token = self._token()
        if token is None or (token.token_type not in _NAMES and not token.text.isidentifier()):
            raise self._error("the name of a column is expected")
        self._next += 1
        return token.text if token.token_type is TokenType.IDENTIFIER else token.text.lower()

    def _value(self) -> str:
        sign = "-" if self._take("-") else ""
        token = self._token()
        if token is None or token.token_type not in _VALUES:
            raise self._error("a value is expected: a number, or a text in single quotes")
        self._next += 1
        return sign + token.text

    def _token(self) -> Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self, word: str) -> bool:
        token = self._token()
        found = token is not None and token.token_type is not TokenType.STRING and token.text.upper() == word
        self._next += found
        return found

    def _require(self, *words: str) -> None:
        for word in words:
            if not self._take(word):
                raise self._error(f"{word} is expected")

    def _error(self, reason: str) -> SqlError:
        token = self._token()
        start = token.start if token is not None else len(self._text)
        return syntax_error(self._text, start, f"syntax error: {reason}; sharding is {_FORMS}")
