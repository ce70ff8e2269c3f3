"""What tables have to show, said in the simplest way: as a function of the changes that were applied, in no order.

Nothing is ever forgotten here, and nothing is kept up to date: each rule is one line over all changes.
"""

from __future__ import annotations

from PhantomLibrary.domain import Append, Delete, Increment, Put, Remove
from PhantomLibrary.domain.region_policy import count_in
from tests.unit.protocols.replication_harness import Regions


def shown_of(changes, conflicts):
    """The values by key of whoever has applied these changes."""
    keys = sorted({change.operation.key for change in changes})
    shown = {key: _values([each for each in changes if each.operation.key == key], conflicts) for key in keys}
    return {key: values for key, values in shown.items() if values}


def _values(changes, conflicts):
    texts = [each for each in changes if isinstance(each.operation, (Put, Delete))]
    if conflicts == "last writer wins":
        kept = sorted(texts, key=_order)[-1:]
    else:
        kept = sorted((each for each in texts if not _is_covered(each, texts)), key=_order)
    values = tuple(each.operation.value for each in kept if isinstance(each.operation, Put))
    return values or _elements(changes) or _sum(changes)


def _elements(changes):
    firsts = {}
    for add in sorted((each for each in changes if isinstance(each.operation, Append)), key=_order):
        element = add.operation.element
        same = [each for each in changes if _is_about(each.operation, element)]
        if not _is_covered(add, same):
            firsts.setdefault(element, add)
    return (" ".join(firsts),) if firsts else ()


def _is_about(operation, element):
    is_about_it = isinstance(operation, (Append, Remove)) and operation.element == element
    return is_about_it or isinstance(operation, Delete)


def _sum(changes):
    amounts = [each.operation.amount for each in changes if isinstance(each.operation, Increment)]
    return (str(sum(amounts)),) if amounts else ()


def knows(change, other):
    """Whether a change takes the place of another one knowingly."""
    return count_in(change.context, other.dot.region) >= other.dot.count


def _is_covered(change, others):
    return any(knows(other, change) for other in others)


def _order(change):
    return change.at_ns, change.dot.region, change.dot.count


class CheckedRegions(Regions):
    """Regions that are compared with the model; `changes` are all that were ever made."""

    def __init__(self, conflicts="last writer wins", **fields):
        super().__init__(conflicts, **fields)
        self.conflicts = conflicts
        self.changes = []

    def write(self, region, words, **fields):
        change = super().write(region, words, **fields)
        self.changes.append(change)
        return change

    def why_wrong(self, region):
        """What a region shows and should, "" where that is the same."""
        table = self[region]
        applied = [each for each in self.changes if each.dot.count <= table.vector.get(each.dot.region, 0)]
        wanted = shown_of(applied, self.conflicts)
        shown = table.visible()
        return "" if shown == wanted else f"{region} shows {shown}, not {wanted}"
