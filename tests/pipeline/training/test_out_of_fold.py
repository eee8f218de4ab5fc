"""Newcomers get their record out of fold, and active lines learn on without a look ahead."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pointsman.common.task import Task
from pointsman.meta.records import make_rows
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.fitting import update_model
from pointsman.model_zoo.reference_fitting import fit_input_reference
from pointsman.pipeline.preparation.training_set import TrainingSet, join_rows
from pointsman.pipeline.training.out_of_fold import (
    BACKFILLED,
    EvaluationTable,
    breaks_gap,
    enter_newcomer,
    find_earlier,
)
from pointsman.pipeline.training.refit import MAX_UPDATES, RefitJob, refit
from pointsman.registry.contender import Contender, Origin

BATCH_ROWS = 120
LINEAR = Candidate("linear", "onehot", {"l2_penalty": 1.0})
KNN = Candidate("knn", "target", {"neighbours": 15, "weighting": "uniform", "max_rows": 5_000})


def make_batch(number, flip=False):
    generator = np.random.default_rng(number)
    features = pd.DataFrame(
        {
            "worth": generator.normal(size=BATCH_ROWS),
            "make": pd.Series(generator.choice(["a", "b"], BATCH_ROWS), dtype="str"),
        }
    )
    target = (features["worth"] + generator.normal(0, 0.3, BATCH_ROWS) > 0).to_numpy(dtype=float)
    times = pd.Series(pd.date_range("2020-01-01", periods=BATCH_ROWS, freq="h") + pd.Timedelta(days=10 * number))
    return number, features, 1 - target if flip else target, times


def make_ground(batches, gap="0D"):
    return TrainingSet(join_rows(batches, 10_000), Task.BINARY, ("0", "1"), 1, 1, gap)


def make_table(batch, first_row=0):
    number, features, target, _ = batch
    covered = features.iloc[first_row:]
    normal = fit_input_reference(features)
    rows, damaged = make_rows(number, covered, target[first_row:], Task.BINARY, ("0", "1"), normal, 1)
    return EvaluationTable(rows, damaged, first_row, len(covered))


def test_a_gap_that_leaves_nothing_of_the_first_batch_is_broken_there_alone():
    first, second = (make_batch(number) for number in (1, 2))
    newer = make_table(first, BATCH_ROWS // 2)
    kept = find_earlier(make_ground([first], "24h"), newer)
    assert (len(kept), breaks_gap(make_ground([first], "24h"), newer)) == (BATCH_ROWS // 2 - 24, False)
    for gap in ("60h", "30D"):
        training_set = make_ground([first], gap)
        assert len(find_earlier(training_set, newer)) == BATCH_ROWS // 2
        assert breaks_gap(training_set, newer)
    later = make_table(second)
    assert find_earlier(make_ground([first, second], "30D"), later) is None
    assert not breaks_gap(make_ground([first, second], "30D"), later)
    assert not breaks_gap(make_ground([first, second], "1h"), later)


def predict_out_of_fold(training_set, candidate, table):
    """What a newcomer predicts for one table; None where nothing lies before it."""
    return enter_newcomer(training_set, candidate, "new-1", Origin.SEARCH, [table]).outputs.get(table.rows.batch)


def test_a_record_out_of_fold_does_not_depend_on_its_own_labels_or_later_ones():
    batches = [make_batch(number) for number in (1, 2, 3)]
    changed = [batches[0], make_batch(2, flip=True), make_batch(3, flip=True)]
    table = make_table(batches[1])
    honest, again = (predict_out_of_fold(make_ground(rows), LINEAR, table) for rows in (batches, changed))
    np.testing.assert_array_equal(honest, again)
    reached = predict_out_of_fold(make_ground([make_batch(1, flip=True), *batches[1:]]), LINEAR, table)
    assert not np.allclose(honest, reached)


def test_rows_released_from_quarantine_are_not_learned_before_the_record_of_their_own_batch():
    """They precede the other rows of their batch, though some of them are later."""
    first, second, third = (make_batch(number) for number in (1, 2, 3))
    released = (2, second[1].tail(20), 1 - second[2][-20:], second[3].tail(20))
    tables = make_table(second), make_table(third)
    without, with_them = (
        [predict_out_of_fold(make_ground(batches), LINEAR, table) for table in tables]
        for batches in ([first, second, third], [first, released, second, third])
    )
    np.testing.assert_array_equal(with_them[0], without[0])
    assert not np.allclose(with_them[1], without[1])


def test_the_first_batch_is_learned_up_to_where_its_record_begins():
    first = make_batch(1)
    table = make_table(first, first_row=60)
    predicted = predict_out_of_fold(make_ground([first]), LINEAR, table)
    clean = table.rows.clean
    assert ((predicted[clean, 1] > 0.5) == table.rows.target[clean]).mean() > 0.8
    late = (first[0], first[1], np.where(np.arange(BATCH_ROWS) >= 60, 1 - first[2], first[2]), first[3])
    np.testing.assert_array_equal(predicted, predict_out_of_fold(make_ground([late]), LINEAR, table))


def test_rows_closer_than_the_delay_of_labels_are_not_learned():
    batches = [make_batch(1), make_batch(2)]
    table = make_table(batches[1])
    assert predict_out_of_fold(make_ground(batches, "10D"), LINEAR, table) is None
    few = predict_out_of_fold(make_ground(batches, "8D"), LINEAR, table)
    assert few is not None
    assert not np.allclose(few, predict_out_of_fold(make_ground(batches), LINEAR, table))


def test_a_newcomer_has_a_record_of_the_newest_batches_on_its_first_day():
    batches = [make_batch(number) for number in range(1, 7)]
    newcomer = enter_newcomer(
        make_ground(batches), LINEAR, "linear-0009", Origin.SEARCH, [make_table(one) for one in batches]
    )
    assert sorted(newcomer.outputs) == [4, 5, 6][-BACKFILLED:]
    assert newcomer.line == "linear-0009"


def train_known(candidate, updates=0, newest=None, mode=Origin.UPDATE):
    batches = [make_batch(1), make_batch(2)]
    before = make_ground(batches[:1])
    model = before.fit(candidate, before.rows)
    version = SimpleNamespace(
        family=candidate.family, candidate=candidate, updates=updates, line="l", id="l", last_batch=1, first_batch=1
    )
    contender = Contender("l", Origin.KEPT, candidate, version, {})
    return refit(make_ground([batches[0], newest or batches[1]]), RefitJob(contender, model, mode))


@pytest.mark.parametrize(
    ("candidate", "updates", "origin"),
    [
        (KNN, 0, Origin.UPDATE),
        (KNN, MAX_UPDATES, Origin.REFIT),
        (Candidate("knn", "target", KNN.params, guarded=True), 0, Origin.REFIT),
        (Candidate("knn", "target", KNN.params, window=1), 0, Origin.REFIT),
        (LINEAR, 0, Origin.UPDATE),
        (Candidate("tree", "target"), 0, Origin.REFIT),
    ],
)
def test_a_plain_line_is_continued_where_its_family_can_and_others_are_fitted_anew(candidate, updates, origin):
    trained = train_known(candidate, updates)
    assert trained.origin is origin
    assert trained.updates == (updates + 1 if origin is Origin.UPDATE else 0)


def test_a_line_that_goes_on_learns_every_batch_since_its_last():
    batches = [make_batch(number) for number in (1, 2, 3)]
    start, training_set = make_ground(batches[:1]), make_ground(batches)
    model = start.fit(LINEAR, start.rows)
    version = SimpleNamespace(
        family=LINEAR.family, candidate=LINEAR, updates=0, line="l", id="l", last_batch=1, first_batch=1
    )
    trained = refit(training_set, RefitJob(Contender("l", Origin.KEPT, LINEAR, version, {}), model))
    waiting = training_set.rows.last(2)
    expected = update_model(model, waiting.features, waiting.target, training_set.seed, training_set.threads)
    assert trained.origin is Origin.UPDATE
    assert expected.with_threshold(0.5).dump().items() <= trained.parts.items()


def test_a_line_whose_way_is_a_refit_is_fitted_anew_though_it_could_be_updated():
    assert train_known(KNN, mode=Origin.REFIT).origin is Origin.REFIT


def test_a_season_that_the_window_has_not_covered_is_not_learned():
    batches = [make_batch(number) for number in (1, 2, 3)]
    hours = [
        (number, features.assign(hour=times.dt.hour.astype(float), month=times.dt.month.astype(float)), target, times)
        for number, features, target, times in batches
    ]
    rows = join_rows(hours, 10_000, {"hour": 1.0, "month": 365.25})
    training_set = TrainingSet(rows, Task.BINARY, ("0", "1"), 1, 1, "0D")
    assert training_set.fit(LINEAR, rows).features == ("worth", "make", "hour")


def test_a_new_feature_makes_a_line_start_anew():
    number, features, target, times = make_batch(2)
    assert train_known(KNN, newest=(number, features.assign(late=1.0), target, times)).origin is Origin.REFIT


def test_a_window_bounds_what_is_learned():
    old, new = make_batch(1, flip=True), make_batch(2)
    training_set = make_ground([old, new])
    windowed = training_set.fit(Candidate("linear", "onehot", LINEAR.params, window=1), training_set.rows)
    alone = make_ground([new]).fit(LINEAR, make_ground([new]).rows)
    np.testing.assert_allclose(windowed.predict(new[1]), alone.predict(new[1]))


GROWING = Candidate("lightgbm", "native", {"rounds": 20, "num_leaves": 7, "stopping": True})


def test_what_a_fit_found_out_is_kept_with_the_model_and_makes_no_other_candidate():
    batches = [make_batch(number) for number in range(1, 10)]
    newcomer = enter_newcomer(
        make_ground(batches), GROWING, "lightgbm-0001", Origin.PORTFOLIO, [make_table(batches[-1])]
    )
    assert newcomer.candidate.key == GROWING.key
    assert newcomer.candidate.params["found_rows"] == 8 * BATCH_ROWS
    done = refit(make_ground(batches), RefitJob(newcomer, None))
    assert done.candidate.params["found_age"] == 1
    assert done.candidate.params["found_rows"] == 9 * BATCH_ROWS
    again = make_ground(batches).fit(done.candidate, make_ground(batches).rows)
    assert again.with_threshold(0.5).dump().items() <= done.parts.items()


def test_what_was_found_of_a_record_does_not_depend_on_later_labels():
    batches = [make_batch(number) for number in range(1, 10)]
    changed = [*batches[:-1], make_batch(9, flip=True)]
    table = make_table(batches[-1])
    honest, again = (
        enter_newcomer(make_ground(rows), GROWING, "a", Origin.PORTFOLIO, [table]) for rows in (batches, changed)
    )
    np.testing.assert_array_equal(honest.outputs[9], again.outputs[9])
    assert honest.candidate == again.candidate
