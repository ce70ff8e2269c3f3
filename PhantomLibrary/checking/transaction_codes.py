"""The part of the catalogue that speaks of transactions and sagas."""

from __future__ import annotations

from PhantomLibrary.checking.code_entry import CodeEntry

TRANSACTION_ENTRIES = (
    CodeEntry(
        "TXN-001",
        "dirty write (G0)",
        "Transactions wrote over each other in a circle: of two keys one holds what the first wrote last, the other"
        " what the second did. Forbidden by every level.",
    ),
    CodeEntry(
        "TXN-002",
        "aborted read (G1a)",
        "A committed transaction read, or wrote on top of, what a transaction wrote that was rolled back. Forbidden"
        " from read committed on.",
    ),
    CodeEntry(
        "TXN-003",
        "intermediate read (G1b)",
        "A transaction read what another wrote and then wrote over before it committed. Forbidden from read committed"
        " on.",
    ),
    CodeEntry(
        "TXN-004",
        "circular information flow (G1c)",
        "Transactions read each other's writes, or wrote over them, in a circle, so each comes before the other."
        " Forbidden from read committed on.",
    ),
    CodeEntry(
        "TXN-005",
        "lost update",
        "Two committed transactions read the same version of a key and both wrote the key: the one that wrote last"
        " never saw what it wrote over. Forbidden from snapshot on.",
    ),
    CodeEntry(
        "TXN-006",
        "read skew (G-single)",
        "A transaction saw one effect of another, or of what followed from it, and missed an earlier one: it did not"
        " read one snapshot. Forbidden from snapshot on.",
    ),
    CodeEntry(
        "TXN-007",
        "long fork (G-nonadjacent)",
        "Transactions that only read saw independent writes in different orders: there is no one sequence of snapshots."
        " Forbidden from snapshot on.",
    ),
    CodeEntry(
        "TXN-008",
        "write skew (G2-item)",
        "Each transaction of a circle read what the next one then wrote over, so no order of them gives what they read."
        " Forbidden by serializable; a snapshot allows it.",
    ),
    CodeEntry(
        "TXN-009",
        "own write missed",
        "A transaction read a key that it had written itself, and did not see its own write. Forbidden from read"
        " committed on.",
    ),
    CodeEntry(
        "TXN-010",
        "unrepeatable read",
        "A transaction read one key twice and saw different values, though it had not written it in between. Forbidden"
        " from snapshot on.",
    ),
    CodeEntry("TXN-011", "value that nobody wrote", "A transaction read a value that no transaction tried to write."),
    CodeEntry(
        "TXN-012", "element twice", "A transaction read a list that has one element twice, though it was appended once."
    ),
    CodeEntry(
        "TXN-013",
        "reads disagree about the order",
        "Two reads show the same list with different orders, so the list did not go through one sequence of versions.",
    ),
    CodeEntry(
        "TXN-020",
        "undecided",
        "No forbidden cycle was found, and no order of the writes that explains all reads either. Let transactions read"
        " the keys that they write, read every key at the end, or run fewer transactions.",
    ),
    CodeEntry(
        "TXN-021",
        "transactions that cannot be told apart",
        "Two transactions that both may have happened wrote the same value to the same key, so that a read does not"
        " tell whose it saw. Let every write have a value of its own.",
    ),
    CodeEntry(
        "BNK-001",
        "wrong total",
        "A read of all accounts does not add up to what there is: it saw a part of a transfer, or one was made by"
        " halves.",
    ),
    CodeEntry(
        "BNK-002",
        "negative balance",
        "A read shows less than nothing in an account, though transfers that would overdraw it are refused.",
    ),
    CodeEntry(
        "BNK-003",
        "account missing or unknown",
        "A read of all accounts does not show exactly those that there are.",
    ),
    CodeEntry("BNK-004", "balance is no number", "A read shows something in an account that is no whole number."),
    CodeEntry(
        "BNK-005",
        "transfer lost or made twice",
        "An account holds less or more than the transfers that had been confirmed, and those that were tried, can"
        " have left there.",
    ),
    CodeEntry(
        "MON-001",
        "readers disagree about what came first",
        "Reads of several counters that only grow come before each other in a circle: there is no one sequence of"
        " states that all of them saw. Forbidden from snapshot on.",
    ),
    CodeEntry(
        "MON-002",
        "counter changed within a transaction",
        "A transaction read a counter twice and saw different numbers, its own additions set aside. Forbidden from"
        " snapshot on.",
    ),
    CodeEntry("MON-003", "counter is no number", "A transaction read something in a counter that is no whole number."),
    CodeEntry(
        "MON-004",
        "addition lost or counted twice",
        "A counter is lower than what had been confirmed to be added, or higher than what was tried.",
    ),
    CodeEntry(
        "SKW-001",
        "both of a pair were confirmed",
        "Two transactions that each had to find a pair empty both committed: write skew. Forbidden by"
        " serializable; a snapshot allows it.",
    ),
    CodeEntry(
        "SKW-002",
        "both of a pair are there",
        "A read shows both elements of a pair, of which each had to find it empty: write skew. Forbidden by"
        " serializable.",
    ),
    CodeEntry(
        "SKW-003",
        "element that nobody inserted",
        "A read of a pair shows an element that nobody had tried to insert by then.",
    ),
    CodeEntry(
        "SKW-004",
        "element of a failed insert",
        "A read of a pair shows an element whose insert had been reported as certainly failed, or shows one twice.",
    ),
    CodeEntry(
        "ATM-001",
        "committed here, aborted there",
        "A transaction is committed on one shard and aborted on another: it is neither all nor nothing.",
    ),
    CodeEntry(
        "ATM-002",
        "two commit timestamps",
        "A transaction committed at different times on different shards, so a snapshot in between sees a part of it.",
    ),
    CodeEntry(
        "ATM-003",
        "client was told otherwise",
        "A transaction ended in another way than its client was told for certain.",
    ),
    CodeEntry(
        "ATM-004",
        "transaction left in doubt",
        "A shard has prepared a transaction and does not know how it ended, though nothing is under way any more.",
    ),
    CodeEntry(
        "ATM-005",
        "orphan lock",
        "A lock or an intent belongs to a transaction that has ended, or that no shard knows: nobody will release it.",
    ),
    CodeEntry("ATM-006", "lock too old", "A transaction under way has held a lock for longer than the bound."),
    CodeEntry(
        "SGA-001",
        "completed saga lacks a step",
        "A saga is COMPLETED, and one of its steps was never done, or was undone.",
    ),
    CodeEntry(
        "SGA-002",
        "compensated saga left an effect",
        "A saga is COMPENSATED, and a step of it was done and not undone.",
    ),
    CodeEntry("SGA-003", "step done twice", "An action or a compensation of a saga took effect more than once."),
    CodeEntry(
        "SGA-004",
        "compensation without an action before it",
        "A step was undone that had never been done, or was done after it had been undone.",
    ),
    CodeEntry(
        "SGA-005",
        "effect of an unknown saga",
        "Something was changed by a saga that the orchestrator does not know.",
    ),
    CodeEntry("SGA-006", "saga without an end", "A saga is still ACTIVE though nothing is under way any more."),
    CodeEntry(
        "SGA-007",
        "saga that could not be undone",
        "A compensation could not be done, so the saga ended as FAILED and left a part of its effects behind.",
    ),
    CodeEntry(
        "SGA-008",
        "stock not conserved",
        "A number that only sagas change is not what it was in the beginning plus what their effects add up to.",
    ),
    CodeEntry(
        "SGA-009",
        "steps undone out of order",
        "The steps of a saga were not undone in the reverse of the order in which they had been done.",
    ),
    CodeEntry(
        "SGA-010",
        "booking neither kept nor undone",
        "A saga had ended, and a list that was read later did not hold what it had put there; or held it although the"
        " saga was undone; or held it twice.",
    ),
    CodeEntry(
        "SGA-011",
        "bookings do not add up",
        "All trips had ended, and the number beside a list of bookings did not tell how many there are: something was"
        " taken or given back once too often.",
    ),
)
