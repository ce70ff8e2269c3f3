"""Replicas as values: copied, compared and renamed, whatever attributes they have.

Rule: nothing here knows what an attribute of a group means. One that is added tomorrow is copied, compared and renamed
like those of today; only what merely repeats others is left out of comparisons, by name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from types import FunctionType, MethodType
from typing import Any, TypeVar

from msgspec import Struct

from PhantomLibrary.domain import NodeId
from PhantomLibrary.protocols.raft.group import Group

T = TypeVar("T")

_HANDLERS = "_handlers"  # Bound methods: they belong to one group and are bound anew in its copy.
_REPEATS_OTHERS = frozenset({_HANDLERS, "view", "news"})
_PLAIN = frozenset({int, str, bytes, bool, type(None), FunctionType})
_NAMES_BY_KIND: dict[tuple[type, int], tuple[str, ...]] = {}


def clone(group: Group) -> Group:
    """Return a group that shares nothing with this one that either could change."""
    return _rebuilt(group, {})


def renamed_group(group: Group, names: Mapping[NodeId, NodeId]) -> Group:
    """Return what this group would be if the nodes had these names."""
    return _rebuilt(group, names)


def frozen(group: Group) -> Hashable:
    """Return a value that two groups share exactly if no event can tell them apart."""
    return tuple((name, _freeze(value)) for name, value in _attributes(group) if name not in _REPEATS_OTHERS)


def renamed(value: T, names: Mapping[NodeId, NodeId]) -> T:
    """Return the value with every node's name replaced, also in messages. Commands must not look like names.

    Tuples of nodes, such as the voters, stay sorted: their order means nothing.
    """
    return _copy(value, names)  # type: ignore[no-any-return]


def _rebuilt(group: Group, names: Mapping[NodeId, NodeId]) -> Group:
    copy: Group = object.__new__(type(group))
    for name, value in _attributes(group):
        if name == _HANDLERS:
            value = {event: MethodType(handler.__func__, copy) for event, handler in value.items()}
        else:
            value = _copy(value, names)
        setattr(copy, name, value)
    return copy


def _copy(value: Any, names: Mapping[NodeId, NodeId]) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return names.get(value, value) if kind is str else value
    if kind is tuple:
        copies = [_copy(each, names) for each in value]
        return tuple(sorted(copies) if names and all(type(each) is str and each in names for each in value) else copies)
    if kind is dict:
        return {_copy(key, names): _copy(each, names) for key, each in value.items()}
    if kind in (list, deque, set, frozenset):
        return kind(_copy(each, names) for each in value)
    if isinstance(value, Struct):
        if not names:
            return value  # Structs are frozen.
        return kind(*(_copy(getattr(value, name), names) for name in value.__struct_fields__))
    copy = object.__new__(kind)
    for name, each in _attributes(value):
        setattr(copy, name, _copy(each, names))
    return copy


def _freeze(value: Any) -> Hashable:
    kind = type(value)
    if kind in _PLAIN or isinstance(value, Struct):
        return value  # type: ignore[no-any-return]
    if kind is dict:
        return tuple(sorted((key, _freeze(each)) for key, each in value.items()))
    if kind in (set, frozenset):
        return tuple(sorted(value))
    if kind in (tuple, list, deque):
        return tuple(_freeze(each) for each in value)
    return tuple((name, _freeze(each)) for name, each in _attributes(value))


def _attributes(value: Any) -> list[tuple[str, Any]]:
    """Return an object's attributes, in an order that does not depend on when they were set."""
    own = getattr(value, "__dict__", ())
    key = (type(value), len(own))  # Objects of one kind with as many attributes have the same: nothing deletes any.
    names = _NAMES_BY_KIND.get(key)
    if names is None:
        slots = {name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())}
        names = _NAMES_BY_KIND[key] = tuple(sorted(slots.union(own)))
    return [(name, getattr(value, name)) for name in names]
