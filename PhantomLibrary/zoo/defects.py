"""The catalogue of planted defects: what each one is, where it was seen, and which failures give it away."""

from __future__ import annotations

from collections.abc import Sequence

from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.zoo import (
    disk_defects,
    health_defects,
    load_defects,
    membership_defects,
    raft_defects,
    saga_defects,
    storage_defects,
)
from PhantomLibrary.zoo.concurrency_catalogue import CONCURRENCY_DEFECTS
from PhantomLibrary.zoo.defect import Defect, laid_over
from PhantomLibrary.zoo.execution_catalogue import EXECUTION_DEFECTS
from PhantomLibrary.zoo.fail_over_catalogue import FAIL_OVER_DEFECTS
from PhantomLibrary.zoo.leader_catalogue import LEADER_DEFECTS
from PhantomLibrary.zoo.move_catalogue import MOVE_DEFECTS
from PhantomLibrary.zoo.query_catalogue import QUERY_DEFECTS
from PhantomLibrary.zoo.region_catalogue import REGION_DEFECTS
from PhantomLibrary.zoo.reshape_catalogue import RESHAPE_DEFECTS
from PhantomLibrary.zoo.resource_catalogue import RESOURCE_DEFECTS
from PhantomLibrary.zoo.scaling_catalogue import SCALING_DEFECTS
from PhantomLibrary.zoo.sql_catalogue import SQL_DEFECTS
from PhantomLibrary.zoo.transaction_catalogue import TRANSACTION_DEFECTS

_SAGA = ("SGA-002", "SGA-003", "SGA-004", "SGA-008", "SGA-010")
_LOST = ("LIN-001", "INV-003", "INV-004")
_OTHERS = (
    SQL_DEFECTS
    | CONCURRENCY_DEFECTS
    | TRANSACTION_DEFECTS
    | RESOURCE_DEFECTS
    | FAIL_OVER_DEFECTS
    | LEADER_DEFECTS
    | MOVE_DEFECTS
    | RESHAPE_DEFECTS
    | SCALING_DEFECTS
    | EXECUTION_DEFECTS
    | QUERY_DEFECTS
    | REGION_DEFECTS
)

DEFECTS: dict[str, Defect] = {
    defect.name: defect
    for defect in (
        Defect(
            "vote-not-persisted",
            "Term and vote are not written down, so a node that restarts votes a second time in the same term.",
            "Raft paper, Figure 2; hashicorp/raft issue 661 (2025)",
            ("INV-001", *_LOST),
            laid_over("group", raft_defects.ForgetsItsVote),
        ),
        Defect(
            "ack-before-fsync",
            "Entries are acknowledged before the disk has made them durable.",
            "Jepsen NATS 2.12.1 (2025); etcd issue 14143",
            _LOST,
            laid_over("performer", storage_defects.WaitsForNoDisk),
        ),
        Defect(
            "no-client-dedup",
            "A command that is retried is done again.",
            "MIT 6.5840 kvraft; MongoDB SERVER-48307 (Jepsen MongoDB 4.2.6)",
            ("LIN-001", "CNT-001", "CNT-002", "APP-001", "APP-002", "SET-004"),
            laid_over("sessions", storage_defects.RemembersNothing),
        ),
        Defect(
            "read-without-quorum",
            "A leader answers reads from its own state without asking whether it still leads.",
            "Jepsen etcd 0.4.1 (2014)",
            ("LIN-001",),
            laid_over("group", raft_defects.ReadsAlone),
        ),
        Defect(
            "commit-without-majority",
            "A leader commits what it has written itself, whoever else has it.",
            "Jepsen MongoDB 3.4.0-rc3 (2017): acknowledged writes rolled back",
            _LOST,
            laid_over("group", raft_defects.CommitsAlone),
        ),
        Defect(
            "commit-prior-term-by-count",
            "A leader commits entries of earlier terms by counting replicas.",
            "LogCabin issue 44 (2013); Raft paper, Figure 8",
            ("INV-003", "INV-004", "LIN-001"),
            laid_over("group", raft_defects.CommitsEarlierTerms),
        ),
        Defect(
            "append-truncates-blindly",
            "A follower cuts its log where an append begins, although the entries there agree.",
            "Howard et al., CCF, arXiv 2406.17455",
            _LOST,
            laid_over("group", raft_defects.TruncatesBlindly),
        ),
        Defect(
            "snapshot-loses-newest",
            "A replica that takes over a snapshot misses the newest version of a key.",
            "Jepsen Redis-Raft (2020): wrong state after fail-over and restart",
            ("RPL-001",),
            laid_over("machine", storage_defects.RestoresTooLittle),
        ),
        Defect(
            "snapshot-keeps-stale-tail",
            "A replica that takes over a snapshot keeps the entries after it, although its log contradicts it.",
            "ScyllaDB issue 9551 (2021)",
            ("INV-002", *_LOST),
            laid_over("group", raft_defects.KeepsAnyTail),
        ),
        Defect(
            "session-table-not-in-snapshot",
            "What makes a retry happen once is missing in snapshots.",
            "MIT 6.5840 kvraft with snapshots; MongoDB SERVER-48307 (Jepsen MongoDB 4.2.6)",
            ("RPL-001", "LIN-001", "CNT-001", "CNT-002", "APP-001", "APP-002", "SET-004"),
            laid_over("machine", storage_defects.SavesNoSessions),
        ),
        Defect(
            "no-prevote",
            "A node that comes back raises its term at once and deposes the leader.",
            "Ongaro, dissertation (2014), 4.2.3 and 9.6",
            ("LDR-002",),
            laid_over("group", raft_defects.AsksNobodyFirst),
        ),
        Defect(
            "readindex-before-noop",
            "A new leader answers reads before an entry of its own term is committed.",
            "Ongaro, dissertation (2014), 6.4",
            ("LIN-001", "APP-001"),
            laid_over("group", raft_defects.ReadsBeforeItsFirstEntry),
        ),
        Defect(
            "lease-ignores-drift",
            "A leader takes its lease for as long as followers wait, as if all clocks ran alike.",
            "Jepsen TiDB 2.1.7 (2019); Jepsen YugabyteDB 1.1.9 (2019)",
            ("LIN-001", "APP-001"),
            laid_over("group", raft_defects.TrustsAllClocks),
        ),
        Defect(
            "lease-regress-on-transfer",
            "A leader goes on with its lease after it has asked another to lead.",
            "CockroachDB issue 131639 and advisory TA-131639 (2024)",
            ("LIN-001", "APP-001"),
            laid_over("group", raft_defects.KeepsItsLease),
        ),
        Defect(
            "deaf-leader-leads-on",
            "A leader whose messages arrive while it hears nobody never steps down, so nobody else can be elected.",
            "Cloudflare outage of 2020-11-02: one-way link, endless elections in etcd",
            ("REC-001", "LDR-001"),
            laid_over("group", raft_defects.LeadsWithoutQuorum),
        ),
        Defect(
            "fsync-retry-trusts-success",
            "After a sync that failed the log syncs again, and takes the success of that for the durability of all.",
            "PostgreSQL fsyncgate (2018); Rebello et al., ATC 2020",
            ("REC-001", "DSK-001", *_LOST, "APP-001", "APP-003"),
            laid_over("wal", disk_defects.TriesSyncsAgain),
        ),
        Defect(
            "midlog-corruption-as-torn-tail",
            "A bad record in the middle of the log is taken for its torn end, and all after it is cut off.",
            "Alagappan et al., Protocol-Aware Recovery, FAST 2018",
            ("DSK-001", *_LOST, "APP-001", "APP-003"),
            laid_over("wal", disk_defects.CutsTheLogAtDamage),
        ),
        Defect(
            "torn-record-replayed",
            "A record is replayed if it can be decoded, whatever its checksum says.",
            "Pillai et al., ALICE, OSDI 2014; Jepsen NATS 2.12.1 (2025)",
            ("DSK-001", "INV-002", "RPL-001", *_LOST, "APP-001", "APP-003"),
            laid_over("wal", disk_defects.ChecksNoChecksum),
        ),
        Defect(
            "misdirected-write-undetected",
            "An intact record is taken for the one that belongs in its place.",
            "Bairavasundaram et al., FAST 2008; the fault model of TigerBeetle",
            ("DSK-001", "INV-002", "RPL-001", *_LOST, "APP-001", "APP-003"),
            laid_over("wal", disk_defects.ChecksNoAddress),
        ),
        Defect(
            "hole-at-the-end-as-torn-tail",
            "A log that ends in a hole is whole up to there, though its last record stands in another file.",
            "Bairavasundaram et al., FAST 2008; Alagappan et al., Protocol-Aware Recovery, FAST 2018",
            (*_LOST, "APP-001", "APP-003"),
            laid_over("wal", disk_defects.TakesAnyHoleForATail),
        ),
        Defect(
            "corrupt-replica-wins-election",
            "A replica whose log was damaged votes, and stands for election.",
            "Jepsen NATS 2.12.1 (2025)",
            ("EXP-001", *_LOST, "APP-001", "APP-003"),
            laid_over("group", disk_defects.VotesThoughDamaged),
        ),
        Defect(
            "truncate-to-commit-on-restart",
            "A replica that restarts cuts its log where it knows it to be committed.",
            "Kafka KIP-101",
            (*_LOST, "APP-001", "APP-003"),
            laid_over("group", disk_defects.CutsItsLogAtTheCommitIndex),
        ),
        Defect(
            "applied-index-split-write",
            "The applied index is saved apart from the state, so that after a restart a command is left out.",
            "etcd issue 13766 (2022)",
            ("RPL-001", *_LOST, "APP-001", "APP-003"),
            laid_over("machine", disk_defects.SavesItsIndexFirst),
        ),
        Defect(
            "log-compacted-before-snapshot-durable",
            "The log is shortened before the snapshot that covers it is written.",
            "Pillai et al., ALICE, OSDI 2014: updates in an order that no crash may see",
            ("DSK-002", "REC-001", "RPL-001", *_LOST, "APP-001", "APP-003"),
            laid_over("wal", disk_defects.CompactsBeforeItSaves),
        ),
        Defect(
            "stalled-leader-keeps-lease",
            "A leader whose disk hangs leads on, though nothing that it takes can become durable there.",
            "etcd issues 13527 and 15247",
            ("EXP-001", "LDR-001"),
            laid_over("group", disk_defects.LeadsWithAHangingDisk),
        ),
        Defect(
            "leave-joint-early",
            "The last configuration is appended behind a joint one that is not committed: old voters have no say.",
            "camunda issue 60086, pull request 61854 (2026); Raft paper, section 6",
            ("INV-001", *_LOST),
            laid_over("group", membership_defects.LeavesJointEarly),
        ),
        Defect(
            "voters-switch-at-once",
            "Voters change without a joint configuration, so old and new ones may decide apart.",
            "Raft paper, Figure 10; Jepsen RethinkDB 2.2.3 (2016); in place of raft-dev (2015), which joint consensus "
            "does not have",
            ("INV-001", *_LOST),
            laid_over("group", membership_defects.SwitchesAtOnce),
        ),
        Defect(
            "learner-counts-in-quorum",
            "A leader counts the acknowledgements of replicas that have no vote.",
            "Jepsen YugabyteDB 1.1.9 (2019)",
            _LOST,
            laid_over("group", membership_defects.CountsLearners),
        ),
        Defect(
            "no-refutation",
            "A node that hears that it is suspected says nothing, so nobody takes it back.",
            "Das, Gupta, Motivala, SWIM (2002), 4.2",
            ("HLT-002", "HLT-003"),
            laid_over("detector", health_defects.RefutesNothing),
        ),
        Defect(
            "refutation-keeps-incarnation",
            "A node refutes an accusation in the incarnation that was accused, so nobody believes it.",
            "Das, Gupta, Motivala, SWIM (2002), 4.2",
            ("HLT-002", "HLT-003"),
            laid_over("detector", health_defects.KeepsItsIncarnation),
        ),
        Defect(
            "suspicion-without-helpers",
            "A node that cannot reach another asks nobody else before it accuses it.",
            "Das, Gupta, Motivala, SWIM (2002), 3.1",
            ("HLT-003",),
            laid_over("detector", health_defects.AsksNoHelper),
        ),
        Defect(
            "suspects-for-ever",
            "A suspicion never ends, so a node that crashed is never held for down.",
            "Das, Gupta, Motivala, SWIM (2002), 4.2",
            ("HLT-001",),
            laid_over("detector", health_defects.SuspectsForEver),
        ),
        Defect(
            "blames-peers-for-own-slowness",
            "A node behind slow links gives its probes no more time, and accuses the others again and again.",
            "Dadgar, Phillips, Currey, Lifeguard (2018), II",
            ("HLT-003",),
            laid_over("detector", health_defects.NeverDoubtsItself),
        ),
        Defect(
            "old-rumour-revives-the-dead",
            "A rumour counts whatever incarnation it is of, so an old one brings back a node that is down.",
            "Das, Gupta, Motivala, SWIM (2002), 4.2",
            ("HLT-001", "HLT-002", "HLT-003"),
            laid_over("detector", health_defects.BelievesOldRumours),
        ),
        Defect(
            "dead-are-never-probed",
            "A node that is down is never probed again, so two sides that gave each other up stay apart.",
            "HashiCorp memberlist, which reclaims and reconnects for that reason",
            ("HLT-002",),
            laid_over("detector", health_defects.NeverProbesTheDead),
        ),
        Defect(
            "down-by-hearsay",
            "A rumour that a node is down is believed at once, so who returns from a corner brings the others down.",
            "HashiCorp memberlist, which turns it into a suspicion when states are merged",
            ("HLT-003",),
            laid_over("detector", health_defects.BelievesHearsay),
        ),
        Defect(
            "late-action-after-compensation",
            "An action of a saga that comes after its compensation is done all the same.",
            "Seata issue 2711; tcc-transaction issue 299",
            _SAGA,
            laid_over("fences", saga_defects.LetsLateActionsIn),
        ),
        Defect(
            "compensation-of-nothing",
            "A step is compensated that had no effect.",
            "seata-go issue 685 (2024)",
            _SAGA,
            laid_over("fences", saga_defects.UndoesWhatWasNeverDone),
        ),
        Defect(
            "double-compensation",
            "A compensation that is asked for again is done again.",
            "Seata issue 2711",
            _SAGA,
            laid_over("fences", saga_defects.UndoesAgain),
        ),
        Defect(
            "failed-step-not-compensated",
            "The step that failed is taken for one that had no effect.",
            "Seata issues 6374 and 4777",
            _SAGA,
            laid_over("orchestrator", saga_defects.SparesTheStepThatFailed),
        ),
        Defect(
            "compensation-out-of-order",
            "Steps are compensated in the order in which they were done.",
            "cadence-java-client pull request 340, review",
            ("SGA-009",),
            laid_over("orchestrator", saga_defects.UndoesTheFirstFirst),
        ),
        Defect(
            "saga-progress-in-memory",
            "The orchestrator writes down how a saga ends, and not what it does before.",
            "Garcia-Molina and Salem, Sagas (1987), 4: the saga log",
            _SAGA,
            laid_over("orchestrator", saga_defects.WritesDownTheEndOnly),
        ),
        Defect(
            "compensation-error-swallowed",
            "A step whose compensation has failed too often is taken for compensated.",
            "cadence-java-client pull request 340, review",
            ("SGA-012", *_SAGA),
            laid_over("orchestrator", saga_defects.SwallowsErrors),
        ),
        Defect(
            "coordinated-omission",
            "Latency counts from when a client was free, so whoever had to wait for a slow answer did not wait.",
            'Tene, "How NOT to Measure Latency" (2015); wrk2',
            ("EXP-001",),
            laid_over("clients", load_defects.ForgetsTheWait),
        ),
        Defect(
            "ramp-never-ramps",
            "A load that was to grow evenly jumps at the end of its time.",
            "general: a stage whose rate is set at its end",
            ("EXP-001",),
            laid_over("shapes", load_defects.NeverRamps),
        ),
        Defect(
            "hot-keys-are-uniform",
            "Keys that were to be hot are chosen like all others.",
            "general: a skew that is accepted and ignored",
            ("EXP-001",),
            laid_over("skews", load_defects.HeatsNothing),
        ),
    )
} | _OTHERS


def plant(names: Sequence[str], parts: Parts | None = None) -> Parts:
    """Return parts with these defects. Raises InvalidInput for a name that is none."""
    parts = parts or Parts()
    for name in names:
        if name not in DEFECTS:
            raise InvalidInput(f"no defect {name!r}: there are {', '.join(DEFECTS)}{nearest(name, DEFECTS)}")
        parts = DEFECTS[name].plant(parts)
    return parts
