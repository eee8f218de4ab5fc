"""What a search is judged on follows from the configuration, and the log says where that flatters."""

import pytest
from small_stream import configure
from training.made_problem import make_training_rows

from pointsman.common.performance import Stopwatch
from pointsman.common.task import Task
from pointsman.common.workers import Workers
from pointsman.pipeline.preparation.training_set import TrainingSet
from pointsman.pipeline.training.problem import pose_problem
from pointsman.pipeline.training.search import run_search


def make_ground():
    return TrainingSet(make_training_rows(), Task.BINARY, ("0", "1"), seed=7, threads=1)


def pose(folder, *overrides):
    return pose_problem(configure(folder, *overrides), make_ground(), 6)


@pytest.mark.parametrize(
    ("validation", "learned", "judged"),
    [
        ("time_ordered", [240, 300], [60, 60]),
        ("foremost", [120, 240], [120, 120]),
        ("holdout", [300], [60]),
        ("kfold", [180, 180], [180, 180]),
    ],
)
def test_the_folds_are_of_the_type_that_is_configured(tmp_path, validation, learned, judged):
    problem = pose(tmp_path, f"training.validation={validation}", "training.folds=2")
    assert [len(fold.learn) for fold in problem.folds] == learned
    assert [len(fold.validate) for fold in problem.folds] == judged
    ahead = [fold.learn.times.max() >= fold.validate.times.min() for fold in problem.folds]
    assert all(ahead) if validation == "kfold" else not any(ahead)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["training.validation=kfold"], 1),
        (["training.validation=kfold", "schema.time=null", "batch.rows=60"], 0),
        (["training.validation=foremost"], 0),
    ],
)
def test_shuffled_rows_of_a_stream_that_has_times_are_told_once(tmp_path, monkeypatch, caplog, overrides, told):
    monkeypatch.setattr("pointsman.pipeline.training.search.search", lambda *_: [])
    config = configure(tmp_path, "training.folds=2", *overrides)
    run_search(config, pose_problem(config, make_ground(), 6), 1, Workers(), [], Stopwatch())
    assert [record.getMessage() for record in caplog.records if "training.validation=kfold" in record.message] == [
        "training.validation=kfold learns from rows after those it judges on, though 'INSR_BEGIN' tells their order: "
        "what the search finds may look better than it is"
    ] * told
