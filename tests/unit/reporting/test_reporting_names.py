"""Names of artifact folders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.reporting.artifact_names import NAME_BYTES_MAX, FolderNames, safe_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Suites.01 Node Failure.Crash", "Suites.01_Node_Failure.Crash"),
        ('a<b>:"c/d\\e|f?g*', "a_b___c_d_e_f_g_"),
        ("Doesn't Lose $HOME %PATH% #1", "Doesn_t_Lose__HOME__PATH___1"),
        ("tab\tand\nline", "tab_and_line"),
        ("Größe über Ключ 日本", "Größe_über_Ключ_日本"),
        ("..", "_"),
        ("", "_"),
        ("Ends in a dot.", "Ends_in_a_dot"),
        ("con.test", "_con.test"),
        ("LPT1", "_LPT1"),
        ("console", "console"),
    ],
)
def test_safe_name_reads_like_the_text(text: str, name: str) -> None:
    assert safe_name(text) == name


@given(st.text())
def test_safe_name_is_safe_for_any_text(text: str) -> None:
    name = safe_name(text)
    assert name and not name.startswith(".") and not name.endswith((".", " "))
    assert not set(name) & set('<>:"/\\|?*\0\n')
    assert len(name.encode()) <= NAME_BYTES_MAX


def test_long_names_that_begin_alike_stay_different() -> None:
    first, second = (safe_name("x" * 300 + end) for end in "ab")
    assert first != second
    assert len(first) == len(second) == NAME_BYTES_MAX


def test_second_cluster_of_a_test_gets_a_number() -> None:
    names = FolderNames()
    assert [names.next_name("S", "T") for _ in range(3)] == [("S.T", 1), ("S.T-2", 2), ("S.T-3", 3)]


def test_cluster_of_a_suite_is_named_after_the_suite() -> None:
    assert FolderNames().next_name("S", "") == ("S", 1)


def test_tests_that_would_share_a_folder_get_hashes() -> None:
    names = FolderNames()
    clashing = [("S", "a b"), ("S", "A_B"), ("S", "a?b"), ("S", "a*b")]
    found = [names.next_name(*each)[0] for each in clashing]
    assert found[0] == "S.a_b"
    assert len({name.casefold() for name in found}) == len(clashing)
    assert all(name.casefold().startswith("s.a_b-") for name in found[1:])


def test_second_cluster_avoids_a_test_that_is_called_like_it() -> None:
    names = FolderNames()
    first = [names.next_name("S", "A-2")[0], names.next_name("S", "a")[0], names.next_name("S", "a")[0]]
    assert first[:2] == ["S.A-2", "S.a"]
    assert first[2].startswith("S.a-2-")


@given(st.lists(st.tuples(st.sampled_from(["S", "s", "S.a"]), st.text("aA _?.-2", max_size=4)), max_size=12))
def test_no_two_clusters_share_a_folder(clusters: list[tuple[str, str]]) -> None:
    names = FolderNames()
    found = [names.next_name(suite, test)[0].casefold() for suite, test in clusters]
    assert len(set(found)) == len(found)


def test_names_do_not_depend_on_other_tests() -> None:
    alone, among = FolderNames(), FolderNames()
    among.next_name("S", "other")
    assert alone.next_name("S", "mine") == among.next_name("S", "mine")
