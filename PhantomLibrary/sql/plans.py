"""What the planner decides and the executor does: fragments for shards, and what makes one answer of their results."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.sql.catalog import SqlType, Stored

Place: TypeAlias = Literal["shards", "one shard", "workers", "coordinator"]
Movement: TypeAlias = Literal["gather", "broadcast", "shuffle"]


class Fragment(Struct, frozen=True):
    """A query in SQLite's dialect that runs in several places at once.

    It sees tables as `t<number>`, and as `in<number>` the results of earlier fragments that were brought there.
    `place`: on each shard's leader that may hold rows at `positions` (ranges [first, last], None meaning all); on any
    one shard, where it reads nothing but what is everywhere; on workers, one for each part of what was shuffled; or at
    the coordinator, over what it gathered.
    `movement`: its rows go to the coordinator, to each place of the fragments that take them, or to the worker that
    the values in columns `shuffled_by` (their numbers) choose: see shuffling.py.

    Joins and correlated subqueries look its rows up by the columns (their numbers) of each of `indexes`.
    """

    number: int
    query: str
    parameters: tuple[Stored, ...]
    columns: tuple[str, ...]
    tables: tuple[int, ...] = ()
    inputs: tuple[int, ...] = ()
    place: Place = "shards"
    positions: tuple[tuple[int, int], ...] | None = None
    movement: Movement = "gather"
    shuffled_by: tuple[int, ...] = ()
    indexes: tuple[tuple[int, ...], ...] = ()


class PlanStep(Struct, frozen=True):
    """A step of a plan as people read it: `details` are (what, text). With a fragment, what was measured is shown."""

    title: str
    details: tuple[tuple[str, str], ...] = ()
    children: tuple[PlanStep, ...] = ()
    fragment: int | None = None


class ResultColumn(Struct, frozen=True):
    """A column of an answer. Of a DECIMAL, values come as whole numbers of units of its scale."""

    name: str
    type: SqlType


class Plan(Struct, frozen=True):
    """Fragments in the order in which they run, and the query over what they gathered, `in<number>`, that answers.

    `gathers` counts the tables whose rows are brought to the coordinator because nothing better is known.
    """

    fragments: tuple[Fragment, ...]
    final: str
    parameters: tuple[Stored, ...]
    columns: tuple[ResultColumn, ...]
    is_ordered: bool
    steps: PlanStep
    gathers: int = 0


class Measured(Struct):
    """What running a fragment took: the shards it came to, rows and bytes that it yielded, thousands of steps of the
    engine, virtual time, and how many of its parts had to be run again.
    """

    shards: dict[int, None] = {}
    rows: int = 0
    bytes: int = 0
    units: int = 0
    elapsed_ns: int = 0
    restarts: int = 0


class TableStatistics(Struct, frozen=True):
    """What is known of a table: rows, bytes, and how many values columns have. May be out of date, and decides no
    answer.
    """

    rows: int
    bytes: int
    distinct: tuple[tuple[str, int], ...] = ()
