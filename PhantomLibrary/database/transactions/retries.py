"""Whole transactions of SQL are tried again where others came in between: nobody has seen anything of them yet.

Only what certainly did not happen is. Clients that hold a transaction open have seen its results, so they have to begin
again themselves.
"""

from __future__ import annotations

from PhantomLibrary.database.config import DatabaseConfig
from PhantomLibrary.domain import Answer, Refused, Sql, Transact

_ATTEMPTS_MAX = 10


class Retries:
    """How often one whole transaction has been tried, and until when it may be."""

    def __init__(self, operation: Transact, now_ns: int, config: DatabaseConfig) -> None:
        self._may = any(isinstance(each, Sql) for each in operation.statements)
        self._deadline_ns = now_ns + config.operation_timeout_ns // 2
        self._delay_ns = config.retry_delay_ns
        self._attempts = 1

    def next_ns(self, answer: Answer, now_ns: int) -> int | None:
        """Return when to try again after this answer, None where it is the last word."""
        at_ns = now_ns + self._delay_ns * self._attempts
        if not (self._may and isinstance(answer, Refused)) or self._attempts >= _ATTEMPTS_MAX:
            return None
        if at_ns > self._deadline_ns:
            return None
        self._attempts += 1
        return at_ns
