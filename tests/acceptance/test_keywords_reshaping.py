"""Keywords of splits and merges: the messages stand in `data/bad_reshaping.robot`; here, what else is left."""

import pytest

from tests.acceptance.keyword_runs import DATA, KeywordRun


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return KeywordRun(tmp_path_factory.mktemp("reshaping"), DATA / "bad_reshaping.robot")


def test_bad_input_is_refused_with_exact_sentences_and_the_cluster_goes_on(run):
    assert {name: test.message for name, test in run.tests.items() if not test.passed} == {}
    assert len(run.tests) >= 4


def test_refused_merges_are_in_no_schedule(run):
    schedule = (run.output / "phantom" / "Bad_Reshaping.Merges_That_Cannot_Be" / "schedule.yaml").read_text()
    assert "put value" in schedule and "merge shards" not in schedule
