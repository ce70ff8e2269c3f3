"""The command line: `python -m PhantomLibrary replay SCHEDULE` does a recorded run again, without Robot Framework."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import PhantomError, RunEnded
from PhantomLibrary.testbed.judge import PROMISED, judge_history, judge_invariants
from PhantomLibrary.testbed.replay import replay
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Schedule, read_schedule
from PhantomLibrary.zoo.defects import plant


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return 0 when all is as it should be, 1 when not, 2 when the request makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m PhantomLibrary", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    replaying = commands.add_parser("replay", help="do a recorded run again and compare its digest")
    replaying.add_argument("schedule", type=Path, help="a schedule.yaml from a test's artifacts")
    replaying.add_argument("--trace", type=Path, help="write the trace here, one JSON record a line")
    options = parser.parse_args(arguments)
    try:
        return _replay(options.schedule, options.trace)
    except RunEnded as error:
        print(f"the replay did not come to its end: {error}", file=sys.stderr)
        return 1
    except PhantomError as error:
        print(error, file=sys.stderr)
        return 2


def _replay(path: Path, trace: Path | None) -> int:
    try:
        schedule = read_schedule(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        print(f"{path} cannot be read: {error}", file=sys.stderr)
        return 2
    parts = plant(schedule.run.defects)
    if trace is None:
        return _report(schedule, replay(schedule, parts=parts))
    try:
        file = trace.open("wb")
    except OSError as error:
        print(f"{trace} cannot be written: {error}", file=sys.stderr)
        return 2
    with file:
        run = replay(schedule, parts=parts, trace_sink=lambda records: file.write(b"\n".join(records) + b"\n"))
        return _report(schedule, run)


def _report(schedule: Schedule, run: Run) -> int:
    digest = run.finish().digest
    counts = run.recorder.counts
    print(
        f"replayed {len(schedule.commands)} commands over {run.now_ns / SECOND_NS:.3f} s of virtual time with seed "
        f"{schedule.run.seed}: {counts['ok']} ok, {counts['fail']} failed, {counts['info']} unknown"
    )
    violation = judge_invariants(run)
    if violation is not None:
        print(violation.headline, *violation.evidence, sep="\n  ")
    elif counts["invoke"]:
        verdict = judge_history(run, "linearizable" if run.layout.regions is None else PROMISED, confirmed=0)
        print(verdict.headline, *verdict.evidence, sep="\n  ")
    return _compare(schedule.digest, digest)


def _compare(recorded: str, digest: str) -> int:
    if not recorded:
        print(f"digest {digest} (the schedule names none to compare with)")
        return 0
    if recorded != digest:
        print(f"another run: digest {digest}, recorded was {recorded}")
        return 1
    print(f"the same run: digest {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
