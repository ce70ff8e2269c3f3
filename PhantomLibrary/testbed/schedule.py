"""The schedule of a run: what it was made of, and every command it accepted. This, not the random draws, is what
replays.

A schedule is written as YAML that a person can read and shorten. Times are virtual nanoseconds from the start of
the run.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from PhantomLibrary.domain import NodeId
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.kernel.orders import Order
from PhantomLibrary.testbed.region_setup import RegionWish

FORMAT = 1
SHARDS_UNSAID = 1
"""How many shards a run has about which nothing is said; with placement by directory it has those of the table."""


class RunSpec(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a run is made of. Everything that happens in it follows from this and the commands.

    `topology` names a built-in one; `topology_text` holds the YAML of one that is not built in. `nodes` 0 means as
    the topology says. `defects` are names: whoever replays passes the parts. `order` None means the default order
    of events. `regions` None means that each shard is one for all regions, unless the topology says otherwise;
    `leaders` is the region where these are to stand, "" for anywhere.
    """

    seed: int
    topology: str = "three-nodes"
    topology_text: str = ""
    nodes: int = 0
    shards: int = SHARDS_UNSAID
    replicas: int = 3
    defects: tuple[str, ...] = ()
    knobs: dict[str, Any] = {}
    order: Order | None = None
    regions: RegionWish | None = None
    leaders: str = ""


class Command(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One accepted command.

    `accepted_ns` is when it was given, `at_ns` when it takes effect, `until_ns` when it heals itself. `target` is
    what was written, `resolved` the nodes that this meant when it took effect. `arguments` are integers, text, or
    lists of these. `by` names who gave it where that was not a person, such as a nemesis.
    """

    verb: str
    accepted_ns: int
    at_ns: int
    target: str = ""
    resolved: list[NodeId] | None = None
    until_ns: int | None = None
    arguments: dict[str, Any] = {}
    by: str = ""


class Schedule(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A run, as it can be written down and done again. `digest` is that of the trace at `end_ns`, "" where unknown."""

    run: RunSpec
    commands: list[Command] = []
    end_ns: int = 0
    digest: str = ""
    format: int = FORMAT
    written_by: str = ""


def write_schedule(schedule: Schedule) -> str:
    """Return a schedule as YAML."""
    import yaml

    # Five times as fast where PyYAML comes with libyaml, and the same without.
    dumper = _dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper))
    text: str = yaml.dump(msgspec.to_builtins(schedule), Dumper=dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


@cache
def _dumper(base: Any) -> Any:
    """Return a dumper that writes texts of many lines as such."""

    class Dumper(base):  # type: ignore[misc]
        """A dumper of its own, for representers belong to classes."""

    def represent(dumper: Any, text: str) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    Dumper.add_representer(str, represent)
    return Dumper


def read_schedule(text: str, origin: str) -> Schedule:
    """Return the schedule that YAML text describes. Raises InvalidInput, naming `origin`, for anything else."""
    import yaml

    try:
        schedule = msgspec.convert(yaml.safe_load(text), Schedule)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise InvalidInput(f"{origin}{line}: no YAML: {getattr(error, 'problem', error)}") from None
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{origin}: no schedule: {error}") from None
    if schedule.format != FORMAT:
        raise InvalidInput(f"{origin}: schedule format {schedule.format} is not known here, only {FORMAT}")
    return schedule
