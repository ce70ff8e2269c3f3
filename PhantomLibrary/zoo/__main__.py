"""Proves that the suites have teeth: runs them against every planted defect, and against the clean system.

    python -m PhantomLibrary.zoo [DEFECT …] [--suites suites] [--output FOLDER] [--processes 2] [--all-catchers]

Each defect first meets the test that is known to catch it (`--table docs/defects.md`), and all others only where that
one does not. Prints a line for each defect: which test caught it, and by which failure; with `--all-catchers`, which
takes longer by far, also how many more did. Caught means that a check failed with a code that fits the defect, in a
test that passes without it, under the same seed. Exit code 1 when a defect goes uncaught or the clean system is not
green: all of it, or where defects are named, the tests that fail with them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct

from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.zoo.defect import Defect
from PhantomLibrary.zoo.defects import DEFECTS
from PhantomLibrary.zoo.first_catch import code_of, headline
from PhantomLibrary.zoo.table import read_table

FIRST_CATCH = "PhantomLibrary.zoo.first_catch.FirstCatch"


class TestOutcome(Struct, frozen=True):
    """One test of one run of the suites."""

    name: str
    passed: bool
    message: str


class Verdict(Struct, frozen=True):
    """What became of one defect. `caught_by` is empty when nobody caught it; `strays` failed with codes that do
    not fit.
    """

    defect: str
    caught_by: str
    message: str
    catchers: int
    strays: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    unknown = [name for name in options.defects if name not in DEFECTS]
    if unknown:
        guess = nearest(unknown[0], DEFECTS)
        print(InvalidInput(f"no defect {unknown[0]!r}: there are {', '.join(DEFECTS)}{guess}"), file=sys.stderr)
        return 2
    started = time.monotonic()
    defects = [DEFECTS[name] for name in options.defects or DEFECTS]
    known = {} if options.all_catchers else {row.defect: row.test for row in read_table(options.table)}
    with ThreadPoolExecutor(options.processes) as executor:
        whole = None if options.defects else executor.submit(run_clean, options, ())
        hunts = [executor.submit(hunt, each, options, known.get(each.name, "")) for each in defects]
        outcomes = [each.result() for each in hunts]
        if whole is None:  # What catches the defects that were asked for is all that has to be green without them.
            suspects = {test.name for each in outcomes for test in each if not test.passed}
            clean = run_clean(options, sorted(suspects)) if suspects else []
        else:
            clean = whole.result()
    passing = {test.name for test in clean if test.passed}
    failing = [test for test in clean if not test.passed]
    verdicts = [judge(each, found, passing) for each, found in zip(defects, outcomes, strict=True)]
    return report(failing, len(passing), verdicts, known, time.monotonic() - started)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m PhantomLibrary.zoo", description="Run the suites against defects.")
    parser.add_argument("defects", nargs="*", metavar="DEFECT", help="names; all of them by default")
    parser.add_argument("--suites", type=Path, default=Path("suites"))
    parser.add_argument("--table", type=Path, default=Path("docs/defects.md"), help="names the test to begin with")
    parser.add_argument("--output", type=Path, default=Path("results/mutants"))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--all-catchers", action="store_true", help="do not end a run at the first test that catches")
    return parser.parse_args(arguments)


def run_clean(options: argparse.Namespace, tests: Sequence[str]) -> list[TestOutcome]:
    """Run these tests, all where none are named, without any defect."""
    named = [argument for test in tests for argument in ("--test", test)]
    return run_suites(options.suites, options.output / "clean", named)


def hunt(defect: Defect, options: argparse.Namespace, known_catcher: str) -> list[TestOutcome]:
    """Run the test that is known to catch a defect, and all others, until one does, if that one does not."""
    output, planting = options.output / defect.name, ("--variable", f"DEFECTS:{defect.name}")
    if options.all_catchers:
        return run_suites(options.suites, output, planting)
    arguments = (*planting, "--listener", ":".join((FIRST_CATCH, *defect.codes)))
    if known_catcher:
        # Other suites than those of the table have no such test.
        outcomes = run_suites(options.suites, output, ("--test", known_catcher, "--runemptysuite", *arguments))
        if any(fits(each, defect) for each in outcomes):
            return outcomes
    return run_suites(options.suites, output, arguments)


def fits(outcome: TestOutcome, defect: Defect) -> bool:
    """Whether a test failed in a way that fits the defect."""
    return not outcome.passed and code_of(outcome.message) in defect.codes


def run_suites(suites: Path, output: Path, arguments: Sequence[str]) -> list[TestOutcome]:
    """Run the suites in a child process with these options of Robot; return each test's outcome."""
    command = [sys.executable, "-m", "robot", "--outputdir", str(output), "--log", "NONE", "--report", "NONE"]
    command += ["--console", "none", *arguments, str(suites)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    result = output / "output.xml"
    if not result.is_file():
        raise SystemExit(f"robot did not run on {suites}: {child.stderr.strip() or child.stdout.strip()}")
    return read_outcomes(result)


def read_outcomes(output_xml: Path) -> list[TestOutcome]:
    """Return the tests of an output.xml, in the order in which they ran."""
    outcomes = []
    for test in ElementTree.parse(output_xml).getroot().iter("test"):
        status = test.find("status")
        assert status is not None
        outcomes.append(TestOutcome(test.get("name", ""), status.get("status") == "PASS", status.text or ""))
    return outcomes


def judge(defect: Defect, outcomes: Sequence[TestOutcome], passing: set[str]) -> Verdict:
    """Return which of the tests that pass without the defect caught it."""
    failed = [each for each in outcomes if not each.passed and each.name in passing]
    fitting = [each for each in failed if fits(each, defect)]
    strays = tuple(f"{each.name}: {headline(each.message)}" for each in failed if each not in fitting)
    first = fitting[0] if fitting else TestOutcome("", False, "")
    return Verdict(defect.name, first.name, headline(first.message), len(fitting), strays)


def report(
    failing: Sequence[TestOutcome],
    passing: int,
    verdicts: Sequence[Verdict],
    known: Mapping[str, str],
    wall_s: float,
) -> int:
    """Print what came of all runs, and where the table of `known` catchers is wrong; return the exit code."""
    width = max((len(each.defect) for each in verdicts), default=10)
    for each in verdicts:
        more = each.catchers - 1
        if each.caught_by:
            other = known.get(each.defect, each.caught_by)
            wrong = "" if other == each.caught_by else f", not by {other}, as the table says"
            print(f"{each.defect:<{width}}  caught by {each.caught_by}{wrong}")
            print(f"{'':<{width}}  {each.message[:150]}" + (f"  (and by {more} more tests)" if more else ""))
        else:
            print(f"{each.defect:<{width}}  NOT CAUGHT" + "".join(f"\n    {stray[:150]}" for stray in each.strays[:3]))
    for test in failing:
        print(f"the clean system is not green: {test.name}: {headline(test.message)[:150]}")
    if not passing:
        print("the clean system passed no test at all")
    uncaught = sum(not each.caught_by for each in verdicts)
    print(f"{len(verdicts) - uncaught} of {len(verdicts)} defects caught; clean: {passing} tests pass, {wall_s:.0f} s")
    return 1 if uncaught or failing or not passing else 0


if __name__ == "__main__":
    sys.exit(main())
