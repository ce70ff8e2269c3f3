"""Bad input to the keywords of regions: the messages stand in `data/bad_regions.robot`."""

from tests.acceptance.keyword_runs import DATA, KeywordRun


def test_bad_input_is_refused_with_exact_sentences_and_the_cluster_goes_on(tmp_path):
    run = KeywordRun(tmp_path, DATA / "bad_regions.robot")
    assert not {name: test.message for name, test in run.tests.items() if not test.passed}
    assert len(run.tests) >= 10
