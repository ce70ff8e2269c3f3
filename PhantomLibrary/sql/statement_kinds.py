"""What kind of statement a text is, for people who count them: by its first words, whether it makes sense or not."""

from __future__ import annotations

import re

_PASSED_OVER = re.compile(r"\s+|\(|--[^\n]*|/\*.*?\*/", re.DOTALL)
_WORD = re.compile(r"[A-Za-z]+")
_SEEN = 100  # Characters: the first words are among them.
_DEFINING = ("create", "alter", "drop")
_DEFINED = ("table", "view", "index")
_KINDS = {
    **{each: each for each in ("select", "insert", "upsert", "update", "delete", "truncate", "explain")},
    "with": "select",
    "values": "select",
}


def kind_of(text: str) -> str:
    """Return select, insert, upsert, update, delete, truncate, explain, create table, drop index and the like; `other`
    for a text that begins as no statement does.
    """
    start = 0
    while (passed := _PASSED_OVER.match(text, start)) is not None:
        start = passed.end()
    words = _WORD.findall(text[start : start + _SEEN])
    first = words[0].lower() if words else ""
    if first in _DEFINING:
        defined = next((each.lower() for each in words[1:4] if each.lower() in _DEFINED), "")
        return f"{first} {defined}" if defined else "other"
    return _KINDS.get(first, "other")
