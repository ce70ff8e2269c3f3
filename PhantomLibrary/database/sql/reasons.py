"""What stood against a transaction, in the words of whoever wrote the statement rather than in keys of the store."""

from __future__ import annotations

import re

from PhantomLibrary.domain.rows import CATALOG_KEY

_ROW = re.compile(r"(?:k\d{20}|\*)#t(\d+)/(\[[^]]*\])")


def readable(reason: str) -> str:
    """Return a reason with names for keys that are rows of tables."""
    if "#" not in reason:
        return reason
    return _ROW.sub(r"row \2 of table \1", reason.replace(CATALOG_KEY, "the schema"))
