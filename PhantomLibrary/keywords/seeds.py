"""The seed of a cluster for which nobody chose one: made from names, so that order, selection and folder of a run
do not matter.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import PureWindowsPath

_SEED_DIGITS_MAX = 10**9


def seed_of(suite_source: str, test: str, ordinal: int) -> int:
    """Return the seed of a test's n-th cluster; of its file only the stem counts, so that files can be moved."""
    stem = PureWindowsPath(suite_source).stem  # Takes both kinds of slashes.
    digest = blake2b("\0".join((stem, test, str(ordinal))).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % _SEED_DIGITS_MAX
