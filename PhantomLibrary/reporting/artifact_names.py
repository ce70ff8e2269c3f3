"""Names of artifact folders: safe on every file system, short, and never shared by two tests.

A name keeps letters and digits of any language. Spaces become underscores, and so does whatever Windows forbids, a
shell would expand or a link would have to escape.
"""

from __future__ import annotations

import unicodedata
from hashlib import blake2b

NAME_BYTES_MAX = 120  # File systems allow 255; Windows allows 260 characters for a whole path.

_KEPT = frozenset("-_.,+=()")
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789¹²³")}


def safe_name(text: str) -> str:
    """Return a name for a file or folder that reads like `text`. Two texts may get the same one."""
    composed = unicodedata.normalize("NFC", text)
    name = "".join(each if each.isalnum() or each in _KEPT else "_" for each in composed)
    name = name.strip(".") or "_"  # A leading dot hides a file, Windows drops one at the end.
    if name.partition(".")[0].upper() in _RESERVED:
        name = f"_{name}"
    if len(name.encode()) <= NAME_BYTES_MAX:
        return name
    return with_hash(name, text)


def with_hash(name: str, text: str) -> str:
    """Return a name, shortened where needed, with a short hash of `text`."""
    tail = f"-{blake2b(text.encode(errors='surrogatepass'), digest_size=4).hexdigest()}"
    kept = name.encode()[: NAME_BYTES_MAX - len(tail)].decode(errors="ignore")
    return kept.rstrip(".") + tail


class FolderNames:
    """Gives each cluster of each test of a process a folder name of its own.

    The first cluster of a test gets the plain name, the second `-2` behind it. A test whose plain name is taken by
    another, compared without regard to case, gets a short hash of its real name besides.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._clusters: dict[tuple[str, str], int] = {}
        self._bases: dict[tuple[str, str], str] = {}

    def next_name(self, suite: str, test: str) -> tuple[str, int]:
        """Return the folder name for the next cluster of this test, and which of its clusters that is, from 1 on."""
        who = (suite, test)
        self._clusters[who] = cluster = self._clusters.get(who, 0) + 1
        if who not in self._bases:
            self._bases[who] = self._free_base(suite, test)
        base = self._bases[who]
        name = base if cluster == 1 else f"{base}-{cluster}"
        while name.casefold() in self._taken:  # Another test is called like this cluster of ours.
            name = with_hash(name, f"{suite}\n{test}\n{name}")
        self._taken.add(name.casefold())
        return name, cluster

    def _free_base(self, suite: str, test: str) -> str:
        base = safe_name(f"{suite}.{test}" if test else suite)
        return with_hash(base, f"{suite}\n{test}") if base.casefold() in self._taken else base
