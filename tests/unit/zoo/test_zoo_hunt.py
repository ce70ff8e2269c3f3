"""A planted defect first meets the test that is known to catch it, and all others only if that one does not."""

from itertools import pairwise

import pytest

from PhantomLibrary.zoo import __main__ as zoo
from PhantomLibrary.zoo.defects import DEFECTS

DEFECT = "no-prevote"
CODE = DEFECTS[DEFECT].codes[0]
GREEN = [zoo.TestOutcome("First", True, ""), zoo.TestOutcome("Known", True, "")]


def caught(name, code=CODE):
    return [zoo.TestOutcome(name, False, f"{code}: what went wrong")]


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """Replaces runs of Robot: `answers` maps which tests were asked for, "" for all, to what came of them."""
    answers = {"clean": GREEN, "Known": caught("Known"), "": caught("First")}
    asked = []

    def run_suites(_suites, output, arguments):
        which = "clean" if output.name == "clean" else dict(pairwise(arguments)).get("--test", "")
        asked.append(which)
        return answers[which]

    monkeypatch.setattr(zoo, "run_suites", run_suites)
    table = tmp_path / "table.md"
    table.write_text(f"| `{DEFECT}` | what | where | [Known](../suites/x.robot), {CODE} |\n")
    return answers, asked, ["--table", str(table), "--processes", "1", DEFECT]


def test_known_catcher_is_enough(runs, capsys):
    _, asked, arguments = runs
    assert zoo.main(arguments) == 0
    assert asked == ["Known", "clean"]
    assert "caught by Known\n" in capsys.readouterr().out


def test_all_others_are_asked_when_the_known_one_does_not_catch_it(runs, capsys):
    answers, asked, arguments = runs
    answers["Known"] = GREEN[1:]
    assert zoo.main(arguments) == 0
    assert asked == ["Known", "", "clean"]
    assert "caught by First, not by Known, as the table says" in capsys.readouterr().out


def test_what_the_setup_of_a_test_found_is_a_catch(runs, capsys):
    answers, asked, arguments = runs
    answers["Known"] = [zoo.TestOutcome("Known", False, f"Setup failed:\n{CODE}: what went wrong\nand more")]
    assert zoo.main(arguments) == 0
    assert asked == ["Known", "clean"]
    assert f"{CODE}: what went wrong\n" in capsys.readouterr().out


def test_a_code_that_does_not_fit_is_no_catch(runs, capsys):
    answers, asked, arguments = runs
    answers["Known"], answers[""] = caught("Known", "XYZ-001"), caught("First", "XYZ-001")
    assert zoo.main(arguments) == 1
    assert asked == ["Known", "", "clean"]
    assert "NOT CAUGHT\n    First: XYZ-001" in capsys.readouterr().out


def test_a_test_that_fails_without_the_defect_catches_nothing(runs, capsys):
    answers, _, arguments = runs
    answers["clean"] = [GREEN[0], zoo.TestOutcome("Known", False, "LIN-001: alarm")]
    assert zoo.main(arguments) == 1
    out = capsys.readouterr().out
    assert "NOT CAUGHT" in out and "the clean system is not green: Known: LIN-001" in out


def test_all_catchers_are_counted_on_request(runs, capsys):
    answers, asked, arguments = runs
    answers[""] = caught("First") + caught("Known")
    assert zoo.main([*arguments, "--all-catchers"]) == 0
    assert asked == ["", "clean"]
    assert "(and by 1 more tests)" in capsys.readouterr().out


def test_without_a_table_all_tests_are_asked(runs):
    _, asked, arguments = runs
    assert zoo.main([*arguments, "--table", "nowhere.md"]) == 0
    assert asked == ["", "clean"]


def test_the_whole_clean_system_has_to_be_green_where_no_defect_is_named(runs, monkeypatch, capsys):
    answers, asked, arguments = runs
    monkeypatch.setattr(zoo, "DEFECTS", {DEFECT: DEFECTS[DEFECT]})
    answers["clean"] = [*GREEN, zoo.TestOutcome("Another", False, "LIN-001: alarm")]
    assert zoo.main(arguments[:-1]) == 1
    assert asked == ["clean", "Known"]
    out = capsys.readouterr().out
    assert "caught by Known" in out and "the clean system is not green: Another: LIN-001" in out
