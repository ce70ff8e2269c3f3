"""Runs suites through the quality gate, in as many processes as the machine has cores (four at most).

    PROCESSES=2 python -m PhantomLibrary.keywords.gated_run --outputdir results [options of robot] suites

What comes out is what `robot` leaves: output.xml, log.html, report.html, metrics.jsonl and the artifacts in phantom/,
all in the output directory; the exit code is that of the gate. With one process, one file, or an option that makes
sense in one process only, this is `robot` with the listener of the gate.

Not pabot: it starts a process of Robot for each file, a third more work here; shows no test before its file has ended;
leaves each file's artifacts in a folder of its own; and drops from the report what an interrupt prevented.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

GATE = "PhantomLibrary.keywords.gate_listener.GateListener"
SHARE = "PhantomLibrary.keywords.share_listener.ShareListener"
PROCESSES_MAX = 4
FAILED_TESTS_MAX = 250  # What Robot's exit code says above that is that it could not do its work.
UNEXPECTED = 255

_SHARES = ".shares"  # In the output directory, while the run lasts.

# Options that mean the same to every process. With any other, one process does all.
_SHAREABLE = {
    *("-i", "--include", "-e", "--exclude", "-t", "--test", "--task", "-s", "--suite", "-n", "--name", "-D", "--doc"),
    *("-M", "--metadata", "-G", "--settag", "-v", "--variable", "-V", "--variablefile", "-L", "--loglevel"),
    *("-P", "--pythonpath", "--randomize", "--skip", "--skiponfailure"),
}


def main(arguments: Sequence[str]) -> int:
    """Run; return the exit code."""
    if len(arguments) < 3 or arguments[0] != "--outputdir":
        sys.exit("Give --outputdir and where to write first, then options of robot, and suites last.")
    output, options = Path(arguments[1]), list(arguments[2:])
    processes = processes_for(options)
    if processes > 1:
        return run_shared(output, options, processes)
    [code] = wait_for([_start("--outputdir", str(output), "--listener", GATE, *options)])
    return code


def processes_for(options: Sequence[str]) -> int:
    """Return how many processes are to share the tests. Raises SystemExit when ${PROCESSES} is no such number."""
    asked = os.environ.get("PROCESSES", "")
    if asked and not (asked.isascii() and asked.isdigit() and int(asked)):
        sys.exit(f"PROCESSES={asked}: a number of processes is 1, 2, 3 …")
    if not may_be_shared(options):
        return 1
    return int(asked) if asked else min(_cores(), PROCESSES_MAX)


def may_be_shared(options: Sequence[str]) -> bool:
    """Whether several processes with these options do together what one would do: each option has a value."""
    position = 0
    while position < len(options) and options[position].startswith("-"):
        name, equals, _ = options[position].partition("=")
        if name not in _SHAREABLE:
            return False
        position += 1 if equals else 2
    return not any(source.endswith(".robot") for source in options[position:])


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_shared(output: Path, options: Sequence[str], processes: int) -> int:
    """Let several processes share the tests; write what they leave together; return the exit code."""
    shares = output / _SHARES
    shutil.rmtree(shares, ignore_errors=True)
    shares.mkdir(parents=True)
    started = time.strftime("%Y%m%d %H:%M:%S")
    parts = [shares / f"{number}.xml" for number in range(1, processes + 1)]
    common = ["--outputdir", str(output), "--log", "NONE", "--report", "NONE", "--console", "quiet"]
    common += ["--listener", f"{SHARE}:{shares}", "--variable", f"SHARED_RUN:{started}", *options]
    commands = [["--output", f"{_SHARES}/{part.name}", *common] for part in parts]
    running = [_start(*commands[0])]
    try:
        # An option or a file that Robot refuses is refused once: the others start when the first has begun.
        while running[0].poll() is None and not (shares / "started").exists():
            time.sleep(0.01)
        has_died = (shares / "started").exists() and running[0].poll() is not None and not is_whole(parts[0])
        if running[0].poll() is None or has_died:  # What it has not done is left to the others.
            running += [_start(*command) for command in commands[1:]]
    except KeyboardInterrupt:
        pass  # The terminal has sent it to the processes, too: they end in their own way.
    codes = wait_for(running)
    whole = [part for part in parts[: len(codes)] if is_whole(part)]
    code = write_together(output, whole) if whole else UNEXPECTED
    shutil.rmtree(shares, ignore_errors=True)
    if refused := [each for each in codes if each > FAILED_TESTS_MAX]:
        return refused[0]
    if len(whole) < len(codes):
        _say(f"{len(codes) - len(whole)} of {len(codes)} processes died, and the results of their tests with them.")
        return UNEXPECTED
    return code


def is_whole(part: Path) -> bool:
    """Whether a process has written its result to the end."""
    from xml.etree import ElementTree

    try:
        ElementTree.parse(part)
    except (OSError, ElementTree.ParseError):
        return False
    return True


def write_together(output: Path, parts: Sequence[Path]) -> int:
    """Write output.xml, log and report of all parts, judged by the gate; return the number of failed tests."""
    from robot.api import ResultWriter

    from PhantomLibrary.keywords.gate_modifier import GateModifier
    from PhantomLibrary.keywords.share_results import combine
    from PhantomLibrary.reporting.gate import GATE_NAME

    result = combine(parts)
    result.suite.visit(GateModifier())
    code: int = ResultWriter(result).write_results(
        outputdir=str(output), output="output.xml", log="log.html", report="report.html"
    )
    _say(f"{result.statistics.total.message}\n{result.suite.metadata[GATE_NAME]}")
    return code


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _start(*arguments: str) -> subprocess.Popen[bytes]:
    sys.stdout.flush()
    return subprocess.Popen([sys.executable, "-m", "robot", *arguments])


def wait_for(processes: Sequence[subprocess.Popen[bytes]]) -> list[int]:
    """Wait until all have ended, and return their exit codes. On Ctrl-C each ends in its own way."""
    while any(process.poll() is None for process in processes):
        try:
            for process in processes:
                process.wait()
        except KeyboardInterrupt:
            continue
        except SystemExit:
            for process in processes:
                process.terminate()
    return [process.returncode for process in processes]


if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main(sys.argv[1:]))
