"""Stored metrics said in the reader's units are still the stored numbers."""

import numpy as np
import pytest

from pointsman.common.config import CostsConfig
from pointsman.common.metrics import compute_metrics
from pointsman.common.task import Task
from pointsman.pipeline.reporting.reader_units import Question, measure_answers, share_wrong

CLAIMS = Question(Task.BINARY, "outcome", ("kept", "claimed"), None)


def test_binary_answers_are_pairs_and_rows_of_a_hundred_by_the_name_of_the_class():
    pairs, flagged = measure_answers(CLAIMS, {"roc_auc": 0.824, "precision": 0.31, "recall": 0.4, "log_loss": 0.2})
    assert (pairs.sentence, pairs.number, pairs.short) == ("ranks 82 of 100 pairs rightly", pytest.approx(82.4), "82.4")
    assert flagged.sentence == "of 100 flagged, 31 were 'claimed'; of 100 'claimed', it finds 40"
    assert "gives the 'claimed' the higher probability" in pairs.meaning


def test_a_regression_is_off_in_the_targets_own_unit_and_many_classes_are_right_or_wrong():
    (off,) = measure_answers(Question(Task.REGRESSION, "cnt", (), None), {"mae": 29.31, "rmse": 44.0})
    assert (off.number, off.higher_is_better) == (29.31, False)
    assert off.sentence == "is off by about 29.3 (cnt) a row"
    (right,) = measure_answers(Question(Task.MULTICLASS, "kind", ("a", "b", "c"), None), {"accuracy": 0.834})
    assert right.sentence == "is right in 83 of 100 rows"


def test_nothing_is_said_of_metrics_that_are_not_there():
    assert measure_answers(CLAIMS, {"log_loss": 0.3}) == ()


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8, 0.999])
def test_costs_are_those_of_the_very_rows_that_the_metrics_are_of(threshold):
    generator = np.random.default_rng(4)
    target = (generator.random(500) < 0.3).astype(int)
    shares = np.clip(0.3 * target + generator.random(500) * 0.65, 0, 1)
    metrics = compute_metrics(Task.BINARY, target, np.column_stack([1 - shares, shares]), threshold)
    flagged = shares >= threshold
    extra, missed = float((flagged & (target == 0)).mean()), float((~flagged & (target == 1)).mean())
    assert share_wrong(metrics) == pytest.approx((extra, missed))
    costly = Question(Task.BINARY, "outcome", ("kept", "claimed"), CostsConfig(false_positive=2, false_negative=30))
    cost = measure_answers(costly, metrics)[0]
    assert (cost.metric, cost.number) == ("cost", pytest.approx(100 * (2 * extra + 30 * missed)))
    assert cost.sentence.startswith("costs ")
