"""Runs the suites in every way that people run them, and compares verdicts and trace digests test by test.

Whole, without executing anything, priority 1 only, in random order, each suite file alone, shared by processes as `make
suites` does it, and in those of pabot: a test's run depends on none of it. The first difference fails.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
SUITES = ROOT / "suites"
_ROBOT = ("-m", "robot")
_SHARED = ("-m", "PhantomLibrary.keywords.gated_run")
_PABOT = ("-m", "pabot.pabot", "--processes", "2")


_DIGEST = re.compile(r"\bdigest ([0-9a-f]{32})\b")
Key: TypeAlias = tuple[str, str]
Outcome: TypeAlias = dict[Key, tuple[str, ...]]
"""By suite file and test: the verdict, then the digest of each cluster that the test started."""


def main() -> int:
    """Run all ways; return 1 if any differs from the whole run, or shows nothing."""
    whole = _run(_ROBOT, "suites")
    print(f"whole: {_counted(whole)}")
    if not any(len(each) > 1 for each in whole.values()):
        return 1
    differences = 0
    for name, outcome in _other_ways():
        found = list(_differences(whole, outcome))
        differences += len(found)
        print(f"{name}: {_counted(outcome)}, {len(found)} differences")
        for line in found[:10]:
            print(f"    {line}")
    dry = _start(_ROBOT, "--dryrun", "--output", "NONE", "--log", "NONE", "--report", "NONE", "suites")
    print(f"--dryrun: exit code {dry}")
    return 1 if differences or dry else 0


def _other_ways() -> Iterator[tuple[str, Outcome]]:
    yield "--include priority-1", _run(_ROBOT, "--include", "priority-1", "suites")
    yield "--randomize all", _run(_ROBOT, "--randomize", "all", "suites")
    for file in sorted(SUITES.glob("*/*.robot")):
        if not file.name.startswith("__init__"):
            path = file.relative_to(ROOT).as_posix()
            yield f"{path} alone", _run(_ROBOT, path)
    yield "shared by processes", _run(_SHARED, "suites")
    yield "pabot", _run(_PABOT, "suites")


def _run(program: Sequence[str], *arguments: str) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        _start(program, "--outputdir", folder, *arguments)
        output = Path(folder) / "output.xml"
        return dict(_tests(ElementTree.parse(output).getroot(), "")) if output.exists() else {}


def _start(program: Sequence[str], *arguments: str) -> int:
    environment = {**os.environ, "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))}
    command = [sys.executable, *program, *arguments]  # pabot looks for `robot` on the path.
    silent = subprocess.DEVNULL
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=silent, stderr=silent, check=False).returncode


def _tests(element: ElementTree.Element, source: str) -> Iterator[tuple[Key, tuple[str, ...]]]:
    """Yield what each test below an element of Robot's output came to. The table in its log shows the digests."""
    source = element.get("source", source)
    if element.tag != "test":
        for child in element:
            yield from _tests(child, source)
        return
    status = element.find("status")
    assert status is not None
    digests = [digest for message in element.iter("msg") for digest in _DIGEST.findall(message.text or "")]
    yield (Path(source).name, element.get("name", "")), (status.get("status", ""), *digests)


def _differences(whole: Outcome, other: Outcome) -> Iterator[str]:
    if not other:
        yield "no test ran"
    for (file, test), found in other.items():
        expected = whole.get((file, test))
        if found != expected:
            yield f"{file}, {test}: {found}, in the whole run {expected}"


def _counted(outcome: Outcome) -> str:
    return f"{len(outcome)} tests, {sum(len(each) - 1 for each in outcome.values())} digests"


if __name__ == "__main__":
    sys.exit(main())
