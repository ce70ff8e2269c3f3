"""The catalogue of codes: what each one means, for people who meet it in a failed test.

Rule: every code that a checker can answer stands here, and nothing else does; a test compares both.
"""

from __future__ import annotations

from PhantomLibrary.checking.code_entry import CodeEntry
from PhantomLibrary.checking.query_codes import QUERY_ENTRIES
from PhantomLibrary.checking.region_codes import REGION_ENTRIES
from PhantomLibrary.checking.transaction_codes import TRANSACTION_ENTRIES

_ENTRIES = (
    CodeEntry("HIS-001", "empty history", "No operation was recorded, so the test proved nothing about the data."),
    CodeEntry(
        "HIS-002",
        "fewer confirmed operations than asked for",
        "The history is too thin to prove what the test claims: fewer operations were confirmed than `confirmed=` asks."
        " Run longer, raise the rate, or look for the reason why the cluster did not serve.",
    ),
    CodeEntry(
        "HIS-003",
        "malformed history",
        "The history breaks the rules of its form (an answer without a question, two operations of one process at once,"
        " a process that goes on after `info`, time that runs backwards). It cannot be judged.",
    ),
    CodeEntry(
        "HIS-004",
        "nothing was read back",
        "No confirmed operation of the history reports what the database holds, so any history like it would pass.",
    ),
    CodeEntry(
        "LIN-001",
        "stale read",
        "A read returned an old value although a newer one had been confirmed, or already read, before the read began.",
    ),
    CodeEntry(
        "LIN-002",
        "lost write",
        "A write was confirmed, and a later read does not show it, nor does any read ever.",
    ),
    CodeEntry(
        "LIN-003",
        "value that nobody wrote",
        "A read returned a value that no operation had tried to write by then.",
    ),
    CodeEntry(
        "LIN-004",
        "value of a failed operation",
        "A read returned a value that was only written by an operation whose client had been told that it certainly"
        " did not happen.",
    ),
    CodeEntry(
        "LIN-005",
        "effect applied twice",
        "A read shows the effect of one operation more than once, as when a retry is executed again.",
    ),
    CodeEntry(
        "LIN-006",
        "impossible compare-and-set",
        "A compare-and-set was answered in a way that no value the key can have held at that time explains.",
    ),
    CodeEntry(
        "LIN-009",
        "no order explains the results",
        "No order of the operations that respects real time gives the results that clients saw.",
    ),
    CodeEntry(
        "LIN-010",
        "undecided within the budget",
        "The search for an order of the operations was stopped at its bound. Use more keys, fewer clients or a shorter"
        " run, or raise the budget.",
    ),
    CodeEntry(
        "OWN-001",
        "two owners of a key",
        "A shard at an epoch acknowledged an operation on a key, although another shard or epoch had done so since it"
        " last did: a donor that serves after the cut-over, or a leader that does not know of its successor.",
    ),
    CodeEntry(
        "OWN-002",
        "a key in no shard, or in two",
        "The ranges of the directory do not hold every key exactly once.",
    ),
    CodeEntry(
        "SET-001", "lost element", "An element whose add was confirmed before a read began is missing in that read."
    ),
    CodeEntry("SET-002", "element that nobody added", "A read shows an element that nobody had tried to add by then."),
    CodeEntry(
        "SET-003", "element of a failed add", "A read shows an element whose add had been reported as certainly failed."
    ),
    CodeEntry("SET-004", "element twice", "A read shows one element more than once, although it was added once."),
    CodeEntry("SET-005", "element vanished", "A read showed an element, and a later read does not show it any more."),
    CodeEntry(
        "CNT-001",
        "counter too low",
        "A read returned less than the increments confirmed before it began add up to: a confirmed one was lost.",
    ),
    CodeEntry(
        "CNT-002",
        "counter too high",
        "A read returned more than all increments tried until it ended add up to: one was applied twice, or one that"
        " had failed was applied.",
    ),
    CodeEntry(
        "CNT-003",
        "counter ran backwards",
        "Only positive amounts were added, and yet a read returned less than an earlier read.",
    ),
    CodeEntry("CNT-004", "not a number", "A read of a counter returned something that is no whole number."),
    CodeEntry(
        "APP-001",
        "lost append",
        "An append was confirmed, or its element already read, before a read began that does not show it.",
    ),
    CodeEntry("APP-002", "append applied twice", "A read shows an element twice that was appended once."),
    CodeEntry("APP-003", "element that nobody appended", "A read shows an element that nobody had tried to append."),
    CodeEntry(
        "APP-004",
        "element of a failed append",
        "A read shows an element whose append had been reported as certainly failed.",
    ),
    CodeEntry("APP-005", "reads disagree about the order", "Two reads show the same list with different orders."),
    CodeEntry(
        "APP-006",
        "appends out of order",
        "An append began after another had been confirmed, and yet its element stands before the other's.",
    ),
    *TRANSACTION_ENTRIES,
    *QUERY_ENTRIES,
    *REGION_ENTRIES,
    CodeEntry(
        "HLT-001",
        "failure not detected",
        "A node had crashed, stood still or could not be reached for longer than `within=`, and a node that runs and"
        " reaches at least half of the others did not hold it for down from then on.",
    ),
    CodeEntry(
        "HLT-002",
        "recovery not noticed",
        "A node ran and could be reached, directly or through another one, for longer than `within=`, and a node that"
        " reaches it held it for suspect or down all the while, by an accusation of its own or by hearsay.",
    ),
    CodeEntry(
        "HLT-003",
        "false suspicion",
        "A node suspected another, or held it for down, which ran and could be reached both ways all through its probe."
        " Slow and lossy links give reason for some of these: allow as many with `false_suspicions=`.",
    ),
    CodeEntry(
        "HLT-004",
        "nobody's health was put to a test",
        "Nothing failed and no fault was in force in this run, so right views of the nodes' health prove nothing.",
    ),
    CodeEntry(
        "MEM-002",
        "nodes disagree about the cluster",
        "Two live members hold the cluster to be different, or it is not as they hold it: members, shards, epochs,"
        " routes or the replicas that nodes hold.",
    ),
    CodeEntry(
        "INV-001",
        "two leaders in one term",
        "Election safety: a term has at most one leader. A node that led a term, crashed and leads it again counts"
        " as a second one, since it has forgotten its vote.",
    ),
    CodeEntry(
        "INV-002",
        "logs do not match",
        "Log matching: entries with the same index and term are the same and have the same entries before them.",
    ),
    CodeEntry(
        "INV-003",
        "leader misses a committed entry",
        "Leader completeness: every entry committed in a term is in the log of the leaders of all later terms.",
    ),
    CodeEntry(
        "INV-004",
        "committed entries differ",
        "State-machine safety: no two replicas commit different entries at one index, and none changes afterwards.",
    ),
    CodeEntry(
        "INV-005", "commit index ran backwards", "The commit index of a replica never falls between two restarts."
    ),
    CodeEntry(
        "INV-006",
        "indexes out of order",
        "A replica applies only what is committed, and commits only what is in its log: applied <= commit <= last.",
    ),
    CodeEntry("INV-007", "term ran backwards", "The term of a replica never falls between two restarts."),
    CodeEntry(
        "INV-008",
        "transaction ended in two ways",
        "Atomicity: a transaction commits in all shards that it touches, or in none, and no shard changes its mind.",
    ),
    CodeEntry(
        "INV-009",
        "transaction has two commit times",
        "A transaction has one commit timestamp, the same in all shards, however often it is prepared or decided.",
    ),
    CodeEntry(
        "INV-010",
        "transaction prepared after its end",
        "A shard in which a transaction had ended promised once more to commit it: nobody will end it again there, so"
        " its locks are orphans.",
    ),
    CodeEntry(
        "RPL-001",
        "replicas differ",
        "Replicas that applied the same entries hold different data: something outside the log decided the result.",
    ),
    CodeEntry("RPL-002", "replicas at different entries", "Replicas of a shard did not reach the same applied entry."),
    CodeEntry(
        "BAL-001",
        "not balanced",
        "The coefficient of variation over nodes, the standard deviation over the mean, is above what the test allows:"
        " some nodes have much more to do, or to hold, than others.",
    ),
    CodeEntry(
        "BAL-002",
        "nothing to balance",
        "There is nothing that could be spread over nodes, or one node alone, so the comparison proves nothing.",
    ),
    CodeEntry("RPL-003", "no replica to compare", "No live replica was found, so the comparison proved nothing."),
)

CATALOGUE = {entry.code: entry for entry in _ENTRIES}
assert len(CATALOGUE) == len(_ENTRIES), "a code stands twice in the catalogue"
