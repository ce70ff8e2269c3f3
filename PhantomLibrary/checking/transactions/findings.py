"""What is wrong with a history of transactions: one anomaly, who took part, and what to say of it."""

from __future__ import annotations

from msgspec import Struct

from PhantomLibrary.checking.transactions.form import Transactions
from PhantomLibrary.checking.transactions.levels import ORDERS_BROKEN


class Anomaly(Struct, frozen=True):
    """One anomaly. `name` is one of those in `levels.py`, with the order that made it where one did: `G1c-session`.

    `text` goes on after the name; `blamed` are the transactions that it takes, the one found out first.
    """

    name: str
    text: str
    blamed: tuple[int, ...]

    @property
    def base(self) -> str:
        """Return the name without the order."""
        for order in ORDERS_BROKEN:
            if self.name.endswith(order):
                return self.name.removesuffix(order)
        return self.name


def earlier(first: Anomaly, second: Anomaly, transactions: Transactions) -> Anomaly:
    """Return the anomaly that was complete first."""
    return min(first, second, key=lambda anomaly: max(map(transactions.returned, anomaly.blamed)))
