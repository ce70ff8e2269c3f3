"""Reads fault plans from YAML: built-in ones by name, others by path; and lets a run accept one.

Every mistake is refused with the file, the line, the path inside it, what was found and what is allowed; a step that
contradicts an earlier one is a mistake of the file too.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.testbed.arguments import check_command
from PhantomLibrary.testbed.disks import check_disk_fault
from PhantomLibrary.testbed.message_kinds import check_kind
from PhantomLibrary.testbed.plan_overlaps import contradiction
from PhantomLibrary.testbed.plan_steps import (
    STEPS,
    AnyStep,
    DelayMessages,
    DropMessages,
    FailDisk,
    FaultPlan,
    HealFaults,
    PartitionNetwork,
    SetLink,
    SkewClock,
    Step,
)
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command
from PhantomLibrary.testbed.targets import (
    check_nodes_text,
    check_sides_text,
    check_target,
    resolve_nodes,
    resolve_sides,
)
from PhantomLibrary.world.documents import Refused, convert, parse_document, shown
from PhantomLibrary.world.topology_decoder import DRIFT_PPM_MAX
from PhantomLibrary.world.units import MILLION

STEPS_MAX = 1_000
_ROLES = ("leader of", "follower", "random", "minority", "majority")
_KEYS = ("name", "description", "steps")


def builtin_plans() -> list[str]:
    """Return the names of the plans that ship with the library."""
    folder = resources.files("PhantomLibrary.testbed") / "plans"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_plan(name_or_path: str) -> FaultPlan:
    """Return a built-in plan, or the one in a YAML file. Raises InvalidInput."""
    known = builtin_plans()
    if name_or_path in known:
        text = (resources.files("PhantomLibrary.testbed") / "plans" / f"{name_or_path}.yaml").read_text("utf-8")
        return parse_plan(text, f"plan {name_or_path}")
    path = Path(name_or_path)
    if not path.is_file():
        raise InvalidInput(
            f"no fault plan {name_or_path!r}: give the path of a YAML file, or one of {', '.join(known)}"
            f"{nearest(name_or_path, known)}"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path}: cannot be read as UTF-8 text: {error}") from error
    return parse_plan(text, str(path))


def parse_plan(text: str, origin: str) -> FaultPlan:
    """Return the plan that a YAML text describes; `origin` names its source in errors."""
    plan = parse_document(text, origin, _decode_plan)
    return FaultPlan(plan.name, plan.steps, origin, plan.description)


def accept_plan(run: Run, plan: FaultPlan) -> list[Command]:
    """Let a run accept all steps of a plan as later commands, or, where one makes no sense there, none of them.

    Raises InvalidInput then.
    """
    commands = [step.command(run.now_ns) for step in plan.steps]
    for command in commands:
        try:
            check_command(command)
            _check_in(run, command)
        except InvalidInput as error:
            raise InvalidInput(f"{plan.origin}: {command.verb}: {error}") from None
    for command in commands:
        run.perform(command)
    return commands


def _check_in(run: Run, command: Command) -> None:
    """Raise InvalidInput if what a step names will never be in this cluster, or can be told to be wrong already."""
    for text in (command.target, *(command.arguments.get(end, "") for end in ("source", "target"))):
        check_target(text, run)
    if any(role in command.target for role in _ROLES):
        return  # Who that is will be known when it takes effect, and asking now might draw at random.
    if command.verb == "partition network":
        resolve_sides(command.target, command.arguments["direction"], run)
    elif command.target:
        resolve_nodes(command.target, run)


# --- decoding ---------------------------------------------------------------------------------------------------------


def _decode_plan(document: Any) -> FaultPlan:
    if not isinstance(document, dict):
        raise Refused("$", f"expected a mapping with a name and steps, found {shown(document)}")
    for key in document:
        if key not in _KEYS:
            raise Refused(f"$.{key}", f"unknown key {key!r}: allowed are {', '.join(_KEYS)}{nearest(key, _KEYS)}")
    for key in ("name", "description"):
        if not isinstance(document.get(key, ""), str):
            raise Refused(f"$.{key}", f"expected text, found {shown(document[key])}")
    found = document.get("steps")
    if not isinstance(found, list) or not found:
        raise Refused("$.steps" if "steps" in document else "$", "a plan has a list of steps, one at least")
    if len(found) > STEPS_MAX:
        raise Refused("$.steps", f"{len(found)} steps are too many: at most {STEPS_MAX:,}")
    steps = [_decode_step(each, f"$.steps[{index}]") for index, each in enumerate(found)]
    order = sorted(range(len(steps)), key=lambda index: steps[index].time)
    in_order = [(f"$.steps[{index}]", steps[index]) for index in order]
    conflict = contradiction(in_order)
    if conflict is not None:
        raise Refused(*conflict)
    return FaultPlan(document.get("name", ""), tuple(step for _, step in in_order), "", document.get("description", ""))


def _decode_step(document: Any, path: str) -> Step:
    if isinstance(document, dict) and "fault" not in document:
        raise Refused(path, f"'fault' is missing: found {', '.join(map(str, document)) or 'nothing'}")
    step: Step = convert(document, AnyStep, path, _known_keys, _words_of(document))
    for names in step.NAMES:
        if getattr(step, names) or not isinstance(step, HealFaults):  # Without a target, it heals all.
            _check_text(getattr(step, names), check_nodes_text, f"{path}.{names}")
    for sides in step.SIDES:
        _check_text(getattr(step, sides), check_sides_text, f"{path}.{sides}")
    for limited in ("duration", "flapping", "bandwidth", "probability", "by"):
        if getattr(step, limited, None) == 0:
            raise Refused(f"{path}.{limited}", f"a {limited} of nothing cannot be: write more than zero")
    for share in ("loss", "duplicate", "reorder", "probability"):
        ppm = getattr(step, share, None) or 0
        if ppm > MILLION:
            raise Refused(f"{path}.{share}", f"{ppm / 10_000:g} % is more than all: 0 % to 100 % are allowed")
    _check_meaning(step, path)
    return step


def _check_meaning(step: Step, path: str) -> None:
    """Raise Refused for a step that would do nothing, or cannot be done in any cluster."""
    if isinstance(step, SetLink) and not step.changes():
        raise Refused(path, "nothing would change: give latency, jitter, loss, duplicate, reorder or bandwidth")
    if isinstance(step, SkewClock):
        if not step.offset and not step.drift:
            raise Refused(path, "a clock that is skewed by nothing is right: give an offset or a drift")
        if abs(step.drift or 0) > DRIFT_PPM_MAX:
            raise Refused(f"{path}.drift", f"{step.drift} ppm is too much: between -50 % and 50 %")
    if isinstance(step, FailDisk):
        _check_text(step.kind, lambda _: check_disk_fault(step.arguments()), path)
    if isinstance(step, (DropMessages, DelayMessages)):
        _check_text(step.kind, check_kind, f"{path}.kind")
    if isinstance(step, PartitionNetwork) and step.flapping == 1:
        raise Refused(f"{path}.flapping", "a period of flapping is at least 2 ns")


def _check_text(text: str, check: Callable[[str], object], path: str) -> None:
    try:
        check(text)
    except InvalidInput as error:
        raise Refused(path, str(error)) from None


def _words_of(document: Any) -> dict[str, tuple[str, ...]]:
    """Return the fields of a step that take a word of a list, each with these words."""
    words = {"fault": tuple(STEPS)}
    fault: object = document["fault"] if isinstance(document, dict) else None
    kind = STEPS.get(fault) if isinstance(fault, str) else None
    for name, hint in get_type_hints(kind).items() if kind is not None else ():
        if get_origin(hint) is Literal:
            words[name] = get_args(hint)
    return words


def _known_keys(path: str, found: Any) -> tuple[str, ...]:
    kind = STEPS.get(str(found.get("fault"))) if isinstance(found, dict) else None
    return () if kind is None else ("fault", *kind.__struct_fields__)
