"""The codes of failures that are not a checker's: of keywords, of idle faults, of the quality gate.

Those of checkers stand in `checking/codes.py`; `CATALOGUE` here holds both.
"""

from __future__ import annotations

from PhantomLibrary.checking.code_entry import CodeEntry
from PhantomLibrary.checking.codes import CATALOGUE as CHECKERS

_ENTRIES = (
    CodeEntry(
        "FLT-001",
        "fault that never bit",
        "A fault of the test changed nothing that happened: no message was lost or delayed, no node stopped, "
        "no byte was lost. The test would have passed without it, so it proved nothing about it.",
    ),
    CodeEntry(
        "QRY-003",
        "answers that do not fit together",
        "The answers of several queries contradict each other, whatever the rows are: the rows of which a condition is"
        " true, false and unknown are not all rows (TLP), or another number of rows meets a condition than that of the"
        " rows for which it is true (NoREC).",
    ),
    CodeEntry(
        "QRY-005",
        "query refused that has an answer",
        "SQL refused a query, and no fault was the reason, though a single node answers it.",
    ),
    CodeEntry(
        "QRY-006",
        "too few queries answered",
        "Fewer random queries were answered than the test asks for: the cluster did not serve, or not for long enough.",
    ),
    CodeEntry(
        "ORD-001",
        "no other order",
        "A case was to be done in other orders of events, or with other seeds, and all its runs were one and the same: "
        "nothing in it happens at the same time, or it decides by itself what it was not told.",
    ),
    CodeEntry(
        "RGN-001",
        "regions that have not heard of all",
        "Regions have not applied the same writes in the time that the test gave, though nothing should keep them from "
        "it: or a region cannot be reached, or clients go on writing.",
    ),
    CodeEntry(
        "RGN-002",
        "regions that show different values",
        "Regions have applied the same writes, and yet clients read different values of a key in them: what became of "
        "writes that met depends on the order in which a region heard of them.",
    ),
    CodeEntry("RPY-001", "another run", "The replay of a schedule did not give the trace that was recorded with it."),
    CodeEntry("EXP-001", "not what was expected", "A getter did not find what the test expected, in the time it had."),
    CodeEntry(
        "EVT-001", "event did not happen", "What the test waited for did not happen as often as it asked, in time."
    ),
    CodeEntry(
        "LDR-001",
        "no leader in time",
        "No replica of the shard became a leader that could reach a majority within the time that the test gave.",
    ),
    CodeEntry(
        "LDR-002",
        "leader changed without cause",
        "A shard elected somebody although the test gave no reason to. A node that comes back must not depose a "
        "leader: it asks first whether anybody would vote for it (pre-vote).",
    ),
    CodeEntry(
        "LDR-003",
        "leadership was not handed over",
        "A leader was asked to hand over, and led on: its successor did not take over within one election timeout.",
    ),
    CodeEntry(
        "MEM-001",
        "membership did not change",
        "A node was to join or leave, and did not in time: shard 0 did not decide, or what follows got stuck.",
    ),
    CodeEntry(
        "MEM-003",
        "shard not at full strength",
        "A shard lacked a replica on an active node that runs, or was still being changed, when the time was over.",
    ),
    CodeEntry(
        "MOV-001",
        "replica did not move",
        "A replica was to move to another node, and did not in time: shard 0 did not take the plan up, the target could"
        " not catch up, or what followed got stuck.",
    ),
    CodeEntry(
        "MOV-002",
        "moves were not taken back",
        "Moves were cancelled, and something of them was still under way when the time was over.",
    ),
    CodeEntry(
        "PLC-001",
        "key in a wrong shard",
        "A replica held a key that belongs to another shard by the cluster's strategy of placement, or no replica held"
        " any key, so that nothing could be said.",
    ),
    CodeEntry(
        "PLC-002",
        "shard on wrong nodes",
        "A shard was on other nodes than its strategy of placement wants, or more of its replicas than necessary were"
        " in one zone or region.",
    ),
    CodeEntry(
        "MOV-003",
        "old plan was taken up",
        "A plan of moves was made from a version of the directory, members or shards changed since, and it was taken up"
        " all the same: it may undo what came after it.",
    ),
    CodeEntry(
        "CAP-001",
        "capacity not measured",
        "The capacity of the cluster was to be measured, but nothing was confirmed, or the lowest rate was too much"
        " already, or no limit was found.",
    ),
    CodeEntry(
        "SCL-001",
        "autoscaler goes to and fro",
        "The autoscaler changed its direction more often than it may within its cool-down: what it decided on was noise"
        " or its own doing.",
    ),
    CodeEntry(
        "SCL-002",
        "scaled beyond bounds",
        "A plan wanted more nodes than allowed or fewer than each shard has replicas, did not follow from the plan"
        " before it, more machines were ordered than a plan wants, or more nodes left than were too many.",
    ),
    CodeEntry(
        "RPL-004",
        "copies differ",
        "Two shards hold different copies of the catalog, or of a table that is replicated everywhere.",
    ),
    CodeEntry(
        "SCL-003",
        "cluster did not scale",
        "There were not as many nodes as there were to be when the time was over, or shard 0 did not take up what was"
        " asked of it.",
    ),
    CodeEntry(
        "AVL-001",
        "nobody was served for too long",
        "No operation of any workload was confirmed for longer than the test allows.",
    ),
    CodeEntry(
        "OWN-003",
        "nothing shows who owns a key",
        "No operation was acknowledged, so the test proved nothing about the owners of keys. Give the cluster load.",
    ),
    CodeEntry(
        "RSH-001",
        "shard was not split or merged",
        "A split or a merge was asked for, and did not come to its end in time, or was refused: shard 0 did not take it"
        " up, the shard had no key to be split at, or the merge was taken back.",
    ),
    CodeEntry(
        "REC-001",
        "cluster did not recover",
        "A core of the cluster, with a quorum of every shard and nothing broken in it, did not serve within the time"
        " that the test gave: a shard had no leader, a replica did not follow, or a range took no write or read.",
    ),
    CodeEntry(
        "DSK-001",
        "data on a disk is not whole",
        "A file of a node is not as it was written, or a replica that lost some of its records was not repaired from "
        "the others, within the time that the test gave; or damage was not even noticed.",
    ),
    CodeEntry(
        "DSK-002",
        "damage after a crash",
        "A node that had only crashed found its disk damaged. A crash takes what was not durable yet, and nothing "
        "else: something was written in an order that no crash may see.",
    ),
    CodeEntry(
        "SGA-012",
        "saga not in the state expected",
        "A saga did not begin, or was not in the state that the test expects, within the time that it gave.",
    ),
    CodeEntry(
        "OPR-001",
        "operation ended otherwise",
        "A read, a write or a commit of a keyword did not end as the test expected: done, blocked, aborted or unknown.",
    ),
    CodeEntry(
        "TST-001",
        "transaction in another state",
        "A transaction was not active, blocked, prepared, committed or aborted as the test expected, in the time it"
        " had.",
    ),
    CodeEntry(
        "THR-001",
        "exception in a thread",
        "Something broke in a real thread that used the library while others did. Each thread is named, with what it "
        "did; the schedule tells in which order commands were accepted, and replays that.",
    ),
    CodeEntry(
        "THR-002",
        "threads not done in time",
        "Real threads were not done by their deadline (wall time). The lines below tell what each was doing, who had "
        "the cluster's lock and who waited for it.",
    ),
    CodeEntry(
        "THR-003",
        "threads did nothing",
        "All that real threads asked for was refused, so the test proved nothing about them.",
    ),
    CodeEntry(
        "PRC-001",
        "test process leaks",
        "The process that runs the tests holds more memory, threads, open files or child processes than when the test "
        "began, although its cluster was stopped.",
    ),
    CodeEntry(
        "PRC-002",
        "memory grows",
        "A keyword that was run again and again left memory behind each time, by a line through all measurements.",
    ),
    CodeEntry(
        "ILV-001",
        "interleaving went otherwise",
        "A step of an interleaving read something else than the test expects at its isolation level, or was done, "
        "blocked or aborted where it should not be.",
    ),
)

_GATE_ENTRIES = (
    CodeEntry("GATE-000", "gate not evaluated", "The run ended before the quality gate could decide. It fails closed."),
    CodeEntry("GATE-001", "priority-1 tests failed", "Every executed test of priority 1, or without one, has to pass."),
    CodeEntry("GATE-002", "no priority-1 test ran", "Tests of priority 1 were selected, and none was executed."),
    CodeEntry("GATE-003", "too many others failed", "Of priorities 2 and 3, together, at least 80 % have to pass."),
    CodeEntry("GATE-004", "nothing ran", "No test was executed at all."),
    CodeEntry("GATE-005", "failure excused", "This test failed, but enough others of priorities 2 and 3 passed."),
    CodeEntry("GATE-006", "run cut short", "The run was stopped, so part of it is not known."),
)

CATALOGUE = {entry.code: entry for entry in (*CHECKERS.values(), *_ENTRIES, *_GATE_ENTRIES)}
