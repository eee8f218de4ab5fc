"""A trial: a cheap rung where rows are many, then folds, newest first, as long as it keeps up with the bars."""

from dataclasses import replace

import numpy as np
import pytest
from made_problem import flip, make_problem

from pointsman.common.metrics import get_metric
from pointsman.common.task import Task
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.fitting import fit_model
from pointsman.pipeline.training import evaluation as module
from pointsman.pipeline.training.encodings import Encodings
from pointsman.pipeline.training.evaluation import (
    Assignment,
    Evaluator,
    compute_fold_loss,
    drop_unjudged,
    evaluate,
    set_bars,
)
from pointsman.pipeline.training.trials import Trial, TrialState

LINEAR = Candidate("linear", "onehot", {"l2_penalty": 1.0, "balance": 0.5, "calibrate": True})
FOREST = Candidate("extra_trees", "onehot", {"trees": 30, "max_depth": 6, "min_samples_leaf": 5, "max_features": 0.5})


def make_evaluator(problem=None, **options):
    problem = problem or make_problem(**options)
    return Evaluator(problem, Encodings(problem.folds, problem.task, problem.seed), problem.seed)


def run(evaluator, candidate=LINEAR, bars=()):
    return evaluate(evaluator, Assignment(Trial(5, candidate, baseline=0.7), bars))


@pytest.mark.parametrize("task", list(Task))
def test_losses_are_those_of_models_fitted_on_each_fold(task):
    problem = make_problem(task)
    params = LINEAR.params if task.is_classification else {"l2_penalty": 1.0}
    candidate = replace(LINEAR, params=params, window=2)
    trial = run(make_evaluator(problem), candidate)
    expected = []
    for fold in reversed(problem.folds):
        learn = fold.learn.last(2)
        model = fit_model(candidate, learn.covered, learn.target, task, problem.classes, problem.seed)
        predicted = model.predict(fold.validate.features)
        expected.append(problem.metric.to_loss(problem.metric.compute(fold.validate.target, predicted, 0.5)))
    assert trial.state is TrialState.COMPLETE
    assert trial.fold_losses == pytest.approx(expected)
    assert trial.steps == pytest.approx([expected[0], np.mean(expected)])
    assert trial.loss == trial.steps[-1]
    assert (trial.number, trial.candidate, trial.baseline, trial.failure) == (5, candidate, 0.7, "")
    assert trial.seconds > 0


def test_nothing_but_its_own_fold_decides_a_fold_loss():
    problem = make_problem()
    newest, older = run(make_evaluator(problem)).fold_losses
    turned = run(make_evaluator(flip(problem, fold=0))).fold_losses
    assert turned[0] == newest
    assert turned[1] > older


@pytest.mark.parametrize(("distance", "state", "folds"), [(1e-9, "complete", 2), (-1e-9, "pruned", 1)])
def test_a_trial_ends_where_it_is_worse_than_the_bar(distance, state, folds):
    evaluator = make_evaluator()
    complete = run(evaluator)
    trial = run(evaluator, bars=(complete.steps[0] + distance,))
    assert (trial.state, len(trial.fold_losses), len(trial.steps)) == (TrialState(state), folds, folds)
    assert trial.loss == (complete.loss if state == "complete" else None)


def test_the_last_fold_needs_no_bar():
    evaluator = make_evaluator()
    assert run(evaluator, bars=(1e9, -1e9)).state is TrialState.COMPLETE


def test_a_trial_that_went_on_later_is_as_if_it_had_not_stopped(monkeypatch):
    monkeypatch.setattr(module, "CHEAP_ROWS", 50)
    evaluator = make_evaluator()
    at_once, trial = run(evaluator), Trial(5, LINEAR, baseline=0.7)
    for step in (1, 2, 3):
        trial = evaluate(evaluator, Assignment(trial, most=1))
        assert trial.steps == at_once.steps[:step]
        assert (trial.state, trial.loss) == ((TrialState.COMPLETE, at_once.loss) if step == 3 else ("pruned", None))
    assert replace(trial, seconds=0.0) == replace(at_once, seconds=0.0)
    assert evaluate(evaluator, Assignment(trial, bars=(-1.0, -1.0, -1.0))).state is TrialState.COMPLETE


def test_time_is_counted_over_all_steps():
    evaluator = make_evaluator()
    begun = evaluate(evaluator, Assignment(Trial(5, LINEAR, seconds=100.0), most=1))
    assert 100.0 < begun.seconds < evaluate(evaluator, Assignment(begun)).seconds


def test_the_cheap_rung_learns_few_rows_with_little_effort(monkeypatch):
    monkeypatch.setattr(module, "CHEAP_ROWS", 50)
    seen = []
    family = type(get_family("extra_trees"))
    learn = family.learn

    def spy(self, sample, settings, **options):
        seen.append((len(sample), settings.trees))
        return learn(self, sample, settings, **options)

    monkeypatch.setattr(family, "learn", spy)
    evaluator = make_evaluator()
    assert evaluator.has_cheap_rung
    trial = run(evaluator, FOREST)
    assert seen == [(50, 10), (300, 30), (240, 30)]
    assert len(trial.steps) == 3
    assert trial.steps[1:] == pytest.approx([trial.fold_losses[0], np.mean(trial.fold_losses)])
    assert trial.steps[0] != trial.fold_losses[0]
    seen.clear()
    assert run(evaluator, FOREST, bars=(trial.steps[0] - 1e-9,)).state is TrialState.PRUNED
    assert seen == [(50, 10)]


def test_the_cheap_rung_keeps_a_candidates_own_treatments(monkeypatch):
    monkeypatch.setattr(module, "CHEAP_ROWS", 60)
    evaluator = make_evaluator()
    plain = replace(LINEAR, params={"l2_penalty": 1.0, "balance": 0.0, "calibrate": False})
    treated = replace(LINEAR, params={"l2_penalty": 1.0, "balance": 1.0, "calibrate": False})
    assert evaluator.measure(plain, 1, cheap=True) != evaluator.measure(treated, 1, cheap=True)


def test_few_rows_have_no_cheap_rung(monkeypatch):
    monkeypatch.setattr(module, "CHEAP_ROWS", 151)
    assert not make_evaluator().has_cheap_rung
    monkeypatch.setattr(module, "CHEAP_ROWS", 150)
    assert make_evaluator().has_cheap_rung


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (Candidate("linear", "native", {"l2_penalty": 1.0}), "DataError: Column 'worth' holds missing cells"),
        (Candidate("linear", "onehot", {"penalty": 1.0}), "ConfigError: Unknown parameter 'penalty'"),
    ],
)
def test_a_failure_is_recorded_with_its_reason(candidate, reason):
    trial = run(make_evaluator(), candidate)
    assert (trial.state, trial.loss, trial.fold_losses) == (TrialState.FAILED, None, ())
    assert trial.failure.startswith(reason)


def test_a_metric_that_the_fold_leaves_undefined_is_a_failure():
    problem = make_problem(metric="roc_auc")
    folds = list(problem.folds)
    validate = folds[1].validate
    folds[1] = replace(folds[1], validate=replace(validate, target=np.ones(len(validate))))
    trial = run(make_evaluator(replace(problem, folds=folds)))
    assert (trial.state, trial.failure) == (TrialState.FAILED, "FloatingPointError: roc_auc is undefined on fold 1")


def test_thresholds_are_tuned_on_the_earlier_half_and_judged_on_the_later():
    metric = get_metric("f1", Task.BINARY)
    positive = np.array([0.05, 0.1, 0.2, 0.3] * 2)
    target = np.array([0, 0, 1, 1, 0, 0, 1, 1])  # 0.5 would call no row positive; 0.15 is right on both halves
    predicted = np.column_stack([1 - positive, positive])
    assert compute_fold_loss(metric, target, predicted) == -1.0
    later = np.concatenate([target[:4], 1 - target[4:]])  # the later half does not help to tune
    assert compute_fold_loss(metric, later, predicted) == 0.0
    earlier = np.concatenate([1 - target[:4], target[4:]])  # only a threshold below every row pays there
    assert compute_fold_loss(metric, earlier, predicted) == pytest.approx(-2 / 3)


def test_accuracy_is_tuned_for_accuracy():
    metric = get_metric("accuracy", Task.BINARY)
    positive = np.tile([0.1, 0.2, 0.3, 0.4, 0.45], 2)
    target = np.tile([0, 1, 0, 0, 1], 2)
    predicted = np.column_stack([1 - positive, positive])
    assert compute_fold_loss(metric, target, predicted) == pytest.approx(-0.8)


@pytest.mark.parametrize("metric", ["log_loss", "roc_auc"])
def test_other_metrics_judge_every_row(metric):
    metric = get_metric(metric, Task.BINARY)
    target, positive = np.array([0, 1, 0, 1]), np.array([0.1, 0.6, 0.7, 0.8])
    predicted = np.column_stack([1 - positive, positive])
    assert compute_fold_loss(metric, target, predicted) == metric.to_loss(metric.compute(target, predicted, 0.5))


@pytest.mark.parametrize(
    ("task", "metric", "left"),
    [
        (Task.BINARY, "roc_auc", 1),
        (Task.BINARY, "f1", 1),
        (Task.BINARY, "log_loss", 2),
        (Task.BINARY, "precision", 2),
        (Task.MULTICLASS, "macro_f1", 2),
        (Task.REGRESSION, "r2", 1),
        (Task.REGRESSION, "rmse", 2),
    ],
)
def test_folds_whose_labels_leave_the_metric_undefined_are_no_folds(task, metric, left):
    problem = make_problem(task, metric)
    newest = problem.folds[-1]
    alike = replace(newest, validate=replace(newest.validate, target=np.zeros(len(newest.validate))))
    assert drop_unjudged(problem).folds == list(problem.folds)
    assert len(drop_unjudged(replace(problem, folds=[problem.folds[0], alike])).folds) == left


def make_seen(*steps):
    return Trial(1, LINEAR, steps=steps)


def test_bars_are_what_the_better_share_of_the_trials_reached():
    seen = [make_seen(1.0, 10.0), make_seen(2.0, 20.0), make_seen(3.0), make_seen(4.0)]
    assert set_bars(seen, 2, 0.5) == (2.5, 15.0)
    assert set_bars(seen, 3, 0.5) == (2.5,)
    assert set_bars(seen, 5, 0.5) == ()
    assert set_bars(seen, 2, 0.25) == (1.75, 12.5)
    assert set_bars([], 0, 0.5) == ()
