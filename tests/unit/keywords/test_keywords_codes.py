"""Every code that a failure may begin with is explained, and every explanation belongs to a code in use."""

import re
from pathlib import Path

import PhantomLibrary
from PhantomLibrary.checking.codes import CATALOGUE as CHECKED
from PhantomLibrary.reporting.codes import CATALOGUE
from PhantomLibrary.zoo.defects import DEFECTS

PACKAGE = Path(PhantomLibrary.__file__).parent
FOLDERS = ("keywords", "reporting", "testbed", "exploration")


def codes_in_use() -> set[str]:
    """Return the codes that stand in the code of these folders, their own catalogue excepted."""
    paths = [path for folder in FOLDERS for path in (PACKAGE / folder).rglob("*.py") if path.name != "codes.py"]
    return {code for path in paths for code in re.findall(r'"([A-Z]{3,4}-\d{3})[":]', path.read_text(encoding="utf-8"))}


def test_catalogue_holds_just_the_codes_that_something_fails_with():
    assert codes_in_use() - set(CHECKED) == set(CATALOGUE) - set(CHECKED)


def test_defects_are_given_away_by_codes_that_exist():
    assert {code for defect in DEFECTS.values() for code in defect.codes} <= set(CATALOGUE)
