"""Judges a run: its history, its replicas, its faults and whether it came back. Answers are values; keywords raise.

A pass must prove that something happened. So a history that is empty or too thin is invalid, and so is a run with a
fault that changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from msgspec.structs import replace

from PhantomLibrary.checking.agreement import check_agreement
from PhantomLibrary.checking.bank import NO_TERMS, BankTerms
from PhantomLibrary.checking.dispatch import CAUSAL, LEVELS, LINEARIZABLE, check_history
from PhantomLibrary.checking.verdict import Verdict, Violation, seconds
from PhantomLibrary.domain import HistoryEvent, NodeId, ShardId
from PhantomLibrary.domain.region_policy import Conflicts
from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.testbed.client_transaction import WORKLOAD as TRANSACTIONS
from PhantomLibrary.testbed.copies_judge import judge_copies
from PhantomLibrary.testbed.faults import AppliedFault
from PhantomLibrary.testbed.loads import chosen_workloads
from PhantomLibrary.testbed.operator import WORKLOAD as OPERATOR
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.transaction_history import KIND, NamedTransactions, weakest_isolation
from PhantomLibrary.testbed.transaction_judge import judge_transaction_ends
from PhantomLibrary.testbed.verbs import FAULT_VERBS
from PhantomLibrary.workloads.transactional import TRANSACTIONAL, Bank

PROMISED = "promised"
_THIN = ("HIS-001", "HIS-004")


def judge_history(run: Run, level: str, *, workload: str = "all", confirmed: int = 1) -> Verdict:
    """Judge what clients saw, each workload by the model of its kind; `confirmed` counts over all that is judged.

    With the level `promised`, each by what the database promises for it. Returns the first invalid or unknown verdict,
    or one over all, whose evidence says which keys could not be judged.
    """
    if level not in (PROMISED, *LEVELS):
        raise InvalidInput(f"no level {level!r}: there is {', '.join(LEVELS)}{nearest(level, LEVELS)}")
    named = NamedTransactions(run)
    kinds = _kinds(run, workload, named)
    events: dict[str, list[HistoryEvent]] = {name: [] for name in kinds}
    for event in run.recorder.events:
        if event.workload in events and not (event.workload == OPERATOR and _is_shared(run, named, event.key or "")):
            events[event.workload].append(event)
    if TRANSACTIONS in events:
        events[TRANSACTIONS] = named.events
    operations = found = cost = 0
    thin: Verdict | None = None
    judged = False
    for name, kind in kinds.items():
        asked = promised_level(run, name) if level == PROMISED else level
        verdict = check_history(
            events[name], kind, level=asked, confirmed=0, terms=_terms(run, name), conflicts=_conflicts(run)
        )
        if verdict.code in _THIN and name in (OPERATOR, TRANSACTIONS):
            thin = verdict  # A keyword that only wrote adds nothing to be judged beside others that read.
        elif verdict.outcome != "valid":
            return verdict
        else:
            judged = True
        operations, found, cost = operations + verdict.operations, found + verdict.confirmed, cost + verdict.cost
    left_out = named.reasons if TRANSACTIONS in kinds else ()
    if thin is not None and not judged:
        return replace(thin, evidence=left_out)
    if not operations:
        return Verdict("invalid", "HIS-001", "no operation was recorded")
    if found < confirmed:
        message = f"{found} of {operations} operations were confirmed, fewer than the {confirmed} asked for"
        return Verdict("invalid", "HIS-002", message, (), operations, found, cost)
    return Verdict("valid", evidence=left_out, operations=operations, confirmed=found, cost=cost)


def _kinds(run: Run, workload: str, named: NamedTransactions) -> dict[str, str]:
    """Return whose history is judged, and by which kind: what keywords do are registers, in transactions or alone."""
    own = {}
    if any(event.workload == OPERATOR and not _is_shared(run, named, event.key or "") for event in run.recorder.events):
        own[OPERATOR] = "register"
    if any(event.workload == TRANSACTIONS for event in run.recorder.events):
        own[TRANSACTIONS] = KIND
    if workload in own:
        return {workload: own[workload]}
    kinds = {each.name: each.spec.kind for each in chosen_workloads(run, workload)}
    return {**kinds, **own} if workload == "all" else kinds


def _is_shared(run: Run, named: NamedTransactions, key: str) -> bool:
    """Whether more than reads and writes were done to a key: these alone do not make it a register."""
    return named.changes(key) or key in run.saga_keys() or key in run.operator.changed


def promised_level(run: Run, name: str) -> str:
    """Return the level that a workload may ask for. Real time on each key is kept as long as clocks are near to each
    other, so it is asked for where nobody has touched them.
    """
    if name == TRANSACTIONS:
        level = weakest_isolation(run)
    elif name in run.workloads and run.workloads[name].spec.kind in TRANSACTIONAL:
        level = run.workloads[name].spec.isolation
    else:
        return LINEARIZABLE if run.layout.regions is None else CAUSAL
    is_timely = level == "serializable" and not any(each.command.verb == "skew clock" for each in run.faults.all)
    return f"per-key {level}" if is_timely else level


def _conflicts(run: Run) -> Conflicts:
    policy = run.layout.regions
    return "last writer wins" if policy is None else policy.conflicts


def _terms(run: Run, name: str) -> BankTerms:
    """Return what is known of a bank: what it began with, and that two may overdraw an account where each sees its own
    moment.
    """
    workload = run.workloads.get(name)
    if workload is None or not isinstance(workload.kind, Bank):
        return NO_TERMS
    initial = workload.kind.initial
    may_be_negative = workload.spec.isolation == "read committed"
    return BankTerms(sum(initial.values()), initial, may_be_negative=may_be_negative)


def judge_invariants(run: Run) -> Violation | None:
    """Return the first rule of consensus that was broken, or None."""
    violations = run.watch.violations
    return violations[0] if violations else None


def judge_faults(run: Run) -> Violation | None:
    """Return a fault that changed nothing that happened, or None: a test with such a fault proves nothing."""
    late = [each for each in run.pending_commands() if each.verb in FAULT_VERBS]
    if late:
        message = f"a fault never came: {late[0].verb} {late[0].target} was planned for {seconds(late[0].at_ns)}"
        return Violation("FLT-001", f"{message}, and it is {seconds(run.now_ns)} only", run.now_ns)
    for armed in run.armed.never_struck():
        message = f"an armed fault never struck: {armed.describe()}, armed since {seconds(armed.since_ns)}"
        return Violation("FLT-001", f"{message}; let the run go on until that happens, or cause it", armed.since_ns)
    idle = [each for each in run.faults.without_bite() if not _deposed_somebody(run, each)]
    if not idle:
        return None
    first = idle[0]
    message = (
        f"a fault never bit: {first.fault.describe()}, in force since {seconds(first.since_ns)}, "
        "changed nothing; let the run go on for longer under it, or give it load"
    )
    return Violation("FLT-001", message, first.since_ns)


def _deposed_somebody(run: Run, applied: AppliedFault) -> bool:
    """Whether the node that a fault struck led some shard, and another term began there since."""
    changes = run.watch.leader_changes
    for shard in run.shard_ids:
        before = [each for each in changes if each.shard == shard and each.time_ns <= applied.since_ns]
        after = [each for each in changes if each.shard == shard and each.time_ns > applied.since_ns]
        if before and after and before[-1].node == getattr(applied.fault, "node", None):
            return True
    return False


def judge_agreement(run: Run) -> Verdict:
    """Compare what all live replicas of each shard hold at this moment, what shards know of transactions, and what
    every shard has a copy of.
    """
    agreement = check_agreement(run.digests())
    if agreement.outcome != "valid":
        return agreement
    others = (judge_transaction_ends(run), judge_copies(run))
    return next((each for each in others if each.outcome != "valid"), agreement)


def replicas_agree(run: Run) -> Callable[[], bool]:
    """Return a condition for `run.advance`: all replicas have applied the same entries. Cheap enough for each
    instant.
    """
    states = run.watch.states

    def condition() -> bool:
        applied: dict[ShardId, int] = {}
        for (shard, node), state in states.items():
            if node not in run.configuration(shard).members:
                continue  # It was removed, and has not heard of it.
            if applied.setdefault(shard, state.applied_index) != state.applied_index:
                return False
            if state.last_index != state.applied_index:
                return False
        return True

    return condition


class Recovery:
    """Tells whether every shard serves again. Make one when the waiting begins; it remembers what must be committed.

    A shard serves when a quorum of it lives and follows one leader in one term, and that leader has committed all
    that its log held when this looked at it first: then what was in doubt is decided, and new commands go through.
    With a core, only its nodes have to follow; who leads them may stand outside, as long as it can.
    """

    def __init__(self, run: Run, core: Collection[NodeId] | None = None) -> None:
        self._run = run
        self._core = core
        self._goals: dict[ShardId, tuple[NodeId, int, int]] = {}  # shard to (leader, term, index to commit)

    def __call__(self) -> bool:
        return not self.gap()

    def gap(self) -> str:
        """Return why some shard does not serve at this moment, "" when all of them do."""
        live = [node for node in self._run.live_nodes() if self._core is None or node in self._core]
        return next(filter(None, (self._shard_gap(shard, live) for shard in self._run.shard_ids)), "")

    def _shard_gap(self, shard: ShardId, live: Sequence[NodeId]) -> str:
        run = self._run
        voters = run.voters(shard)
        down = [node for node in voters if node not in live]
        if 2 * len(down) >= len(voters):
            why = "are down" if self._core is None else "are down or not in the core"
            return f"shard {shard} has no quorum: {', '.join(down)} of {', '.join(voters)} {why}"
        leader = run.leader(shard)
        if not leader:
            return f"shard {shard} has no leader among {', '.join(node for node in voters if node in live)}"
        state = run.watch.states[shard, leader]
        goal = self._goals.get(shard)
        if goal is None or goal[:2] != (leader, state.term):
            goal = self._goals[shard] = (leader, state.term, state.last_index)
        if state.commit_index < goal[2]:
            return (
                f"shard {shard}: {leader} leads in term {state.term}, but its log is committed up to entry "
                f"{state.commit_index} of {goal[2]} only: too few of {', '.join(voters)} answer it"
            )
        return next(filter(None, (self._replica_gap(shard, node, state.term) for node in voters if node in live)), "")

    def _replica_gap(self, shard: ShardId, node: NodeId, term: int) -> str:
        state = self._run.watch.states.get((shard, node))
        if state is None:
            return f"shard {shard}: {node} has not started its replica"
        if state.term != term:
            return f"shard {shard}: {node} is in term {state.term}, the leader in term {term}"
        return ""
