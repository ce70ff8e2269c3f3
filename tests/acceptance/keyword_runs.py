"""Child runs of `robot` over the suites in `data/`, and what they left: tests, messages, artifacts, digests."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from robot.api import ExecutionResult

DATA = Path(__file__).parent / "data"
ROOT = Path(__file__).resolve().parents[2]
QUIET = ("--log", "NONE", "--report", "NONE", "--consolecolors", "off")


def robot_command(output, *arguments):
    return [sys.executable, "-m", "robot", *QUIET, "--outputdir", str(output), *map(str, arguments)]


class KeywordRun:
    """One child run that has ended."""

    def __init__(self, output, *arguments, hash_seed="random"):
        self.output = Path(output)
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            robot_command(output, *arguments), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
        )
        self.returncode = done.returncode
        self.console = done.stdout + done.stderr
        assert "Error in file" not in self.console, self.console

    @property
    def tests(self):
        return read_tests(self.output)

    @property
    def digests(self):
        return {folder.name: summary["trace_digest"] for folder, summary in summaries(self.output)}


def read_tests(output):
    return {test.name: test for test in ExecutionResult(Path(output) / "output.xml").suite.all_tests}


def summaries(output):
    for path in sorted((Path(output) / "phantom").glob("*/summary.json")):
        yield path.parent, json.loads(path.read_text(encoding="utf-8"))


def lines_by_prefix(message):
    """Return the lines of a failure that have a prefix of their own: its code, Replay and Artifacts."""
    return {line.partition(": ")[0]: line.partition(": ")[2] for line in message.splitlines()}


def run_replay_line(line, output):
    """Run the command of a replay line, as a person would type it, with a result folder of its own."""
    program, *arguments = shlex.split(line)
    assert program == "robot"
    return KeywordRun(output, *arguments)
