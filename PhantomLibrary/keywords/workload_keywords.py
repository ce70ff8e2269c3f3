"""Keywords that load a cluster with clients, and that read and write single keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from robotlibcore import keyword

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.keywords.choices import DONE, NO_OPERATOR, Operator, Outcome, WorkloadKind
from PhantomLibrary.keywords.comparison import fail_expectation, holds
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.node_names import ANY, NodeRef
from PhantomLibrary.keywords.quantities import AS_KIND, Count, Mix, Percent, Rate, to_percent, to_rate
from PhantomLibrary.keywords.times import NOW, VirtualTime, to_virtual_time

if TYPE_CHECKING:
    from PhantomLibrary.domain import Answer
    from PhantomLibrary.kernel.tasks import Task
    from PhantomLibrary.keywords.cluster import Cluster

_CLIENTS = Count(4)
_KEYS = Count(100)
_HALF = to_percent("50")
_CLOSED_LOOP = to_rate("0")
_MINUTE = to_virtual_time("60s")
_DRAIN = to_virtual_time("10s")
_SECOND_NS = 1_000_000_000
_PATIENCE_NS = 60 * _SECOND_NS  # More than any client waits for an answer.
_RETRY_NS = _SECOND_NS // 20
_RESERVED = ("all", "operator")


class WorkloadKeywords(Component):
    """Keywords of load."""

    @keyword(tags=("workload",))
    def start_workload(
        self,
        kind: WorkloadKind,
        *,
        clients: Count = _CLIENTS,
        rate: Rate = _CLOSED_LOOP,
        keys: Count = _KEYS,
        skew: Literal["uniform", "zipf", "hot"] = "uniform",
        reads: Percent = _HALF,
        isolation: Literal["read committed", "snapshot", "serializable"] = "serializable",
        name: str = "kind",
        shape: Literal["constant", "ramp", "sine", "spike", "day"] = "constant",
        period: VirtualTime = _MINUTE,
        replay: str = "",
        mix: Mix = AS_KIND,
        balancing: Literal["round robin", "least connections", "random"] = "round robin",
    ) -> str:
        """Starts clients that read and write for as long as time goes on. Returns the workload's name.

        With a ``rate``, operations arrive at that rate, whether the cluster keeps up or not, and wait for a free
        client. Without one, each client asks again as soon as it was answered. The keys are ``k0``, ``k1`` and so
        on; further workloads of a cluster get keys of their own, such as ``k0.counter``. ``skew`` says how
        unequally keys are chosen, ``reads`` how many operations of a hundred are reads, and ``isolation`` at which
        level transactions are run, where the kind has any.

        The rate is there from the beginning, or is reached from nothing by a ``shape``, as in `Set Load`; ``replay``
        is the CSV file of a recorded load instead, as in `Replay Load`. ``mix`` lets a ``list-append`` workload have
        single reads and writes beside its transactions, and is another way to write ``reads`` for workloads of
        single keys. Clients are cheap: one that has nothing to do costs nothing, so there may be thousands.

        ``balancing`` sends each client to a gateway: in turn, to the one with the fewest, or to any; with ``least
        connections`` clients go over to a node that joins, until all have as many.

        Fails when a workload of that name runs already.

        Example:
        | `Start Workload` | register | clients=8 | rate=400/s |
        | `Start Workload` | list-append | rate=200/s | mix=50% reads, 30% writes, 20% transactions |
        """
        cluster = self._cluster
        chosen = begin_workload(
            cluster,
            kind,
            name,
            keys,
            clients=clients.number,
            rate=rate.operations(),
            skew=skew,
            reads_percent=reads.whole,
            isolation=isolation,
            shape=shape,
            period_ns=period.or_none(NOW) or 0,
            curve=_recorded(replay) if replay else None,
            mix=list(mix.shares) or None,
            balancing=None if balancing == "round robin" else balancing,
        )
        load = f"{rate} by {shape}" if rate.operations() else "as fast as answers come"
        load = f"as recorded in {replay}" if replay else load
        cluster.tell(f"started workload {chosen}: {clients} clients, {load}, {keys} keys")
        return chosen

    @keyword(tags=("workload",))
    def set_load(
        self,
        rate: Rate,
        *,
        shape: Literal["step", "ramp", "sine", "spike", "day"] = "step",
        period: VirtualTime = _MINUTE,
        workload: str = "all",
    ) -> None:
        """Changes the rate of running workloads: at once, evenly over a period, as a wave, or for one period only.

        A ``step`` holds from now on. A ``ramp`` leads evenly to the new rate within ``period``. A ``sine`` swings to
        the new rate and back, once a period, for ever. A ``day`` is a period long, with the present rate at four in the
        morning and the new one at eight in the evening, for ever. A ``spike`` ends after its period.

        Numbers of operations are exact: a second at 400/s brings 400, and a ramp what lies below it.

        Fails when no workload of that name runs.

        Example:
        | `Set Load` | 500/s | shape=ramp | period=20s |
        """
        cluster = self._cluster
        period_ns = period.or_none(NOW) or 0
        cluster.perform("set load", rate=rate.operations(), shape=shape, period_ns=period_ns, workload=_named(workload))
        cluster.tell(f"set the load of {workload} to {rate} by {shape}")

    @keyword(tags=("workload",))
    def replay_load(self, path: str, *, workload: str = "all") -> None:
        """Lets the rate of running workloads follow a recorded load from now on.

        ``path`` is a CSV file: a header ``time,rate``, then rows of seconds and operations a second. Each rate holds
        until the time of the next row, and the last one stays; 0 lets nothing arrive.

        Fails when no workload of that name runs, and names the line that is wrong in the file.

        Example:
        | `Replay Load` | ${CURDIR}/monday.csv |
        """
        cluster = self._cluster
        curve = _recorded(path)
        cluster.perform("replay load", curve=curve, workload=_named(workload))
        cluster.tell(f"the load of {workload} follows {path}: {len(curve)} rates")

    @keyword(tags=("workload",))
    def stop_workload(self, workload: str = "all", *, drain: VirtualTime = _DRAIN) -> None:
        """Stops workloads: nothing more is asked, and virtual time goes on until all clients have their answers.

        At most ``drain``, after which what is still under way counts as unknown. Sets, counters and lists are read once
        more at the end, so that what they hold can be judged.

        Fails when no workload of that name runs.

        Example:
        | `Stop Workload` |
        """
        cluster = self._cluster
        drain_ns = drain.or_none(NOW) or 0
        futures = cluster.perform("stop workload", drain_ns=drain_ns, workload=_named(workload))
        cluster.advance(drain_ns, lambda: all(each.is_set for each in futures))
        cluster.tell(f"stopped workload {', '.join(cluster.run.workloads) if workload == 'all' else workload}")

    @keyword(tags=("workload", "getter"))
    def get_value(
        self,
        key: str,
        operator: Operator = NO_OPERATOR,
        expected: str = "",
        *,
        gateway: NodeRef = ANY,
        within: VirtualTime = NOW,
    ) -> str:
        """Reads one key, as any client would, and returns its value; with an operator, checks it first.

        A key that was never written reads as empty. ``within`` reads again until it is as expected. Virtual time
        goes on until the cluster has answered. ``gateway`` is the node that is asked, such as ``region us``, by a
        client of its own, who knows nothing of what others have read and written.

        Fails when the cluster does not answer, or the value is not as expected.

        Example:
        | `Get Value` | alice | == | on call |
        """
        cluster = self._cluster
        within_ns = within.or_none(NOW) or 0
        end_ns = cluster.run.now_ns + within_ns
        while True:
            answer = wait_for(cluster, cluster.perform("get value", target_of(gateway), key=key))
            value, problem = _read(answer)
            as_expected = not problem and holds(value, operator.word, expected)
            if as_expected or cluster.run.now_ns >= end_ns:
                break
            cluster.advance(min(_RETRY_NS, end_ns - cluster.run.now_ns))
        if problem:
            cluster.fail("OPR-001", f"key {key} could not be read by {cluster.now}: {problem}")
        if not as_expected:
            fail_expectation(cluster, f"value of key {key}", value, operator.word, expected, within_ns)
        return value

    @keyword(tags=("workload",))
    def put_value(self, key: str, value: str, *, gateway: NodeRef = ANY, outcome: Outcome = DONE) -> None:
        """Writes one key, as any client would, and waits until it knows what came of it; ``gateway`` as in `Get Value`.

        Fails when it ends otherwise than ``outcome`` says, and when the key belongs to a workload, whose clients alone
        may write it.

        Example:
        | `Put Value` | alice | on call |
        """
        cluster = self._cluster
        check_free(cluster, key)
        if outcome.word == "blocked":
            raise InvalidInput("outcome=blocked cannot be: a single write waits until it is done or refused")
        cluster.operator_keys.add(key)
        answer = wait_for(cluster, cluster.perform("put value", target_of(gateway), key=key, value=value))
        check_outcome(cluster, f"writing key {key}", answer, outcome, f"wrote {value} to key {key}")


def begin_workload(cluster: Cluster, kind: WorkloadKind, name: str, keys: Count, **arguments: Any) -> str:
    """Start a workload with keys of its own; return its name."""
    chosen = _name(kind, name)
    pattern = _key_pattern(cluster, chosen, kind, keys)
    cluster.perform("start workload", kind=kind.word, name=chosen, keys=keys.number, key_pattern=pattern, **arguments)
    return chosen


def _recorded(path: str) -> list[tuple[int, int]]:
    from PhantomLibrary.testbed.load_file import read_load

    return read_load(path)


def _name(kind: WorkloadKind, name: str) -> str:
    """Return the name of a workload that is to start. Raises InvalidInput for one that it cannot have."""
    chosen = kind.word if name == "kind" else name
    if chosen in _RESERVED or not chosen.strip() or not {"{", "}"}.isdisjoint(chosen):
        raise InvalidInput(f"name={chosen} is not possible: choose a word without braces, not {', '.join(_RESERVED)}")
    return chosen


def _named(workload: str) -> str | None:
    return None if workload == "all" else workload


def target_of(gateway: NodeRef) -> str:
    """Return the nodes that were named, "" for any."""
    return "" if gateway == ANY else gateway.text


def check_outcome(cluster: Cluster, what: str, answer: Answer, outcome: Outcome, told: str) -> None:
    """Fail unless an operation ended as expected; tell it."""
    word, reason = _outcome(answer)
    if outcome.word not in ("any", word):
        because = f": {reason}" if reason else ""
        cluster.fail("OPR-001", f"{what} ended {word} at {cluster.now}, expected {outcome}{because}")
    cluster.tell(f"{told}{'' if word == DONE.word else f': {word}, {reason}'}")


def wait_for(cluster: Cluster, task: Task[Answer]) -> Answer:
    cluster.advance(_PATIENCE_NS, lambda: task.is_done)
    return task.result


def _read(answer: Answer) -> tuple[str, str]:
    """Return the value that was read, or why there is none."""
    from PhantomLibrary.domain import Ok

    return (answer.value or "", "") if isinstance(answer, Ok) else ("", answer.reason)


def _outcome(answer: Answer) -> tuple[str, str]:
    from PhantomLibrary.domain import Ok, Refused

    if isinstance(answer, Ok):
        return "done", ""
    return ("aborted" if isinstance(answer, Refused) else "unknown"), answer.reason


# --- whose key is it ------------------------------------------------------------------------------------------------


def check_free(cluster: Cluster, key: str) -> None:
    """Raise InvalidInput for a key that the clients of a workload alone may write."""
    for name, workload in cluster.run.workloads.items():
        if workload.spec.owns(key):
            shape = workload.spec.key_pattern.replace("{}", "0")
            raise InvalidInput(f"{key} belongs to workload {name}: choose a key of another form than {shape}")


def _key_pattern(cluster: Cluster, name: str, kind: WorkloadKind, keys: Count) -> str:
    """Return the form of a workload's keys: `k{}` for the first, the others with their names behind."""
    from PhantomLibrary.workloads.keys import is_key_of

    workloads = cluster.run.workloads
    if name in workloads:
        return workloads[name].spec.key_pattern
    patterns = [f"k{{}}-{name}"] if workloads else ["k{}", f"k{{}}-{name}"]
    for pattern in patterns:
        if not any(is_key_of(key, pattern, keys.number, kind.word) for key in cluster.operator_keys):
            return pattern
    raise InvalidInput(f"workload {name} would write keys that Put Value has written: give it another name=")
