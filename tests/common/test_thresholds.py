"""The threshold against trying every cut."""

import numpy as np
import pytest

from pointsman.common.thresholds import LEAST_OF_A_CLASS, choose_threshold, tune_threshold


def score(target, positive, threshold, metric):
    decided = positive >= threshold
    if metric == "accuracy":
        return (decided == target).mean()
    return 2 * (decided & (target == 1)).sum() / (decided.sum() + target.sum())


@pytest.mark.parametrize("metric", ["f1", "accuracy"])
@pytest.mark.parametrize("seed", range(8))
def test_no_cut_is_better(metric, seed):
    generator = np.random.default_rng(seed)
    positive = generator.random(120).round(2)
    target = (generator.random(120) < positive * 0.5).astype(int)
    chosen = tune_threshold(target, positive, metric)
    best = max(score(target, positive, cut, metric) for cut in np.linspace(0, 1.001, 400))
    assert score(target, positive, chosen, metric) == pytest.approx(best)


def test_one_class_leaves_nothing_to_tune():
    assert tune_threshold(np.zeros(5), np.linspace(0, 1, 5), "f1") == 0.5


def draw(positives, rows=2_000, apart=1.5, seed=0):
    """Rare labels and probabilities that are ``apart`` by so many standard deviations of their log-odds."""
    generator = np.random.default_rng(seed)
    target = (np.arange(rows) < positives).astype(float)
    return target, 1 / (1 + np.exp(6 - apart * target - generator.normal(size=rows)))


@pytest.mark.parametrize("decision", ["f1", "accuracy", "cost"])
def test_enough_of_both_classes_that_are_ranked_are_tuned_on(decision):
    target, positive = draw(LEAST_OF_A_CLASS)
    chosen = choose_threshold(target, positive, decision, 1, 30)
    assert chosen.untuned is None
    assert chosen.least == tune_threshold(target, positive, decision, 1, 30)


@pytest.mark.parametrize(("decision", "least"), [("f1", 0.5), ("accuracy", 0.5), ("cost", 1 / 31)])
@pytest.mark.parametrize(
    ("target", "positive", "reason"),
    [
        (*draw(3), "3 of the 2000 labels to tune it on are positive"),
        (*draw(LEAST_OF_A_CLASS - 1), "19 of the 2000 labels to tune it on are positive"),
        (*draw(1_995), "5 of the 2000 labels to tune it on are negative"),
        (*draw(0), "0 of the 2000 labels"),
        (*draw(40, apart=0), "do not surely rank the 40 positive rows above the 1960 negative ones"),
        (draw(40)[0], np.full(2_000, 0.02), "do not surely rank"),
        (draw(40)[0], 1 - draw(40)[1], "do not surely rank"),
    ],
)
def test_else_theory_decides_and_says_why(decision, least, target, positive, reason):
    chosen = choose_threshold(target, positive, decision, 1, 30)
    assert chosen.least == pytest.approx(least)
    assert reason in chosen.untuned


def test_three_positives_do_not_make_every_row_positive():
    target, positive = draw(3, apart=0)
    assert (positive >= tune_threshold(target, positive, "f1")).mean() > 0.3
    assert not (positive >= choose_threshold(target, positive, "f1").least).any()


def test_wrong_answers_that_cost_nothing_leave_a_half():
    assert choose_threshold(np.zeros(5), np.linspace(0, 1, 5), "cost", 0, 0).least == 0.5
