"""Text to a statement. What PhantomDB adds to SQL is taken off as tokens before sqlglot reads the rest."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import zip_longest

from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from PhantomLibrary.errors import nearest
from PhantomLibrary.sql.depth import NESTED_MAX, room_for_nesting
from PhantomLibrary.sql.dialect import DIALECT, STATEMENTS
from PhantomLibrary.sql.errors import SYNTAX_ERROR, TOO_COMPLEX, UNSUPPORTED, SqlError, unsupported
from PhantomLibrary.sql.shard_clauses import take_shard_clause
from PhantomLibrary.sql.statements import ExplainMode, Parsed, ShardClause
from PhantomLibrary.sql.syntax_errors import syntax_error

TEXT_CHARACTERS_MAX = 1_000_000
_FIRST_WORDS = (
    *("SELECT", "WITH", "VALUES", "INSERT", "UPSERT", "UPDATE", "DELETE", "TRUNCATE", "CREATE", "DROP", "ALTER"),
    "EXPLAIN",
)
_OTHER_WORDS = {
    **dict.fromkeys(
        ("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "ABORT"),
        "transactions begin and end by keywords of their own, not by statements",
    ),
    **dict.fromkeys(
        ("REPLACE", "MERGE"),
        "INSERT … ON CONFLICT … DO UPDATE, and UPSERT",
    ),
    **dict.fromkeys(
        ("GRANT", "REVOKE", "SHOW", "DESCRIBE", "PRAGMA", "COPY", "CALL", "EXECUTE", "ANALYZE"),
        STATEMENTS,
    ),
    **dict.fromkeys(("VACUUM", "ATTACH", "DETACH", "USE", "SET", "LOCK", "COMMENT", "RENAME", "TABLE"), STATEMENTS),
    **dict.fromkeys(("REINDEX", "CLUSTER", "CHECKPOINT", "PREPARE", "DECLARE", "FETCH", "DO", "LISTEN"), STATEMENTS),
}
_WITH_BODIES = ("TRIGGER", "FUNCTION", "PROCEDURE")  # In which statements stand.
_WHOLE = re.compile(r"""'[^']*'|"[^"]*"|--[^\n]*|/\*.*?\*/""", re.DOTALL)
_UNFINISHED = (("'", "text", "'"), ('"', "quoted name", '"'), ("/*", "comment", "*/"))
_OPENING = (TokenType.L_PAREN, TokenType.CASE)
_CLOSING = (TokenType.R_PAREN, TokenType.END)
_SIGNS = (TokenType.NOT, TokenType.DASH, TokenType.PLUS)
_NEEDING_ITEMS = (TokenType.COMMA, TokenType.GROUP_BY, TokenType.ALIAS)
_NO_ITEM = (
    *(TokenType.COMMA, TokenType.R_PAREN, TokenType.SEMICOLON, TokenType.FROM, TokenType.WHERE),
    *(TokenType.GROUP_BY, TokenType.ORDER_BY, TokenType.HAVING, TokenType.LIMIT),
)
_STATEMENTS = (
    *(exp.Query, exp.Values, exp.Insert, exp.Update, exp.Delete, exp.TruncateTable, exp.Create, exp.Drop, exp.Alter),
)


@lru_cache(maxsize=512)
def parse(text: str) -> Parsed:
    """Return the statement that a text says. Its tree is shared: whoever changes it works on a copy.

    Raises SqlError: 42601 with line, column and the line of the text with the place marked; 0A000 for what is not
    supported, such as several statements in one text.
    """
    if len(text) > TEXT_CHARACTERS_MAX:
        raise SqlError(SYNTAX_ERROR, f"the statement has {len(text):,} characters: at most {TEXT_CHARACTERS_MAX:,}")
    tokens = _single_statement(text, _tokens(text))
    explain, tokens = _take_explain(text, tokens)
    _require_known_start(text, tokens[0])
    is_upsert = tokens[0].text.upper() == "UPSERT"
    if is_upsert:
        first = tokens[0]
        tokens = [_keyword(first, TokenType.INSERT, "INSERT"), *tokens[1:]]
    shard_clause: ShardClause | None = None
    if [token.text.upper() for token in tokens[:2]] == ["CREATE", "TABLE"]:
        tokens, shard_clause = take_shard_clause(text, tokens)
    tree = _tree(text, tokens)
    if explain != "no" and not isinstance(tree, exp.Query | exp.Values):
        raise unsupported(f"EXPLAIN of {tree.key.upper()}", "EXPLAIN explains queries")
    starts = sorted(int(each.name) for each in tree.find_all(exp.Placeholder) if each.name.isdecimal())
    return Parsed(text, tree, tuple(str(each) for each in starts), shard_clause, is_upsert, explain)


def parse_condition(text: str) -> exp.Expr:
    """Return the expression that a text of the catalog says, as that of a CHECK."""
    tree = parse(f"SELECT {text}").tree
    condition: exp.Expr = tree.expressions[0]
    return condition


def _tokens(text: str) -> list[Token]:
    try:
        tokens = DIALECT.tokenize(text)
    except TokenError as error:
        raise syntax_error(text, len(text), _unfinished(text) or str(error.__cause__ or error)) from None
    _require_shallow(text, tokens)
    _require_items(text, tokens)
    return tokens


def _require_shallow(text: str, tokens: list[Token]) -> None:
    depth = run = 0
    for token in tokens:
        kind = token.token_type
        depth += (kind in _OPENING) - (kind in _CLOSING)
        run = run + 1 if kind in _SIGNS else 0
        if depth > NESTED_MAX or run > NESTED_MAX:
            raise syntax_error(text, token.start, f"the statement is nested more than {NESTED_MAX} deep", TOO_COMPLEX)


def _require_items(text: str, tokens: list[Token]) -> None:
    """Refuse a comma, GROUP BY and AS with nothing behind it, which sqlglot passes over."""
    for token, following in zip_longest(tokens, tokens[1:]):
        if token.token_type in _NEEDING_ITEMS and (following is None or following.token_type in _NO_ITEM):
            place = token if following is None else following
            raise syntax_error(text, place.start, f'syntax error at or near "{place.text}": something is missing')


def _unfinished(text: str) -> str | None:
    """Return what the end of a text lacks that cannot be cut into tokens."""
    rest = _WHOLE.sub("", text)
    begun = {place: each for each in _UNFINISHED if (place := rest.find(each[0])) >= 0}
    if not begun:
        return None
    _, name, closing = begun[min(begun)]
    return f"unterminated {name}: its closing {closing} is missing"


def _single_statement(text: str, tokens: list[Token]) -> list[Token]:
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens = tokens[:-1]
    if not tokens:
        raise SqlError(SYNTAX_ERROR, "there is no statement in the text")
    words = [token.text.upper() for token in tokens[:5]]
    with_body = next((each for each in words[1:] if each in _WITH_BODIES), None)
    if words[0] == "CREATE" and with_body is not None:
        raise unsupported(f"CREATE {with_body}", "CREATE TABLE, VIEW and INDEX")
    for number, token in enumerate(tokens):
        if token.token_type is TokenType.SEMICOLON:
            raise syntax_error(
                text, tokens[number + 1].start, "several statements in one text: give each on its own", UNSUPPORTED
            )
    return tokens


def _take_explain(text: str, tokens: list[Token]) -> tuple[ExplainMode, list[Token]]:
    words = [token.text.upper() for token in tokens[:2]]
    if words[0] != "EXPLAIN":
        return "no", tokens
    mode: ExplainMode = "analyze" if words[1:] == ["ANALYZE"] else "plan"
    rest = tokens[2 if mode == "analyze" else 1 :]
    if not rest:
        raise syntax_error(text, len(text), "EXPLAIN what? A query is missing")
    return mode, rest


def _require_known_start(text: str, token: Token) -> None:
    word = token.text.upper()
    if word in _OTHER_WORDS:
        raise unsupported(word, _OTHER_WORDS[word])
    if word not in _FIRST_WORDS and token.token_type is not TokenType.L_PAREN:
        raise syntax_error(text, token.start, f'syntax error at or near "{token.text}"{nearest(word, _FIRST_WORDS)}')


def _tree(text: str, tokens: list[Token]) -> exp.Expr:
    try:
        with room_for_nesting():
            trees = DIALECT.parser().parse(tokens, text)
    except ParseError as error:
        found = error.errors[0] if error.errors else {}
        start = len(text) if not found.get("highlight") else _position(text, found)
        raise syntax_error(text, start, _reason(text, found, start)) from None
    tree = trees[0]
    if isinstance(tree, exp.Subquery) and isinstance(tree.this, exp.Query):
        tree = tree.unnest()
    if not isinstance(tree, _STATEMENTS):
        raise syntax_error(text, tokens[0].start, f'syntax error at or near "{tokens[0].text}": {STATEMENTS}')
    return tree


def _position(text: str, found: dict[str, object]) -> int:
    lines = text.splitlines(keepends=True)
    line, end = int(str(found.get("line") or 1)), int(str(found.get("col") or 1))
    start = sum(len(each) for each in lines[: line - 1]) + end - len(str(found["highlight"]))
    return max(0, min(start, len(text)))


def _reason(text: str, found: dict[str, object], start: int) -> str:
    description = str(found.get("description") or "")
    if description.startswith("Expecting "):
        return f"syntax error: {description.removeprefix('Expecting ')} is expected"
    highlight = str(found.get("highlight") or "")
    if start + len(highlight) >= len(text.rstrip(" ;\n\t")) and description.startswith("Required keyword"):
        return f'syntax error: something is missing after "{highlight}"'
    return f'syntax error at or near "{highlight}"' if highlight else "syntax error"


def _keyword(token: Token, kind: TokenType, text: str) -> Token:
    return Token(kind, text, token.line, token.col, token.start, token.end, token.comments)
