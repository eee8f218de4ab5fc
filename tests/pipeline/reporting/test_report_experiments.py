"""The report's leaderboards: the best trials, and who overfits."""

import json

import pytest
from made_state import MadeState

from pointsman.pipeline.summary import summarise


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    made = MadeState(tmp_path_factory.mktemp("experiments") / "state").add(2)
    return summarise(made.config)


def test_the_figures_tell_the_best_trial_and_every_overfit_run(written):
    figures = json.loads((written.parent / "report.json").read_text())["experiments"]
    (best,) = figures["best"]
    assert (best["batch"], best["number"], best["window"]) == (1, 0, None)
    assert best["relative"] == pytest.approx(-0.25)
    assert figures["importances"] == []
    assert figures["overfit"] * 2 == figures["runs_in_all"]
    assert [run["overfit"] for run in figures["runs"]] == [False, True]


def test_the_page_marks_who_overfits(written):
    page = written.read_text(encoding="utf-8")
    assert page.count('<span class="badge warning">overfit</span>') == 1
    assert "too few complete trials" in page
