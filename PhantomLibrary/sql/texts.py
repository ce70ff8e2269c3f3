"""Functions of texts that SQLite lacks or does in its own way."""

from __future__ import annotations

from PhantomLibrary.sql.errors import INVALID_ARGUMENT, TEXT_TOO_LONG, SqlError

CHARACTERS_MAX = 1_000_000
_CHARACTER_LAST = 0x10FFFF
_HALVES = range(0xD800, 0xE000)


def substring_of(text: str, start: int, length: int | None = None) -> str:
    """Return characters from `start`, counted from 1; those before the first are counted too, but are not there."""
    if length is not None and length < 0:
        raise SqlError(INVALID_ARGUMENT, f"negative substring length not allowed: {length}")
    end = len(text) if length is None else start - 1 + length
    return text[max(0, start - 1) : max(0, end)]


def left_of(text: str, count: int) -> str:
    """Return the first characters, or, with a negative count, all but the last ones."""
    return text[:count]


def right_of(text: str, count: int) -> str:
    return (text[-count:] if count else "") if count >= 0 else text[-count:]


def repeat_text(text: str, count: int) -> str:
    return text * _short(len(text) * max(count, 0), count)


def character_of(number: int) -> str:
    """Return the character of a number, as far as a text may have it."""
    if not 0 < number <= _CHARACTER_LAST or number in _HALVES:
        raise SqlError(INVALID_ARGUMENT, f"chr({number}) is no character that a text can have")
    return chr(number)


def reverse_text(text: str) -> str:
    return text[::-1]


def pad_left(text: str, length: int, fill: str = " ") -> str:
    return _padding(text, length, fill) + text[: max(length, 0)]


def pad_right(text: str, length: int, fill: str = " ") -> str:
    return text[: max(length, 0)] + _padding(text, length, fill)


def _padding(text: str, length: int, fill: str) -> str:
    missing = max(_short(length, length) - len(text), 0)
    return (fill * missing)[:missing]


def _short(characters: int, result: int) -> int:
    if characters > CHARACTERS_MAX:
        raise SqlError(TEXT_TOO_LONG, f"the text would have {characters:,} characters: at most {CHARACTERS_MAX:,}")
    return result


FUNCTIONS = {
    **{each.__name__: (each, 2) for each in (left_of, right_of, repeat_text)},
    **{each.__name__: (each, -1) for each in (substring_of, pad_left, pad_right)},
    **{each.__name__: (each, 1) for each in (reverse_text, character_of)},
}
