"""Keywords of SQL: the messages stand in `data/bad_sql.robot`."""

import subprocess
import sys

from tests.acceptance.keyword_runs import DATA, KeywordRun

WITHOUT_EXTRA = """
import sys
from importlib import util
found = util.find_spec
util.find_spec = lambda name, *rest: None if name in ("sqlglot", "apsw") else found(name, *rest)
from PhantomLibrary.keywords.sql_keywords import SqlKeywords
try:
    SqlKeywords(None).execute_sql("SELECT 1")
except Exception as error:
    print(error)
"""


def test_what_is_refused_is_said_as_a_good_database_says_it_and_the_cluster_goes_on(tmp_path):
    run = KeywordRun(tmp_path, DATA / "bad_sql.robot")
    assert {name: test.message for name, test in run.tests.items() if not test.passed} == {}
    assert len(run.tests) >= 6


def test_a_missing_extra_is_named_with_what_installs_it():
    said = subprocess.run([sys.executable, "-c", WITHOUT_EXTRA], capture_output=True, text=True, check=True).stdout
    assert "pip install robotframework-phantomlibrary[sql]" in said and "sqlglot" in said
