"""A candidate written in a study's parameters comes out as the same candidate, also in a later search."""

from dataclasses import replace

import optuna
import pytest

from pointsman.common.task import Task
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.families import FAMILIES
from pointsman.pipeline.training.problem import SearchSpace
from pointsman.pipeline.training.proposal import describe, suggest, transfer

NAMES = [name for name, family in FAMILIES.items() if name != "prior" and family.installed]


def make_space(name: str, task: Task = Task.BINARY, **changes) -> SearchSpace:
    pipelines = tuple(f"{name}/{variant}" for variant in FAMILIES[name].variants)
    return replace(SearchSpace(pipelines, (0, 1, 3), ("smote", "under"), task, 5_000, 12), **changes)


def ask(space: SearchSpace, count: int) -> list[tuple[Candidate, dict]]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    asked = [study.ask() for _ in range(count)]
    return [(suggest(trial, space), trial.params) for trial in asked]


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("name", NAMES)
def test_describing_and_suggesting_are_inverse(name, task):
    if task not in FAMILIES[name].tasks:
        pytest.skip(f"{name} does not learn {task}")
    space = make_space(name, task)
    for candidate, params in ask(space, 8):
        assert suggest(optuna.trial.FixedTrial(describe(candidate)), space) == candidate
        known = transfer(candidate, -0.25, space)
        assert known.params == params
        assert (known.value, known.state) == (-0.25, optuna.trial.TrialState.COMPLETE)
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=9))
        study.add_trial(known)
        study.enqueue_trial(describe(candidate))
        assert suggest(study.ask(), space) == candidate


def test_random_candidates_use_what_the_space_offers():
    candidates = [candidate for candidate, _ in ask(make_space("linear"), 40)]
    for name, choices in {
        "balance": {0.0, 0.5, 1.0},
        "calibrate": {False, True},
        "resample": {"", "smote", "under"},
    }.items():
        assert {candidate.params[name] for candidate in candidates} == choices
    assert {candidate.window for candidate in candidates} == {None, 1, 3}
    assert {candidate.variant for candidate in candidates} == set(FAMILIES["linear"].variants)


def test_a_family_without_weights_and_a_regression_have_nothing_to_treat():
    assert {"balance", "resample"} & set(ask(make_space("linear", Task.REGRESSION), 1)[0][0].params) == set()
    assert "balance" not in ask(make_space("knn"), 1)[0][0].params or FAMILIES["knn"].uses_weights


def make_candidate(**changes) -> Candidate:
    tree = Candidate("tree", "onehot", FAMILIES["tree"].default_params(Task.BINARY), window=3)
    return replace(tree, **changes)


@pytest.mark.parametrize(
    ("candidate", "space"),
    [
        (make_candidate(), {"pipelines": ("tree/target",)}),
        (make_candidate(), {"pipelines": ("linear/onehot",)}),
        (make_candidate(), {"windows": (0, 1)}),
        (make_candidate(params={**make_candidate().params, "max_depth": 99}), {}),
        (make_candidate(params={**make_candidate().params, "pruning": 2.0}), {}),
        (make_candidate(params={**make_candidate().params, "balance": 0.3}), {}),
        (make_candidate(params={**make_candidate().params, "resample": "smote"}), {"resampling": ("under",)}),
        (make_candidate(params={"max_depth": 5}), {}),
    ],
)
def test_a_candidate_outside_the_space_is_refused(candidate, space):
    assert transfer(make_candidate(), 0.0, make_space("tree")) is not None
    assert transfer(candidate, 0.0, make_space("tree", **space)) is None


def test_one_that_was_treated_where_nothing_is_treated_now_is_refused():
    treated = make_candidate(params={**make_candidate().params, "resample": "smote"})
    assert transfer(treated, 0.0, make_space("tree", resampling=())) is None


def test_bounds_follow_the_size_of_the_table():
    wide = Candidate("knn", "target", {**FAMILIES["knn"].default_params(Task.BINARY), "neighbours": 150})
    assert transfer(wide, 0.0, make_space("knn", n_rows=5_000)) is not None
    assert transfer(wide, 0.0, make_space("knn", n_rows=200)) is None
