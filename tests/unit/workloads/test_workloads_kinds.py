"""What each kind of workload writes into the history, and that the history is well formed whatever happens."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, HistoryEvent
from PhantomLibrary.workloads.keys import SKEWS
from PhantomLibrary.workloads.kinds import ELEMENTS_MAX, KINDS, elements, number_or_text

PER_S = 1000
FATES = ["ok", "ok", "ok", "ok", "refused", "refused at once", "unknown, happened", "unknown, lost"]


def operations(events: list[HistoryEvent]) -> list[tuple[HistoryEvent, HistoryEvent]]:
    """Return each invocation with its end, having checked that every process behaves."""
    waiting: dict[int, HistoryEvent] = {}
    gone: set[int] = set()
    found = []
    for index, event in enumerate(events):
        assert event.index == index
        assert not index or event.time_ns >= events[index - 1].time_ns
        assert event.process not in gone
        if event.type == "invoke":
            assert event.process not in waiting
            waiting[event.process] = event
            continue
        invoked = waiting.pop(event.process)
        assert (event.function, event.key, event.workload) == (invoked.function, invoked.key, invoked.workload)
        assert event.node
        if event.type == "info":
            gone.add(event.process)
        if event.type != "ok" or event.function != "read":
            assert event.value == invoked.value
        assert bool(event.error) == (event.type != "ok")
        found.append((invoked, event))
    assert not waiting
    return found


@given(
    kind=st.sampled_from(list(KINDS)),
    skew=st.sampled_from(SKEWS),
    clients=st.integers(1, 6),
    rate=st.sampled_from([0, 50 * PER_S, 1000 * PER_S]),
    keys=st.integers(1, 20),
    reads=st.integers(0, 100),
    drain_ms=st.sampled_from([0, 7, 40, 5000]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_history_is_well_formed(
    make_bench: Any, kind: str, skew: str, clients: int, rate: int, keys: int, reads: int, drain_ms: int, seed: int
) -> None:
    bench = make_bench(seed)
    bench.unhelpful(FATES)
    workload = bench.started(kind, skew=skew, clients=clients, rate=rate, keys=keys, reads_percent=reads)
    bench.run_for(SECOND_NS)
    bench.stop(workload, drain_ms * MILLISECOND_NS)
    found = operations(bench.recorder.events)
    assert bench.recorder.counts == {"invoke": len(found)} | {
        type_: sum(ended.type == type_ for _, ended in found) for type_ in ("ok", "fail", "info")
    }
    confirmed = Counter(ended.function for _, ended in found if ended.type == "ok")
    assert workload.confirmed == confirmed
    assert sorted(bench.database.opened) == sorted(bench.database.closed)
    written = [invoked.value for invoked, _ in found if invoked.function in ("write", "append", "add")]
    if kind != "counter":
        assert len(set(written)) == len(written)


def test_register_compares_with_what_its_client_has_read(bench: Any) -> None:
    workload = bench.started(clients=5, keys=3)
    bench.run_for(2 * SECOND_NS)
    bench.stop(workload)
    seen: dict[int, tuple[str | None, int | None]] = {}
    outcomes: Counter[str] = Counter()
    for invoked, ended in operations(bench.recorder.events):
        if ended.function == "read":
            seen[ended.process] = (ended.key, ended.value)
        elif ended.function == "cas":
            assert seen.pop(ended.process) == (invoked.key, invoked.value[0])
            outcomes[ended.type] += 1
            assert ended.error == ("" if ended.type == "ok" else "not equal")
    assert outcomes["ok"] > 20
    assert outcomes["fail"] > 20
    assert workload.confirmed["cas"] == outcomes["ok"]
    assert len(workload.latencies["cas"]) == outcomes.total()


def test_register_replays_to_what_its_reads_have_seen(bench: Any) -> None:
    """One client, no overlap: each read returns the last value that was written."""
    workload = bench.started(clients=1, keys=4)
    bench.run_for(2 * SECOND_NS)
    bench.stop(workload)
    content: dict[str | None, int | None] = {}
    for invoked, ended in operations(bench.recorder.events):
        if ended.function == "read":
            assert ended.value == content.get(ended.key)
        elif ended.type == "ok":
            content[ended.key] = invoked.value if ended.function == "write" else invoked.value[1]


@pytest.mark.parametrize(("kind", "word"), [("set", "add"), ("append", "append")])
def test_lists_hold_what_was_added_and_no_key_grows_too_long(bench: Any, kind: str, word: str) -> None:
    workload = bench.started(kind, clients=4, keys=2)
    bench.run_for(SECOND_NS)
    bench.stop(workload)
    added: dict[str | None, list[int]] = {}
    last: dict[str | None, Any] = {}
    for invoked, ended in operations(bench.recorder.events):
        if ended.function == word:
            added.setdefault(ended.key, []).append(invoked.value)
        else:
            last[ended.key] = ended.value
    assert len(added) > 10
    assert {key: sorted(values) for key, values in last.items() if values} == {
        key: sorted(values) for key, values in added.items()
    }
    assert {len(values) for values in added.values()} <= set(range(ELEMENTS_MAX + 1))
    assert [ELEMENTS_MAX] * (len(added) - 2) == [len(values) for values in added.values()][: len(added) - 2]


def test_counter_reads_the_sum_of_what_was_added(bench: Any) -> None:
    workload = bench.started("counter", clients=3, keys=2)
    bench.run_for(SECOND_NS)
    bench.stop(workload)
    found = operations(bench.recorder.events)
    assert {invoked.value for invoked, _ in found if invoked.function == "add"} == {1, 2, 3, 4}
    for key in ("k0", "k1"):
        last = [ended.value for _, ended in found if ended.key == key and ended.function == "read"][-1]
        assert last == sum(ended.value for _, ended in found if ended.key == key and ended.function == "add")
    assert all(ended.value is not None for _, ended in found)


@pytest.mark.parametrize("reads", [0, 20, 100])
def test_reads_have_their_share(bench: Any, reads: int) -> None:
    bench.started(clients=4, reads_percent=reads)
    bench.run_for(2 * SECOND_NS)
    invoked = bench.of_type("invoke")
    assert sum(event.function == "read" for event in invoked) / len(invoked) == pytest.approx(reads / 100, abs=0.015)


def test_text_that_is_no_number_is_kept_for_the_checker() -> None:
    assert [number_or_text(text) for text in (None, "12", "-3", "1x", "")] == [None, 12, -3, "1x", ""]
    assert [elements(text) for text in (None, "", "3 1 2", "3 x 2")] == [[], [], [3, 1, 2], [3, "x", 2]]


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from conftest import Bench
from hashlib import blake2b
import msgspec
digest = blake2b(digest_size=16)
for kind in ("register", "set", "counter", "append"):
    for rate in (0, 400_000):
        bench = Bench({seed})
        bench.unhelpful({fates!r})
        workload = bench.started(kind, rate=rate, skew="zipf", keys=10)
        bench.run_for(500_000_000)
        bench.stop(workload)
        digest.update(msgspec.json.encode(bench.recorder.events))
print(digest.hexdigest())
"""


def digest_of_a_run(seed: int, hash_seed: str) -> str:
    here = Path(__file__).parent
    script = SCRIPT.format(tests=str(here), seed=seed, fates=FATES)
    environment = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(here.parents[2])}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_seed_decides_the_history_and_nothing_else_does() -> None:
    digest = digest_of_a_run(1, "1")
    assert digest == digest_of_a_run(1, "2")
    assert digest != digest_of_a_run(2, "1")
