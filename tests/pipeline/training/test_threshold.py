"""The threshold against trying every cut."""

import numpy as np
import pytest

from pipeline.training.threshold import tune_threshold


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
