"""Estimates without labels on made streams: calibrated or not, drifting, heavy-tailed, tiny, one-sided."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pointsman.common.metrics import METRICS, compute_metrics
from pointsman.common.task import Task
from pointsman.meta.estimation.estimator import PerformanceEstimator, estimate
from pointsman.meta.estimation.expectation import expect, realise
from pointsman.meta.estimation.fitting import MIN_BATCHES, fit_estimator
from pointsman.meta.estimation.interval import BatchErrors, find_quantile, fit_interval, fit_variance
from pointsman.meta.records import OutOfSamplePredictions, RecordRows

LINE = "line"
CLASSES = {Task.BINARY: ("no", "yes"), Task.MULTICLASS: ("a", "b", "c"), Task.REGRESSION: ()}


def make_record(batch, task, outputs, target, flagged=None):
    """A record whose first part is the clean batch; ``flagged`` rows (n_rows,) lie in a damaged copy behind it."""
    damaged = np.zeros(len(target), dtype=bool) if flagged is None else flagged
    rows = RecordRows(
        batch,
        task,
        CLASSES[task],
        ("clean", "damage"),
        (),
        damaged.astype(np.int16),
        target,
        damaged.astype(np.int8),
        np.zeros((len(target), 9), dtype=np.float32),
    )
    return OutOfSamplePredictions(rows, {LINE: outputs.astype(np.float32)})


def make_binary(batch, rows=400, sharpness=1.0, turned=1.0, centre=0.0, seed=0, flagged=None):
    """Rows with log-odds about ``centre``: ``turned`` times them are the truth, ``sharpness`` times them the answer."""
    generator = np.random.default_rng([seed, batch])
    difficulty = 0.5 + 1.5 * generator.random()
    logits = centre + difficulty * generator.normal(size=rows)
    target = (generator.random(rows) < 1 / (1 + np.exp(-turned * logits))).astype(float)
    positive = 1 / (1 + np.exp(-sharpness * logits))
    return make_record(batch, Task.BINARY, np.column_stack([1 - positive, positive]), target, flagged)


def make_regression(batch, rows=400, seed=0):
    """Errors of a heavy tail (Student's t with 2.5 degrees of freedom) that grow with the prediction."""
    generator = np.random.default_rng([seed, batch])
    predicted = generator.lognormal(generator.normal(0, 0.4), 0.5, rows)
    return make_record(
        batch, Task.REGRESSION, predicted[:, None], predicted + 0.3 * predicted * generator.standard_t(2.5, rows)
    )


def make_multiclass(batch, rows=400, seed=0):
    generator = np.random.default_rng([seed, batch])
    logits = (0.5 + 2 * generator.random()) * generator.normal(size=(rows, 3))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = (generator.random(rows)[:, None] > chances.cumsum(axis=1)).sum(axis=1).clip(max=2).astype(float)
    sharp = chances**2
    return make_record(batch, Task.MULTICLASS, sharp / sharp.sum(axis=1, keepdims=True), target)


def watch(records, measures, first=8, step=1):
    """Return (estimated, realised, covered, realised on the batch before) of each batch, by measure."""
    seen = {name: [] for name in measures}
    for place in range(first, len(records), step):
        estimator = fit_estimator(records[max(0, place - 25) : place], LINE, measures)
        rows, outputs = records[place].rows, records[place].predicted[LINE]
        made = estimate(estimator, outputs, rows.kinds)
        for name, one in made.measures.items():
            shown = [
                realise(name, rows.task, record.rows.target, record.predicted[LINE], 0.5)
                for record in (records[place], records[place - 1])
            ]
            seen[name].append((one.estimated, shown[0], one.covers(shown[0]), shown[1]))
    return {name: np.array(known) for name, known in seen.items()}


def ask(records, measures, asked, rows=None):
    estimator = fit_estimator(records, LINE, measures)
    chosen = slice(None) if rows is None else rows
    return estimate(estimator, asked.predicted[LINE][chosen], asked.rows.kinds[chosen])


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 10_000),
    st.integers(2, 60),
    st.sampled_from(["roc_auc", "average_precision", "brier", "log_loss", "accuracy", "f1", "precision", "recall"]),
)
def test_certain_beliefs_give_the_metric_itself(seed, rows, name):
    generator = np.random.default_rng(seed)
    positive = generator.integers(0, 6, rows) / 5  # ties on purpose
    outputs, target = np.column_stack([1 - positive, positive]), generator.integers(0, 2, rows).astype(float)
    known = compute_metrics(Task.BINARY, target, outputs)
    calibrated = np.column_stack([1 - target, target])
    if name in known:
        assert expect(name, Task.BINARY, outputs, calibrated, 0.5) == pytest.approx(known[name])
        assert realise(name, Task.BINARY, target, outputs, 0.5) == pytest.approx(known[name])


def test_expectations_are_what_drawing_labels_gives_on_average():
    generator = np.random.default_rng(0)
    truth = generator.random(400)
    positive = truth**2
    outputs, calibrated = np.column_stack([1 - positive, positive]), np.column_stack([1 - truth, truth])
    for name in ("roc_auc", "average_precision", "f1", "log_loss", "accuracy", "brier"):
        drawn = [
            realise(name, Task.BINARY, (generator.random(400) < truth).astype(float), outputs, 0.5) for _ in range(200)
        ]
        assert expect(name, Task.BINARY, outputs, calibrated, 0.5) == pytest.approx(np.mean(drawn), abs=0.01), name


@pytest.mark.parametrize("task", list(Task))
def test_every_metric_has_an_expectation(task):
    make = {Task.BINARY: make_binary, Task.MULTICLASS: make_multiclass, Task.REGRESSION: make_regression}[task]
    names = [name for name, metric in METRICS.items() if task in metric.tasks]
    made = ask([make(batch) for batch in range(MIN_BATCHES + 1)], names, make(50))
    assert set(made.measures) == set(names)
    for one in made.measures.values():
        assert one.lower < one.estimated < one.upper or one.estimated in (one.lower, one.upper)


@pytest.mark.parametrize(("sharpness", "share"), [(1.0, 0.5), (3.0, 0.75)])
def test_confidence_tells_easy_batches_from_hard_ones_also_where_it_is_overdone(sharpness, share):
    seen = watch([make_binary(batch, sharpness=sharpness) for batch in range(26)], ["log_loss", "roc_auc"], step=3)
    for name, known in seen.items():
        estimated, realised, covered, before = known.T
        assert np.abs(estimated - realised).mean() < share * np.abs(before - realised).mean(), name
        assert covered.mean() >= 0.8, name


@pytest.mark.parametrize(
    ("make", "measures"), [(make_multiclass, ["log_loss", "accuracy"]), (make_regression, ["rmse", "mae"])]
)
def test_other_tasks_are_estimated_and_covered(make, measures):
    for name, known in watch([make(batch) for batch in range(26)], measures, step=3).items():
        estimated, realised, covered, before = known.T
        assert np.abs(estimated - realised).mean() < 0.8 * np.abs(before - realised).mean(), name
        assert covered.mean() >= 0.8, name


def test_a_systematic_error_is_taken_off_and_widens_the_interval():
    calm = [make_binary(batch) for batch in range(12)]
    turned = [make_binary(batch, turned=-0.5) for batch in range(12, 24)]
    before = ask(calm, ["log_loss"], turned[0]).measures["log_loss"]
    after = ask([*calm, *turned[:6]], ["log_loss"], turned[6]).measures["log_loss"]
    realised = [realise("log_loss", Task.BINARY, one.rows.target, one.predicted[LINE], 0.5) for one in turned]
    assert not before.covers(realised[0])
    assert after.covers(realised[6])
    assert abs(after.estimated - realised[6]) < 0.4 * abs(before.estimated - realised[0])
    assert after.upper - after.lower > before.upper - before.lower


def test_fewer_rows_have_a_wider_interval_down_to_one_row():
    records = [make_binary(batch, rows=1000) for batch in range(10)]
    asked = make_binary(20, rows=1000)
    widths = []
    for rows in (1000, 200, 30, 1):
        one = ask(records, ["log_loss", "roc_auc"], asked, slice(0, rows)).measures["log_loss"]
        assert 0 < one.lower <= one.estimated <= one.upper
        widths.append(one.upper - one.lower)
    assert widths == sorted(widths)
    alone = ask(records, ["log_loss", "roc_auc"], asked, slice(0, 1))
    assert "roc_auc" not in alone.measures
    assert alone.reason == "roc_auc cannot be told of these 1 rows"


@pytest.mark.parametrize("rows", [40, 400])
def test_small_requests_are_covered_nine_times_of_ten(rows):
    hits = []
    for seed in range(4):
        records = [make_binary(batch, rows=1200, seed=seed) for batch in range(16)]
        estimator = fit_estimator(records[:12], LINE, ["log_loss"])
        for one in records[12:]:
            for start in range(0, 1200, rows):
                part = slice(start, start + rows)
                made = estimate(estimator, one.predicted[LINE][part], one.rows.kinds[part])
                shown = realise("log_loss", Task.BINARY, one.rows.target[part], one.predicted[LINE][part], 0.5)
                hits.append(made.measures["log_loss"].covers(shown))
    assert 0.82 <= np.mean(hits) <= 0.98


def test_damaged_rows_are_judged_by_damaged_copies():
    flagged = np.arange(600) >= 400

    def make(batch):
        one = make_binary(batch, rows=600, flagged=flagged)
        target = np.where(flagged, np.random.default_rng(batch).integers(0, 2, 600), one.rows.target)
        return make_record(batch, Task.BINARY, one.predicted[LINE], target.astype(float), flagged)

    records = [make(batch) for batch in range(12)]
    clean, damaged = (
        ask(records, ["log_loss"], make(31), flagged == want).measures["log_loss"].estimated for want in (False, True)
    )
    rows, outputs = make(31).rows, make(31).predicted[LINE]
    shown = [
        realise("log_loss", Task.BINARY, rows.target[flagged == want], outputs[flagged == want], 0.5)
        for want in (False, True)
    ]
    assert clean == pytest.approx(shown[0], rel=0.1)
    assert damaged == pytest.approx(shown[1], rel=0.2)
    assert damaged > 1.1 * clean


@pytest.mark.parametrize(("batches", "told"), [(1, "is 1 such batch"), (MIN_BATCHES - 1, "are 4 such batches")])
def test_too_few_batches_say_so(batches, told):
    """Records out of fold count as well, so the sentence speaks of them: after one batch there is one of them."""
    records = [make_binary(batch) for batch in range(batches)]
    made = ask(records, ["log_loss"], make_binary(9))
    assert made.measures == {}
    assert made.reason == (
        "not estimated before 5 batches were predicted by fits of what serves that had not learned them, out of fold "
        f"or before they were learned; there {told}"
    )
    assert made.describe() == made.reason


def test_a_past_of_one_class_is_estimated_but_for_what_needs_two():
    records = [make_binary(batch, centre=-30.0) for batch in range(8)]
    assert all(not record.rows.target.any() for record in records)
    made = ask(records, ["log_loss", "roc_auc"], make_binary(9, centre=-30.0))
    assert made.measures["log_loss"].estimated < 0.01
    assert "roc_auc" not in made.measures


def test_perfect_predictions_and_constant_ones_leave_finite_numbers():
    target = np.arange(50.0)
    exact = [make_record(batch, Task.REGRESSION, target[:, None], target) for batch in range(8)]
    level = [make_record(batch, Task.REGRESSION, np.ones((50, 1)), target) for batch in range(8)]
    assert ask(exact, ["rmse"], exact[0]).measures["rmse"].estimated < 1e-5
    assert ask(level, ["rmse"], level[0]).measures["rmse"].covers(np.sqrt(((target - 1) ** 2).mean()))


def test_later_labels_change_no_earlier_estimate():
    records = [make_binary(batch) for batch in range(12)]
    asked = records[9]
    turned = make_record(9, Task.BINARY, asked.predicted[LINE], 1 - asked.rows.target)
    assert ask(records[:9], ["log_loss"], asked) == ask(records[:9], ["log_loss"], turned)
    assert ask([*records[:9], asked], ["log_loss"], records[10]) != ask(
        [*records[:9], turned], ["log_loss"], records[10]
    )


def test_a_class_that_comes_late_does_not_disturb():
    estimator = fit_estimator([make_binary(batch) for batch in range(8)], LINE, ["log_loss"])
    asked = make_binary(9)
    wider = np.column_stack([np.zeros(400, dtype=np.float32), asked.predicted[LINE]])
    known = estimate(estimator, asked.predicted[LINE], asked.rows.kinds)
    assert estimate(estimator, wider, asked.rows.kinds, ("maybe", "no", "yes")) == known


@pytest.mark.parametrize("make", [make_binary, make_multiclass, make_regression])
def test_it_is_stored_as_json_and_comes_back_the_same(make):
    records, asked = [make(batch) for batch in range(8)], make(9)
    measures = ["rmse", "r2"] if make is make_regression else ["log_loss", "accuracy"]
    estimator = fit_estimator(records, LINE, measures)
    again = PerformanceEstimator.from_json(json.loads(json.dumps(estimator.to_json(), allow_nan=False)))
    outputs, kinds = asked.predicted[LINE], asked.rows.kinds
    assert estimate(again, outputs, kinds) == estimate(estimator, outputs, kinds)


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(float, st.integers(1, 6), elements=st.floats(1e-9, 1e6)), st.integers(0, 5))
def test_variances_are_never_negative(squares, seed):
    sizes = np.sort(np.random.default_rng(seed).integers(1, 5_000, len(squares))).astype(float) + np.arange(
        len(squares)
    )
    between, within = fit_variance(sizes, squares)
    assert between >= 0
    assert within >= 0


@given(hnp.arrays(float, st.integers(1, 30), elements=st.floats(-1e6, 1e6)), st.floats(0, 1), st.floats(0, 1))
def test_quantiles_rise_with_their_level(numbers, first, second):
    low, high = (find_quantile(numbers, np.ones(len(numbers)), level) for level in sorted((first, second)))
    assert numbers.min() <= low <= high <= numbers.max()


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 20), st.integers(0, 1000))
def test_an_interval_holds_nought_and_grows_after_misses(batches, seed):
    generator = np.random.default_rng(seed)
    kinds, rows = np.array([10.0] * 5 + [0.0]), np.array([10.0] * 5 + [100.0])
    history = [BatchErrors(kinds, rows, generator.normal(size=6) / np.sqrt(rows)) for _ in range(batches)]
    calm = fit_interval(history)
    missed = fit_interval([*history, BatchErrors(kinds, rows, np.full(6, 50.0))])
    assert all(low < 0 < high for low, high in zip(calm.low, calm.high, strict=True))
    assert missed.high[-1] * np.sqrt(missed.between + missed.within / 100) > calm.high[-1] * np.sqrt(
        calm.between + calm.within / 100
    )


@pytest.mark.parametrize("make", [make_binary, make_multiclass, make_regression])
def test_batches_of_any_size_leave_finite_numbers_in_order(make):
    task = make(0).rows.task
    names = [name for name, metric in METRICS.items() if task in metric.tasks]
    generator = np.random.default_rng(5)
    records = [make(batch, rows=int(generator.choice([1, 2, 7, 200]))) for batch in range(14)]
    for rows in (1, 2, 50):
        for name, one in ask(records, names, make(99, rows=rows)).measures.items():
            assert -np.inf < one.lower <= one.estimated <= one.upper < np.inf, name


def test_too_short_a_history_has_no_interval():
    assert fit_interval([]) is None
