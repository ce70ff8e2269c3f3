"""Runs sqllogictest scripts against a cluster.

    python -m PhantomLibrary.sql.logictest FILE … [--shards 3] [--nodes 3] [--seed 1] [--engine phantomdb]

Each script has a cluster of its own. A line says of each record that failed where it stands, what it asked and what
was wrong, and for each script how many passed; `--verbose` says it of all records. Exit code 1 when any failed, 2 when
a script cannot be read.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PhantomLibrary.domain import SECOND_NS, Answer, Ok, Sql, Transact
from PhantomLibrary.errors import InvalidInput, PhantomError
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.sql.extra import require_extra
from PhantomLibrary.sql.logictest.playing import Answered, Player, RecordVerdict
from PhantomLibrary.sql.logictest.records import read_records
from PhantomLibrary.testbed.queries import read_results
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import RunSpec

_START_NS = 60 * SECOND_NS
_PATIENCE_NS = 120 * SECOND_NS
_SHOWN_CHARACTERS = 160


class ClusterClient:
    """One client that waits for each of its statements. `queries` have a result; other statements have none."""

    def __init__(self, spec: RunSpec) -> None:
        self.run = Run(spec)
        run = self.run
        run.advance(run.now_ns + _START_NS, lambda: all(run.leader(shard) for shard in run.shard_ids))
        self._session = run.sessions.open(run.recorder.new_process())

    def execute(self, text: str) -> Answered:
        """Perform a statement as a transaction of its own."""
        run = self.run
        statement = Transact("serializable", (Sql(text),))
        task: Task[Answer] = Task(run.scheduler, self._session.call(statement), "logictest")
        run.advance(run.now_ns + _PATIENCE_NS, lambda: task.is_done)
        if not task.is_done:
            return Answered(refusal="no answer came")
        answer = task.result
        if not isinstance(answer, Ok):
            return Answered(refusal=answer.reason)
        [result] = read_results(answer.value or "[]")
        return Answered(result.rows, len(result.columns))


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    total: Counter[str] = Counter()
    try:
        require_extra()
        for path in options.files:
            total += play_file(path, options)
    except PhantomError as error:
        print(error, file=sys.stderr)
        return 2
    if len(options.files) > 1:
        print(f"all: {_counts(total)}")
    return 1 if total["failed"] else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    first, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser("python -m PhantomLibrary.sql.logictest", description=first, epilog=rest)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--shards", type=int, default=3, help="how many shards the rows are spread over (3)")
    parser.add_argument("--nodes", type=int, default=3, help="how many nodes the cluster has (3)")
    parser.add_argument("--seed", type=int, default=1, help="decides the simulation (1)")
    parser.add_argument("--engine", default="phantomdb", help="the name that skipif and onlyif go by (phantomdb)")
    parser.add_argument(
        "--threshold", type=int, default=0, help="results of more values are compared by hash (0: none)"
    )
    parser.add_argument("--failures", type=int, default=20, help="how many failures of a script are shown (20)")
    parser.add_argument("--verbose", action="store_true", help="say what came of each record")
    return parser.parse_args(arguments)


def play_file(path: Path, options: argparse.Namespace) -> Counter[str]:
    """Play one script on a new cluster; return how many records came out how."""
    try:
        script = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from None
    records = list(read_records(script, str(path)))
    since_s = time.monotonic()
    client = ClusterClient(RunSpec(options.seed, nodes=options.nodes, shards=options.shards))
    player = Player(client.execute, engine=options.engine, threshold=options.threshold)
    counts: Counter[str] = Counter()
    for verdict in player.play(records):
        counts[verdict.outcome] += 1
        if options.verbose or (verdict.outcome == "failed" and counts["failed"] <= options.failures):
            print(_line(path, verdict), flush=True)
    print(f"{path}: {_counts(counts)}, {time.monotonic() - since_s:.1f} s", flush=True)
    return counts


def _line(path: Path, verdict: RecordVerdict) -> str:
    text = " ".join(verdict.text.split())
    text = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
    reason = f": {' '.join(verdict.reason.split())}" if verdict.reason else ""
    return f"{path}:{verdict.line}: {verdict.outcome}{reason} [{text}]"


def _counts(counts: Counter[str]) -> str:
    return f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"


if __name__ == "__main__":
    sys.exit(main())
