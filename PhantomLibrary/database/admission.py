"""The door of a node: counts what clients ask for."""

from __future__ import annotations

from PhantomLibrary.database.messages import ClientRequest
from PhantomLibrary.domain import Begin, Transact

_BEGIN = frozenset((Begin, Transact))


class Admission:
    """What clients have asked this incarnation for: operations, and how many of them began a transaction."""

    def __init__(self) -> None:
        self.operations = self.transactions = 0

    def takes(self, _client: str, request: ClientRequest) -> bool:
        """Return whether to do what a client asks for."""
        self.operations += 1
        self.transactions += type(request.operation) in _BEGIN
        return True
