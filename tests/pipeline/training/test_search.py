"""The search: the same problem gives the same trials wherever they are evaluated, and nothing found is lost."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from made_problem import QUICK, make_problem

from pointsman.common.task import Task
from pointsman.common.time_limit import CutStep, TimeLimit
from pointsman.common.workers import Workers
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.families import get_family
from pointsman.pipeline.training import search as module
from pointsman.pipeline.training.encodings import Encodings
from pointsman.pipeline.training.evaluation import Assignment, Evaluator, evaluate
from pointsman.pipeline.training.problem import describe_space
from pointsman.pipeline.training.search import choose_first, search
from pointsman.pipeline.training.trials import Trial, TrialState

TRIALS = 20


def strip(trials):
    """Return trials without what no seed decides: how long they took."""
    return [replace(trial, seconds=0.0) for trial in trials]


@pytest.fixture(scope="module")
def found():
    return search(make_problem(), QUICK, TRIALS)


def fail(reason):
    def learn(*_, **__):
        raise reason

    return learn


def test_the_same_problem_gives_the_same_trials(found):
    assert strip(search(make_problem(), QUICK, TRIALS)) == strip(found)


@pytest.mark.parametrize("changes", [{"seed": 2}, {"batch": 4}])
def test_another_batch_or_seed_searches_elsewhere(found, changes):
    other = search(replace(make_problem(), **changes), QUICK, TRIALS)
    assert {trial.candidate.key for trial in other} != {trial.candidate.key for trial in found}


def test_two_workers_find_the_same(found):
    assert strip(search(make_problem(), QUICK, TRIALS, workers=Workers(2))) == strip(found)


@pytest.mark.slow
def test_a_cluster_finds_the_same(found):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster),
    ):
        workers = Workers(1, cluster.scheduler_address)
        assert strip(search(make_problem(), QUICK, TRIALS, workers=workers)) == strip(found)


def test_every_family_is_tried_with_its_defaults_first(found):
    assert [trial.number for trial in found] == list(range(TRIALS))
    first = [trial.candidate for trial in found[:2]]
    assert [(one.family, one.variant) for one in first] == [("linear", "onehot"), ("tree", "onehot")]
    for candidate in first:
        defaults = get_family(candidate.family).default_params(Task.BINARY)
        assert dict(candidate.params) == {**defaults, "balance": 0.0, "calibrate": False}
        assert candidate.window is None
    assert {trial.candidate.family for trial in found[2:]} == {"linear", "tree"}


def test_losses_are_those_of_the_candidate_and_of_the_prior(found):
    problem = make_problem()
    seed = module.derive_seed(problem.seed, "search", problem.batch)
    evaluator = Evaluator(problem, Encodings(problem.folds, problem.task, seed), seed)
    best = min((trial for trial in found if trial.loss is not None), key=lambda one: one.loss)
    assert evaluate(evaluator, Assignment(Trial(0, best.candidate))).fold_losses == best.fold_losses
    prior = evaluate(evaluator, Assignment(Trial(0, Candidate("prior", "onehot"))))
    assert {trial.baseline for trial in found} == {prior.loss}
    assert best.loss < prior.loss


def test_trials_that_fell_behind_are_marked_and_have_no_loss(found):
    states = Counter(trial.state for trial in found)
    assert set(states) == {TrialState.COMPLETE, TrialState.PRUNED}
    for trial in found:
        assert (trial.loss is None, len(trial.fold_losses)) == ((True, 1) if trial.state == "pruned" else (False, 2))
    worst_kept = max(trial.steps[0] for trial in found if trial.state is TrialState.COMPLETE and trial.number > 5)
    assert worst_kept < max(trial.steps[0] for trial in found if trial.state is TrialState.PRUNED)


def test_the_first_round_sets_its_own_first_bar(found):
    assert module.ROUND == 10
    first = [trial.steps[0] for trial in found[:10]]
    assert [trial.state == "pruned" for trial in found[:10]] == [loss > np.median(first) for loss in first]


def test_a_failing_candidate_is_recorded_with_its_reason_and_the_search_goes_on(monkeypatch, caplog):
    monkeypatch.setattr(type(get_family("tree")), "learn", fail(RuntimeError("the library broke")))
    trials = search(make_problem(), QUICK, TRIALS)
    assert len(trials) == TRIALS
    failed = [trial for trial in trials if trial.state is TrialState.FAILED]
    assert {trial.candidate.family for trial in failed} == {"tree"}
    assert {trial.failure for trial in failed} == {"RuntimeError: the library broke"}
    assert any(trial.loss is not None for trial in trials)
    assert f"trial {failed[0].number} (tree/onehot) failed: RuntimeError: the library broke" in caplog.text


def test_an_interruption_keeps_what_was_found(monkeypatch, caplog, found):
    def interrupt(evaluator, assignment):
        if assignment.trial.number == 14:
            raise KeyboardInterrupt
        return evaluate(evaluator, assignment)

    monkeypatch.setattr(module, "evaluate", interrupt)
    limit = TimeLimit()
    trials = search(make_problem(), QUICK, TRIALS, limit=limit)
    assert 6 <= len(trials) <= 14
    assert [(cut.step, cut.planned, cut.cause) for cut in limit.cuts] == [("search", TRIALS, "Ctrl-C")]
    again = search(make_problem(), QUICK, TRIALS, limit=TimeLimit(followed=limit.cuts))
    assert strip(again) == strip(found)[: len(trials)], "a replay goes as far"
    assert strip(trials) == strip(found)[: len(trials)]
    assert f"the update goes on with the {len(trials)} trials it has" in caplog.text


def test_time_ends_the_search_between_two_rounds(found):
    limit = TimeLimit(followed=[CutStep("search", TRIALS // 2, TRIALS, "update.seconds")])
    trials = search(make_problem(), QUICK, TRIALS, limit=limit)
    assert TRIALS // 2 <= len(trials) < TRIALS
    assert strip(trials) == strip(found)[: len(trials)]
    assert [cut.planned for cut in limit.cuts] == [TRIALS]


def test_without_time_nothing_is_prepared(monkeypatch):
    monkeypatch.setattr(module, "_open_study", None)
    limit = TimeLimit(followed=[CutStep("search", 0, TRIALS, "update.seconds")])
    assert search(make_problem(), QUICK, TRIALS, limit=limit) == []


def make_known(family, variant, relative, number, **params):
    settings = {**get_family(family).default_params(Task.BINARY), "balance": 0.0, "calibrate": False, **params}
    candidate = Candidate(family, variant, settings, None)
    loss = 0.7 * (1 + relative)
    return Trial(number, candidate, TrialState.COMPLETE, loss, 0.7, (loss,), (loss,), "", 0.1)


def test_known_candidates_are_tried_first_the_best_of_each_pipeline():
    known = [
        make_known("tree", "target", -0.3, 0, max_depth=5),
        make_known("tree", "target", -0.4, 1, max_depth=6),
        make_known("linear", "target", -0.5, 2, l2_penalty=3.0),
        make_known("linear", "onehot", -0.1, 3),
    ]
    trials = search(make_problem(), QUICK, 4, known)
    assert [trial.candidate for trial in trials[:3]] == [known[position].candidate for position in (2, 1, 3)]


def test_what_lies_outside_the_space_is_not_tried_first():
    space = describe_space(make_problem(), QUICK)
    outside = [
        make_known("knn", "target", -0.9, 0),
        make_known("tree", "spelling", -0.9, 1),
        make_known("tree", "onehot", -0.9, 2, max_depth=99),
        replace(make_known("tree", "onehot", -0.9, 3), loss=None),
    ]
    inside = make_known("tree", "onehot", -0.1, 4)
    assert choose_first([*outside, inside], space) == [inside.candidate]
    assert [one.family for one in choose_first(outside, space)] == ["linear", "tree"]


def test_known_losses_change_what_is_proposed():
    def count_trees(of_trees, of_linear):
        known = [make_known("tree", "onehot", of_trees, number, max_depth=3 + number) for number in range(9)]
        known += [make_known("linear", "onehot", of_linear, number, l2_penalty=1.0 + number) for number in range(9)]
        trials = search(make_problem(), QUICK, TRIALS, known)
        return sum(trial.candidate.family == "tree" for trial in trials)

    assert count_trees(-0.9, 0.5) > count_trees(0.5, -0.9) + 5


def test_a_candidate_is_evaluated_once_however_often_it_is_proposed(monkeypatch):
    calls = Counter()

    def count(evaluator, assignment):
        calls[assignment.trial.candidate.key, assignment.most] += 1
        return evaluate(evaluator, assignment)

    def draw(_, space):
        return {"l2_penalty": space.choice("l2_penalty", [1.0, 10.0])}

    monkeypatch.setattr(module, "evaluate", count)
    monkeypatch.setattr(type(get_family("linear")), "draw", draw)
    few = QUICK.model_copy(update={"families": ("linear",), "variants": ("onehot",)})
    trials = search(make_problem(Task.REGRESSION), few, 40)
    assert len(trials) == len({trial.candidate.key for trial in trials}) <= 6
    assert set(calls.values()) == {1}
    assert {key for key, most in calls if most} == {trial.candidate.key for trial in trials}


@pytest.mark.parametrize("nothing", [{"families": ("prior",)}, {"families": ()}, {"variants": ("spelling",)}])
def test_where_there_is_nothing_to_search_for_there_are_no_trials(nothing, caplog):
    assert search(make_problem(), QUICK.model_copy(update=nothing), TRIALS) == []
    assert "leave nothing to search for" in caplog.text
