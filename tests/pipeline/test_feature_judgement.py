"""Engineered features are barred once they harm and let in once they help, by what the catalogue remembers."""

import numpy as np
import pandas as pd
import pytest

from pointsman.common.config import Config
from pointsman.common.metrics import get_metric
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import open_state
from pointsman.common.task import Task
from pointsman.experiments.tables import feature_gains_table
from pointsman.pipeline.preparation.training_set import TrainingSet, join_rows
from pointsman.pipeline.training.feature_selection import judge_features, load_measured
from pointsman.pipeline.training.problem import Fold, SearchProblem

ROWS = 900
SCHEMA = Schema(time="t", target="y", task=Task.REGRESSION, numeric=("worth",), dates=("t",))


@pytest.fixture
def state(tmp_path):
    config = Config.model_validate({"schema": {"time": "t", "target": "y"}, "state_dir": tmp_path / "state"})
    with open_state(config) as opened:
        yield opened


def make_ground(season):
    generator = np.random.default_rng(2)
    worth, ratio = generator.normal(size=ROWS), generator.normal(size=ROWS)
    times = pd.Series(pd.date_range("2020-01-01", periods=ROWS, freq="h"))
    features = pd.DataFrame({"worth": worth, "ratio": ratio, "t_hour": times.dt.hour.astype(float)})
    target = worth + np.where(features["t_hour"] < 12, 3.0, 0.0) + generator.normal(0, 0.3, ROWS)
    return TrainingSet(
        join_rows([(5, features, target, times)], ROWS, {"t_hour": season}), Task.REGRESSION, (), 1, 1, "0D"
    )


def pose(training_set, batch=5):
    rows = training_set.rows
    folds = [Fold(rows.take(np.arange(end)), rows.take(np.arange(end, end + 200))) for end in (500, 700)]
    return SearchProblem(folds, Task.REGRESSION, (), get_metric("rmse", Task.REGRESSION), batch, 7, 1)


def remember(state, feature, gain, covered, batches=(2, 3, 4)):
    draft = Draft(1)
    draft.add(
        feature_gains_table,
        [
            {
                "batch": batch,
                "feature": feature,
                "gain": gain,
                "lower": gain - 0.01,
                "upper": gain + 0.01,
                "rows": 90,
                "covered": covered,
                "used": gain > 0,
            }
            for batch in batches
        ],
    )
    draft.commit(state.engine)


def test_a_season_that_history_has_not_covered_enters_once_it_surely_helps(state):
    remember(state, "t_hour", 0.5, covered=False, batches=(3, 4))
    training_set = make_ground(season=365.0)
    assert list(training_set.rows.covered) == ["worth", "ratio"]
    judged, rows = judge_features(state, SCHEMA, training_set, pose(training_set))
    assert judged.rows.proven == {"t_hour"}
    assert list(judged.rows.covered) == ["worth", "ratio", "t_hour"]
    assert [(row["feature"], row["covered"]) for row in rows] == [("ratio", True), ("t_hour", False)]
    assert {row["batch"] for row in rows} == {5}


def test_what_harmed_again_and_again_is_barred(state):
    remember(state, "ratio", -5.0, covered=True)
    training_set = make_ground(season=1.0)
    judged, rows = judge_features(state, SCHEMA, training_set, pose(training_set))
    assert judged.rows.excluded == {"ratio"}
    assert "ratio" not in judged.rows.covered
    assert next(row for row in rows if row["feature"] == "ratio")["used"] is False


def test_what_harmed_long_ago_comes_back(state):
    remember(state, "ratio", -5.0, covered=True, batches=(1,))
    remember(state, "ratio", 0.5, covered=True, batches=(2, 3, 4, 5))
    training_set = make_ground(season=1.0)
    judged, _ = judge_features(state, SCHEMA, training_set, pose(training_set))
    assert judged.rows.excluded == frozenset()


def test_what_was_measured_is_stored_and_read_again(state):
    training_set = make_ground(season=1.0)
    _, rows = judge_features(state, SCHEMA, training_set, pose(training_set))
    draft = Draft(1)
    draft.add(feature_gains_table, rows)
    draft.commit(state.engine)
    measured = load_measured(state)
    assert set(measured) == {"ratio", "t_hour"}
    assert {name: of_feature[-1].gain for name, of_feature in measured.items()} == {
        row["feature"]: row["gain"] for row in rows
    }
