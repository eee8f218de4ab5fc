"""How answers came out is counted from the newest record, of the very model that serves."""

from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pointsman.common.config import CostsConfig
from pointsman.common.task import Task
from pointsman.meta.records import OutOfSamplePredictions, RecordRows
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.sections.outcomes import (
    calibrate,
    compute_outcomes,
    confuse,
    cut_at,
    measure_distances,
    read_newest_record,
)
from pointsman.registry.tables import versions_table

GENERATOR = np.random.default_rng(3)


def test_a_confusion_counts_every_row_once():
    target, outputs = GENERATOR.integers(0, 3, 200).astype(float), GENERATOR.dirichlet(np.ones(3), 200)
    found = confuse(target, outputs, ("a", "b", "c"), None)
    assert sum(sum(one.answered.values()) for one in found) == len(target)
    right = sum(one.answered[one.truth] for one in found)
    assert right == (outputs.argmax(axis=1) == target).sum()


def test_calibrated_probabilities_lie_within_their_intervals_and_others_do_not():
    told = GENERATOR.uniform(size=20_000)
    target = (GENERATOR.uniform(size=20_000) < told).astype(float)
    held = [one.lower <= one.expected <= one.upper for one in calibrate(target, told)]
    assert sum(held) >= 8
    assert not any(one.lower <= one.expected <= one.upper for one in calibrate(target, told / 2)[1:])


@pytest.mark.parametrize("threshold", [0.05, 0.5, 0.95])
def test_a_cut_agrees_with_counting_by_hand(threshold):
    told, target = GENERATOR.uniform(size=500), GENERATOR.integers(0, 2, 500)
    cut, flagged = cut_at(target, told, threshold, CostsConfig(false_positive=2, false_negative=7)), told >= threshold
    assert cut.flagged == flagged.mean()
    assert cut.precision == pytest.approx(target[flagged].mean())
    assert cut.recall == pytest.approx(flagged[target == 1].mean())
    assert cut.cost == pytest.approx((2 * (flagged & (target == 0)).sum() + 7 * (~flagged & (target == 1)).sum()) / 500)


def test_a_cut_above_every_answer_has_no_precision():
    assert cut_at(np.array([0, 1]), np.array([0.1, 0.2]), 0.9, CostsConfig()).precision is None


def test_half_of_the_rows_lie_within_the_median_distance():
    target, told = GENERATOR.normal(size=301), GENERATOR.normal(size=301)
    assert (np.abs(target - told) <= measure_distances(target, told)["50 %"]).mean() >= 0.5


def make_history(record):
    """What serves is "ensemble-0007", which learned batch 5; its parent answered that at a threshold of 0.3."""
    production = SimpleNamespace(
        id="ensemble-0007", line="ensemble-0003", parent="ensemble-0006", last_batch=5, threshold=0.9
    )
    versions = pd.DataFrame({"id": ["ensemble-0006", "ensemble-0007"], "threshold": [0.3, 0.9]})
    config = SimpleNamespace(training=SimpleNamespace(costs=CostsConfig()))
    known = {read_newest_record: record, versions_table: versions}
    return History(config, None, SimpleNamespace(production=production), datetime(2026, 1, 2), known)


def make_record(line):
    part = np.repeat([0, 1], [120, 40])
    target = GENERATOR.integers(0, 2, 160).astype(float)
    rows = RecordRows(5, Task.BINARY, ("no", "yes"), ("clean", "sparse"), (), part, target, part, np.zeros((160, 1)))
    positive = GENERATOR.uniform(size=160)
    return OutOfSamplePredictions(rows, {line: np.column_stack([1 - positive, positive])})


def test_figures_are_of_the_clean_rows_and_the_line_that_serves_at_the_threshold_of_then():
    record = make_record("ensemble-0003")
    figures = compute_outcomes(make_history(record))
    assert (figures.version, figures.line, figures.batch, figures.rows) == ("ensemble-0007", "ensemble-0003", 5, 120)
    told, target = record.predicted["ensemble-0003"][:120, 1], record.rows.target[:120]
    found = {one.truth: one.answered["yes"] for one in figures.confusion}
    assert found == {name: int(((told >= 0.3) & (target == code)).sum()) for code, name in enumerate(("no", "yes"))}
    assert sum(one.rows for one in figures.calibration) == 120


def test_what_has_no_record_yet_has_no_figures():
    assert compute_outcomes(make_history(make_record("linear-0001"))) is None
    assert compute_outcomes(make_history(None)) is None
