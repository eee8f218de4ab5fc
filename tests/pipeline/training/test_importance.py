"""Importance: the setting that makes the loss is found, whatever searches the trials come from."""

import numpy as np

from pointsman.common.task import Task
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.families import get_family
from pointsman.pipeline.training.importance import compute_importances
from pointsman.pipeline.training.trials import LEAST_TRIALS, Trial, TrialState


def make_trials(count, family="tree", seed=0, baseline=0.5):
    """Trials whose loss is the depth's doing."""
    generator = np.random.default_rng(seed)
    trials = []
    for number in range(count):
        depth = int(generator.integers(3, 15))
        params = {
            **get_family(family).default_params(Task.BINARY),
            "max_depth": depth,
            "balance": 0.0,
            "min_samples_leaf": int(generator.integers(5, 50)),
            "calibrate": bool(number % 2),
        }
        window = (None, 1, 3)[number % 3]
        candidate = Candidate(family, ("onehot", "target")[number % 2], params, window)
        loss = baseline * (0.5 + depth / 20 + generator.normal(0, 0.001))
        trials.append(Trial(number, candidate, TrialState.COMPLETE, loss, baseline))
    return trials


def test_the_setting_that_makes_the_loss_has_the_largest_share():
    trials = [*make_trials(20, baseline=0.5), *make_trials(20, seed=1, baseline=3.0)]
    (found,) = compute_importances(trials, Task.BINARY, 7)
    assert (found.family, found.trials) == ("tree", 40)
    assert next(iter(found.shares)) == "max_depth"
    assert found.shares["max_depth"] > 0.5
    assert set(found.shares) >= {"encoding", "window", "calibrate", "min_samples_leaf"}
    assert sum(found.shares.values()) == 1 or abs(sum(found.shares.values()) - 1) < 1e-9


def test_the_same_trials_give_the_same_shares():
    trials = make_trials(25)
    assert compute_importances(trials, Task.BINARY, 7) == compute_importances(trials, Task.BINARY, 7)


def test_of_few_trials_or_of_a_family_of_another_time_nothing_is_said():
    assert compute_importances(make_trials(LEAST_TRIALS - 1), Task.BINARY, 7) == []
    gone = [Trial(0, Candidate("gone", "onehot", {}), TrialState.COMPLETE, 0.4)] * 20
    assert compute_importances(gone, Task.BINARY, 7) == []
    pruned = [Trial(one.number, one.candidate, TrialState.PRUNED) for one in make_trials(30)]
    assert compute_importances(pruned, Task.BINARY, 7) == []


def test_a_parameter_that_families_no_longer_have_leaves_its_trials_out():
    trials = make_trials(LEAST_TRIALS)
    odd = Candidate("tree", "onehot", {**trials[0].candidate.params, "max_depth": 99})
    (found,) = compute_importances([*trials, Trial(99, odd, TrialState.COMPLETE, 0.1)], Task.BINARY, 7)
    assert found.trials == LEAST_TRIALS
