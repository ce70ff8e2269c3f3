"""The exact checker agrees with trying every order, and passes whatever one copy of the data can have answered."""

import importlib.util
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from PhantomLibrary.checking.dispatch import check_history
from PhantomLibrary.checking.history import by_key, pair
from PhantomLibrary.checking.linearizability import check_linearizable
from PhantomLibrary.checking.models import LIST_APPEND, REGISTER, TEXT_MAP
from PhantomLibrary.checking.verdict import seconds

_spec = importlib.util.spec_from_file_location("simulated", Path(__file__).with_name("simulated.py"))
simulated = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(simulated)

MODELS = {"register": REGISTER, "append": LIST_APPEND, "map": TEXT_MAP}

kinds = st.sampled_from(sorted(MODELS))
seeds = st.integers(0, 2**32)


@given(kinds, seeds, st.sampled_from((None, 2, 4)), st.integers(1, 8), st.integers(1, 3), st.integers(0, 40))
@settings(max_examples=150)
def test_history_of_one_copy_is_valid(kind, seed, values, clients, keys, info_percent):
    events = simulated.simulate(
        kind, Random(seed), operations=80, clients=clients, keys=keys, values=values, info_percent=info_percent
    )
    assert check_history(events, kind, confirmed=0).code in ("", "HIS-004")


def mutated(events, random):
    """Return a history with one thing changed: a result, an outcome, or when something returned."""
    events = list(events)
    completions = [index for index, event in enumerate(events) if event.type != "invoke"]
    if not completions:
        return events
    index = random.choice(completions)
    event = events[index]
    choice = random.randrange(4)
    if choice == 0:
        results = [each.value for each in events if each.type == "ok" and each.function == event.function]
        if results and event.function in ("read", "get"):
            events[index] = replace(event, value=random.choice(results))
    elif choice == 1:
        events[index] = replace(event, type=random.choice(("ok", "fail")), error=random.choice(("", "not equal")))
    elif choice == 2 and event.function == "read" and isinstance(event.value, list) and event.value:
        events[index] = replace(event, value=random.sample(event.value, len(event.value) - random.randrange(2)))
    elif index + 1 < len(events) and events[index + 1].process != event.process:
        events[index], events[index + 1] = events[index + 1], event
        events = [replace(each, index=i, time_ns=i) for i, each in enumerate(events)]
    return events


@given(kinds, seeds, st.sampled_from((None, 2, 3)), st.integers(2, 6), st.integers(1, 5))
@settings(max_examples=600)
def test_verdict_is_that_of_trying_every_order(kind, seed, values, clients, changes):
    random = Random(seed)
    events = simulated.simulate(kind, random, operations=6, clients=clients, values=values)
    for _ in range(changes):
        events = mutated(events, random)
    operations = pair(events)
    valid = all(simulated.has_order(kind, part) for part in by_key(operations).values())
    verdict = check_linearizable(operations, MODELS[kind])
    assert verdict.outcome == ("valid" if valid else "invalid")


@given(seeds)
@settings(max_examples=200)
def test_a_list_is_blamed_on_the_return_that_ends_the_shortest_prefix_without_an_order(seed):
    random = Random(seed)
    events = simulated.simulate("append", random, operations=6, clients=3)
    for _ in range(3):
        events = mutated(events, random)
    verdict = check_linearizable(pair(events), LIST_APPEND)
    if verdict.outcome == "valid":
        return
    ends = (end for end in range(len(events)) if not simulated.has_order("append", pair(events[: end + 1])))
    assert f"at {seconds(events[next(ends)].time_ns)}" in verdict.message
