"""Engineered features earn their place: measured on folds, without a look at what the feature is called."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pointsman.common.metrics import get_metric
from pointsman.common.task import Task
from pointsman.pipeline.preparation.training_set import join_rows
from pointsman.pipeline.training.gains import (
    REMEMBERED,
    FeatureGain,
    GainVerdict,
    choose_measured,
    is_used,
    measure_gains,
)
from pointsman.pipeline.training.problem import Fold, SearchProblem

ROWS = 1_500


def make_problem(season=1.0, seed=0):
    generator = np.random.default_rng(seed)
    worth, noise = generator.normal(size=ROWS), generator.normal(size=ROWS)
    ratio = generator.normal(size=ROWS)
    times = pd.Series(pd.date_range("2020-01-01", periods=ROWS, freq="h"))
    features = pd.DataFrame({"worth": worth, "ratio": ratio, "noise": noise, "hour": times.dt.hour.astype(float)})
    target = worth + 2 * ratio + np.where(features["hour"] < 12, 3.0, 0.0) + generator.normal(0, 0.3, ROWS)
    rows = join_rows([(1, features, np.asarray(target), times)], ROWS, {"hour": season})
    folds = [Fold(rows.take(np.arange(end)), rows.take(np.arange(end, end + 400))) for end in (700, 1_100)]
    return SearchProblem(folds, Task.REGRESSION, (), get_metric("rmse", Task.REGRESSION), 3, 7, 1)


def test_what_helps_is_told_from_what_does_nothing():
    gains = {gain.feature: gain for gain in measure_gains(make_problem(), ["ratio", "noise", "hour"])}
    assert {name: gain.verdict for name, gain in gains.items() if name != "noise"} == {
        "ratio": GainVerdict.HELPS,
        "hour": GainVerdict.HELPS,
    }
    assert gains["ratio"].gain > gains["hour"].gain > 10 * abs(gains["noise"].gain)
    assert all(gain.rows == 800 and gain.covered for gain in gains.values())


def test_a_season_that_is_not_covered_is_measured_as_if_it_were():
    (hour,) = measure_gains(make_problem(season=365.0), ["hour"])
    assert not hour.covered
    assert hour.verdict is GainVerdict.HELPS
    assert not is_used([hour])
    assert is_used([hour, hour, hour])


def test_the_same_problem_gives_the_same_gains():
    assert measure_gains(make_problem(), ["noise"]) == measure_gains(make_problem(), ["noise"])


def test_rows_that_come_later_than_a_fold_change_nothing_of_it():
    problem = make_problem()
    only = replace(problem, folds=problem.folds[:1])
    late = problem.folds[0].learn
    changed = replace(only, folds=[Fold(late, problem.folds[0].validate)])
    assert measure_gains(only, ["ratio"]) == measure_gains(changed, ["ratio"])


def test_without_folds_there_is_nothing_to_measure():
    assert measure_gains(replace(make_problem(), folds=[]), ["ratio"]) == []


def gain_of(centre, covered=True, half=0.1):
    return FeatureGain("f", centre, centre - half, centre + half, 100, covered)


@pytest.mark.parametrize(
    ("centres", "covered", "used"),
    [
        ([0.0], True, True),
        ([-0.2], True, True),
        ([-0.2, -0.2, -0.2], True, False),
        ([0.0], False, False),
        ([0.2], False, False),
        ([0.2, 0.2, 0.2], False, True),
        ([-0.2, 0.3, 0.3], True, True),
        ([0.3, -0.2, -0.2, -0.2, -0.2], True, False),
    ],
)
def test_the_newest_measurements_decide_together(centres, covered, used):
    assert is_used([gain_of(centre, covered) for centre in centres]) is used


def test_every_feature_gets_its_turn_and_once_all_are_known_one_a_batch_does():
    measured: dict[str, list[FeatureGain]] = {}
    names = [f"f{number}" for number in range(10)]
    taken = []
    for _ in range(30):
        chosen = choose_measured(names, measured)
        taken.append(len(chosen))
        for name in chosen:
            measured.setdefault(name, []).append(gain_of(0.1, covered=True))
    assert taken[:3] == [4, 4, 4]
    assert set(taken[10:]) == {1}
    assert {len(of_feature) for of_feature in measured.values()} == {REMEMBERED + 2}
