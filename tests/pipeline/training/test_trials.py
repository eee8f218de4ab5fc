"""Finalists are the best that differ, and a trial's row tells what the trial was."""

import json

import pytest

from pointsman.model_zoo.candidate import Candidate
from pointsman.pipeline.training.trials import Trial, TrialState, choose_finalists, trial_rows


def make_trial(number, family="linear", variant="onehot", window=None, loss=1.0, state=TrialState.COMPLETE, **params):
    complete = state is TrialState.COMPLETE
    return Trial(
        number,
        Candidate(family, variant, params, window),
        state,
        loss if complete else None,
        2.0,
        (loss,),
        (loss,),
        failure="" if complete else "no reason",
        seconds=0.1,
    )


def choose(trials, count=9):
    return [trial.number for trial in choose_finalists(trials, count)]


def test_the_best_come_first_and_no_more_than_asked_for():
    trials = [make_trial(1, "linear", loss=0.3), make_trial(2, "tree", loss=0.1), make_trial(3, "knn", loss=0.2)]
    assert choose(trials) == [2, 3, 1]
    assert choose(trials, 2) == [2, 3]


@pytest.mark.parametrize("state", [TrialState.PRUNED, TrialState.FAILED])
def test_only_complete_trials_enter(state):
    assert choose([make_trial(1, loss=0.1, state=state), make_trial(2, "tree", loss=0.9)]) == [2]


def test_no_two_of_a_family_share_variant_and_window():
    trials = [make_trial(1, loss=0.1, l2_penalty=1.0), make_trial(2, loss=0.2, l2_penalty=2.0)]
    assert choose(trials) == [1]
    assert choose([*trials, make_trial(3, variant="target", loss=0.3)]) == [1, 3]
    assert choose([*trials, make_trial(3, window=3, loss=0.3)]) == [1, 3]


def test_of_a_family_two_at_most_enter():
    trials = [make_trial(number, window=number, loss=number / 10) for number in (1, 3, 5)]
    assert choose([*trials, make_trial(9, "tree", loss=0.9)]) == [1, 3, 9]


def test_equal_losses_keep_the_order_of_the_search():
    assert choose([make_trial(2, "tree"), make_trial(1, "knn")]) == [2, 1]


def test_losses_are_related_to_the_prior_whatever_their_sign():
    assert make_trial(1, loss=1.0).relative == pytest.approx(-0.5)
    below = Trial(1, Candidate("tree", "onehot"), TrialState.COMPLETE, -0.9, -0.6, (), (-0.3, -0.9))
    assert below.relative == pytest.approx(-0.5)
    assert below.relative_steps == pytest.approx([0.5, -0.5])
    assert make_trial(1, state=TrialState.PRUNED).relative is None


def test_rows_say_what_a_trial_was_and_whether_it_was_chosen():
    trials = [
        make_trial(4, "knn", "target", 3, 0.25, neighbours=5, weighting="uniform"),
        make_trial(7, state=TrialState.FAILED),
    ]
    first, second = trial_rows(12, trials, trials[:1])
    expected = {
        "batch": 12,
        "number": 4,
        "family": "knn",
        "variant": "target",
        "window": 3,
        "state": "complete",
        "params": {"neighbours": 5, "weighting": "uniform"},
        "loss": 0.25,
        "baseline": 2.0,
        "fold_losses": [0.25],
        "steps": [0.25],
        "train": {},
        "test": {},
        "failure": "",
        "finalist": True,
        "seconds": 0.1,
    }
    assert first == expected
    assert (second["state"], second["loss"], second["failure"], second["finalist"]) == (
        "failed",
        None,
        "no reason",
        False,
    )
    assert json.loads(json.dumps(first)) == first
