"""What SQL refuses, each with its SQLSTATE, as the standard and PostgreSQL number them.

Whoever meets one knows that the statement has had no effect. The text leads with the state, as other codes do.
"""

from __future__ import annotations

from PhantomLibrary.errors import PhantomError

SYNTAX_ERROR = "42601"
UNKNOWN_TABLE = "42P01"
UNKNOWN_COLUMN = "42703"
UNKNOWN_FUNCTION = "42883"
UNKNOWN_OBJECT = "42704"
DUPLICATE_TABLE = "42P07"
DUPLICATE_COLUMN = "42701"
DUPLICATE_ALIAS = "42712"
DUPLICATE_OBJECT = "42710"
AMBIGUOUS_COLUMN = "42702"
TYPE_MISMATCH = "42804"
GROUPING_ERROR = "42803"
WINDOW_ERROR = "42P20"
INVALID_DEFINITION = "42P16"
INVALID_REFERENCE = "42830"
INVALID_CONFLICT_TARGET = "42P10"
WRONG_PARAMETERS = "08P01"
UNSUPPORTED = "0A000"
STILL_NEEDED = "2BP01"
DIVISION_BY_ZERO = "22012"
OUT_OF_RANGE = "22003"
TEXT_TOO_LONG = "22001"
INVALID_TEXT = "22P02"
INVALID_DATE = "22007"
INVALID_ARGUMENT = "22023"
NULL_VIOLATION = "23502"
FOREIGN_KEY_VIOLATION = "23503"
UNIQUE_VIOLATION = "23505"
CHECK_VIOLATION = "23514"
SECOND_CHANGE = "21000"
TOO_MANY_ROWS = "21000"
OUT_OF_MEMORY = "53200"
PROGRAM_LIMIT = "54000"
TOO_COMPLEX = "54001"
TIMED_OUT = "57014"
INTERNAL = "XX000"


class SqlError(PhantomError):
    """A statement that SQL refuses: `state` is its SQLSTATE, `reason` the text without it."""

    def __init__(self, state: str, reason: str) -> None:
        super().__init__(f"SQL {state}: {reason}")
        self.state = state
        self.reason = reason


def unsupported(what: str, supported: str) -> SqlError:
    """Return the refusal of what is not there, saying what is."""
    return SqlError(UNSUPPORTED, f"{what} is not supported: {supported}")
