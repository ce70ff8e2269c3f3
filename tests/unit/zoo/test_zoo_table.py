"""The table of planted defects names all of them, and tests that exist."""

from pathlib import Path

import pytest
from robot import api

from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.zoo.defects import DEFECTS
from PhantomLibrary.zoo.table import read_table

DOCS = Path(__file__).resolve().parents[3] / "docs"
ROWS = [(row.defect, row.test, row.file, row.code) for row in read_table(DOCS / "defects.md")]


def test_table_names_each_defect_once():
    assert sorted(name for name, *_ in ROWS) == sorted(DEFECTS)


@pytest.mark.parametrize(("defect", "test", "path", "code"), ROWS, ids=[name for name, *_ in ROWS])
def test_defect_is_caught_by_a_test_that_exists_with_a_code_that_fits(defect, test, path, code):
    names = [each.name for each in api.TestSuite.from_file_system(DOCS / path).tests]
    assert test in names
    assert code in DEFECTS[defect].codes


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_replaces_what_is_there(defect):
    """What an overlay defines must be somewhere under it: else it replaces nothing since that was renamed."""
    plain, planted = Parts(), DEFECTS[defect].plant(Parts())
    replaced = [name for name in Parts.__struct_fields__ if getattr(planted, name) is not getattr(plain, name)]
    assert replaced
    for name in replaced:
        part, base = getattr(planted, name), getattr(plain, name)
        overlays = [each for each in getattr(part, "__mro__", ()) if each not in base.__mro__]
        defined = {key for each in overlays for key, value in vars(each).items() if callable(value)}
        assert [key for key in defined if not hasattr(base, key)] == []
