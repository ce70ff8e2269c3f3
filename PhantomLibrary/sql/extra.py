"""sqlglot and SQLite, by apsw, are an extra: without them a cluster runs as well, but takes no SQL."""

from __future__ import annotations

from importlib.util import find_spec

from PhantomLibrary.sql.engine import MissingExtra

_PACKAGES = ("sqlglot", "apsw")


def require_extra() -> None:
    """Refuse to go on where the packages of SQL are not installed, and say how they are."""
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        what = " and ".join(missing)
        raise MissingExtra(f"SQL needs {what}: pip install robotframework-phantomlibrary[sql]")
