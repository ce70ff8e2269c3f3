"""What must never happen, told from what replicas hold and what was elected and committed before.

Rule: this judges logs and roles. It knows nothing of messages, votes and quorums.

Source: Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (2014), Figure 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PhantomLibrary.domain import LogEntry
from PhantomLibrary.exploration.replicas import Replicas, Step


class _Past(NamedTuple):
    """What cannot be undone: terms that had a leader, and committed entries, each with the term that committed it."""

    led_terms: frozenset[int]
    committed: tuple[tuple[LogEntry, int], ...]


class Safety:
    """Numbers pasts, and remembers its own verdicts, which depend on little."""

    def __init__(self, replicas: Replicas) -> None:
        self._replicas = replicas
        self._pasts: list[_Past] = []
        self._numbers: dict[_Past, int] = {}
        self._changes: dict[tuple[int, Step], tuple[int, str]] = {}
        self._complete: dict[tuple[int, int], str] = {}
        self._matching: dict[tuple[int, int], str] = {}
        self.nothing_yet = self._number(_Past(frozenset(), ()))

    def _number(self, past: _Past) -> int:
        number = self._numbers.setdefault(past, len(self._pasts))
        if number == len(self._pasts):
            self._pasts.append(past)
        return number

    def judge(self, state: Sequence[int], node: int, step: Step) -> tuple[int, str]:
        """Return the past after the step, and the violation that it is ("" for none)."""
        nodes = len(self._replicas.names)
        before = past = state[nodes]
        if step.elected or step.commits or step.fault:
            past, violation = self._change(before, step)
            if violation:
                return past, violation
        replicas, after = self._replicas, step.after
        for other in range(nodes):
            replica = after if other == node else state[other]
            if replicas.is_leader[replica] and (other == node or past != before):
                violation = self._leader_completeness(replica, past)
                if violation:
                    return past, violation
        log = replicas.log_numbers[after]
        if log != replicas.log_numbers[state[node]]:
            for other in range(nodes):
                violation = self._log_matching(log, replicas.log_numbers[state[other]]) if other != node else ""
                if violation:
                    return past, violation
        return past, ""

    def _change(self, number: int, step: Step) -> tuple[int, str]:
        """Election Safety and State Machine Safety."""
        key = (number, step)
        known = self._changes.get(key)
        if known is None:
            known = self._changes[key] = self._changed(self._pasts[number], step)
        return known

    def _changed(self, past: _Past, step: Step) -> tuple[int, str]:
        if step.fault:
            return 0, step.fault
        group = self._replicas.all[step.after].group
        node = group.config.node
        if step.elected in past.led_terms:
            return 0, f"ElectionSafety: {node} is elected in term {step.elected}, which had a leader before"
        led_terms = past.led_terms | {step.elected} if step.elected else past.led_terms
        committed = past.committed
        for entry in step.commits:
            if entry.index <= len(committed):
                known = committed[entry.index - 1][0]
                if known != entry:
                    return 0, f"StateMachineSafety: {node} applies {_entry(entry)}, but {_entry(known)} was committed"
            else:
                committed = (*committed, (entry, group.term))
        return self._number(_Past(led_terms, committed)), ""

    def _leader_completeness(self, replica: int, past: int) -> str:
        key = (replica, past)
        verdict = self._complete.get(key)
        if verdict is None:
            verdict = self._complete[key] = self._lacks(replica, past)
        return verdict

    def _lacks(self, replica: int, past: int) -> str:
        group = self._replicas.all[replica].group
        for entry, term in self._pasts[past].committed:
            if term < group.term and group.log.term_at(entry.index) != entry.term:
                leader = f"{group.config.node} leads term {group.term}"
                return f"LeaderCompleteness: {leader} without {_entry(entry)}, committed in term {term}"
        return ""

    def _log_matching(self, one: int, other: int) -> str:
        key = (one, other)
        verdict = self._matching.get(key)
        if verdict is None:
            verdict = self._matching[key] = self._differ(one, other)
        return verdict

    def _differ(self, one: int, other: int) -> str:
        logs = self._replicas.logs[one], self._replicas.logs[other]
        equal = [index for index, (a, b) in enumerate(zip(*logs, strict=False)) if a.term == b.term]
        last = equal[-1] + 1 if equal else 0
        if logs[0][:last] == logs[1][:last]:
            return ""
        return f"LogMatching: two logs agree at {_entry(logs[0][last - 1])}, but not in all before it"


def _entry(entry: LogEntry) -> str:
    return f"entry {entry.index} of term {entry.term}"
