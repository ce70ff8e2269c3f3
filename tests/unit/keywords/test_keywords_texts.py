"""Texts and decisions of keywords that need no Robot: replay lines, seeds, comparisons."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from robot.utils import Matcher

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.keywords.command_line import given_variables
from PhantomLibrary.keywords.comparison import holds, shown_value
from PhantomLibrary.keywords.failures import escape_globs, failure_text, quoted, replay_line
from PhantomLibrary.keywords.seeds import seed_of


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
def test_replay_line_survives_a_shell_and_names_just_that_test(name):
    words = shlex.split(replay_line(name, [("--variable", "SEED:7")], "suites/a b.robot"))
    assert words[:2] == ["robot", "--test"]
    assert Matcher(words[2]).match(name)
    assert words[3:] == ["--variable", "SEED:7", "suites/a b.robot"]


def test_replay_line_reads_as_in_the_design():
    line = replay_line("Leader Is Replaced", [("--variable", "SEED:7")], "suites/01_node_failure/crashes.robot")
    assert line == 'robot --test "Leader Is Replaced" --variable SEED:7 suites/01_node_failure/crashes.robot'
    assert replay_line("", [], "a.robot") == "robot a.robot"


def test_globs_are_escaped_and_dangerous_words_quoted():
    assert escape_globs("a [b] *c* d?") == "a [[]b] [*]c[*] d[?]"
    assert quoted("plain words") == '"plain words"'
    assert quoted("costs $5") == "'costs $5'"


def test_failure_text_keeps_ten_lines_of_evidence_at_most():
    lines = failure_text("LIN-001: stale", "robot x", [str(n) for n in range(20)], "phantom/x/").splitlines()
    assert lines[:2] == ["LIN-001: stale", "Replay: robot x"]
    assert len(lines) == 13
    assert lines[-1] == "Artifacts: phantom/x/"


def test_variables_of_the_command_line_are_found_in_all_spellings():
    found = given_variables(
        ["-v", "A:1", "--variable=B:2", "--VariableFile", "m.yaml", "-V", "n.py:x", "-i", "tag", "suites"]
    )
    assert found == [
        ("--variable", "A:1"),
        ("--variable", "B:2"),
        ("--variablefile", "m.yaml"),
        ("--variablefile", "n.py:x"),
    ]
    assert given_variables(["-v", "SEED:1", "--variable", "defects:x", "-v", "PABOTLIBURI:u", "-v"]) == []


def test_seed_depends_on_stem_test_and_ordinal_alone():
    seed = seed_of("/some/where/crashes.robot", "A Test", 1)
    assert seed == seed_of("C:\\else\\crashes.robot", "A Test", 1)
    assert (
        len(
            {
                seed,
                seed_of("x.robot", "A Test", 1),
                seed_of("crashes.robot", "B", 1),
                seed_of("crashes.robot", "A Test", 2),
            }
        )
        == 4
    )
    assert seed == 0 + seed_of("crashes.robot", "A Test", 1)
    assert 0 <= seed < 10**9


@pytest.mark.parametrize(
    ("found", "operator", "expected", "answer"),
    [
        (3, "==", 3, True),
        (3, "<=", 2, False),
        (0.1, "==", "0.1", True),
        (100.0, ">", "99.5", True),
        ("n1", "!=", "n2", True),
        ("on call", "contains", "call", True),
        ("12", ">", "9", True),
        (["n1", "n2"], "==", ("n2", "n1"), True),
        (["n1", "n2"], "contains", ("n2",), True),
        (["n1"], "!=", ("n1",), False),
        ("anything", "", "", True),
    ],
)
def test_comparisons(found, operator, expected, answer):
    assert holds(found, operator, expected) is answer


@pytest.mark.parametrize(
    ("found", "operator", "expected"), [(1, "<", "many"), ("abc", ">", "1"), (["n1"], "<", ("n1",)), (1, "==", "x")]
)
def test_comparisons_that_make_no_sense_are_refused(found, operator, expected):
    with pytest.raises(InvalidInput):
        holds(found, operator, expected)


def test_values_are_shown_as_people_write_them():
    assert [shown_value(each) for each in (["n1", "n2"], [], "", 3, 2.5)] == ["n1, n2", "nobody", "nothing", "3", "2.5"]
