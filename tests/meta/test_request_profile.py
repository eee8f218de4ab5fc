"""Profiles, kinds of rows and the alarm, on real tables."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pointsman.meta.alarm import Alarm, average_shares, find_alarm
from pointsman.meta.corruption import CORRUPTIONS
from pointsman.meta.flags import QUALITIES, RowKind, find_kinds, measure_quality
from pointsman.meta.metafeatures import METAFEATURES, profile_request
from pointsman.meta.plan import Expectation, Plan, serve_alone
from pointsman.meta.profile import Profile
from pointsman.model_zoo.cell_flags import flag_cells
from pointsman.model_zoo.reference_fitting import fit_input_reference

ROWS = 200
GENERATOR = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "worth": GENERATOR.uniform(10, 20, ROWS),
        "age": GENERATOR.uniform(0, 1, ROWS),
        "make": pd.Series(GENERATOR.choice(["a", "b"], ROWS), dtype="str"),
        "fuel": pd.Series(GENERATOR.choice(["x", "y"], ROWS), dtype="str"),
    }
)
NORMAL = fit_input_reference(TABLE)


def look_at(table):
    flags = flag_cells(table, NORMAL)
    return flags, profile_request(table, flags, NORMAL)


def damage(table=TABLE):
    damaged = table.copy()
    damaged.loc[:19, "worth"] = np.nan
    damaged.loc[10:49, "age"] = 1e6
    damaged.loc[50:59, "make"] = "unheard of"
    return damaged


def test_an_anomaly_outranks_a_gap():
    flags, profile = look_at(damage())
    kinds = find_kinds(flags)
    assert set(kinds[:10]) == {RowKind.SPARSE}
    assert set(kinds[10:60]) == {RowKind.ANOMALOUS}
    assert set(kinds[60:]) == {RowKind.CLEAN}
    assert profile.counts == (140, 10, 50)
    assert profile.rows == ROWS


def test_quality_counts_damaged_cells_of_the_row_and_of_the_request():
    flags, profile = look_at(damage())
    quality = dict(zip(QUALITIES, measure_quality(flags)[15].tolist(), strict=True))
    assert quality["row_missing"] == quality["row_out_of_range"] == 0.25
    assert quality["row_unusable"] == 0.5
    assert quality["request_missing"] == pytest.approx(20 / ROWS / 4)
    assert quality["request_worst_column"] == pytest.approx(0.2)
    assert profile.quality[RowKind.CLEAN][QUALITIES.index("row_unusable")] == 0
    assert profile.quality[RowKind.SPARSE][QUALITIES.index("row_missing")] == 0.25


def test_a_profile_is_finite_complete_and_survives_json():
    for table in (TABLE, damage(), damage().head(1), TABLE.mask(np.ones(TABLE.shape, dtype=bool)), TABLE[["age"]]):
        _, profile = look_at(table)
        assert set(profile.metafeatures) == set(METAFEATURES)
        assert np.isfinite(list(profile.metafeatures.values())).all()
        assert Profile.from_json(profile.to_json()) == profile


def test_numbers_that_add_up_to_more_than_a_number_holds_leave_metafeatures_finite():
    table = TABLE.assign(worth=np.where(np.arange(ROWS) % 2, 1e308, -1e308), age=1e308)
    table = table.sort_values("worth")  # sums of either sign overflow before they meet
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        described = look_at(table)[1].metafeatures
    assert np.isfinite(list(described.values())).all()
    assert described["distance_worst_column"] == 10


def test_row_order_changes_nothing():
    order = np.random.default_rng(1).permutation(ROWS)
    _, profile = look_at(damage())
    _, shuffled = look_at(damage().iloc[order].reset_index(drop=True))
    assert shuffled.counts == profile.counts
    np.testing.assert_allclose(np.array(shuffled.quality), np.array(profile.quality), atol=1e-6)


def test_no_row_is_no_error():
    _, profile = look_at(TABLE.head(0))
    assert profile.rows == 0


def test_the_alarm_names_the_column_and_anomalies_go_first():
    usual = average_shares([look_at(TABLE)[1]])
    alarm = find_alarm(look_at(damage())[1], usual)
    assert (alarm.damage, alarm.column, alarm.condition) == ("out of range", "age", "anomalous")
    assert alarm.describe() == "alarm: 20% of 'age' is unexpectedly out of range, usually 0%"
    gaps = TABLE.assign(worth=TABLE["worth"].where(np.arange(ROWS) >= 60))
    assert find_alarm(look_at(gaps)[1], usual).condition == "sparse"


def test_the_alarm_names_three_columns_and_counts_the_others():
    shares = {"a": (1.0, 0.0, 0.0), "b": (0.0, 0.5, 0.6), "c": (0.9, 0.0, 0.0), "d": (0.0, 0.0, 0.0), "e": (0.8, 0, 0)}
    alarm = find_alarm(replace(look_at(TABLE)[1], shares=shares), {"a": (0.2, 0.0, 0.0)})
    assert (alarm.column, alarm.damage) == ("b", "unseen")
    assert alarm.others == (("c", "missing"), ("a", "missing"), ("e", "missing"))
    assert alarm.describe() == (
        "alarm: 60% of 'b' is unexpectedly unseen, usually 0%; so, too, 'c' (unexpectedly missing), 'a' (unexpectedly "
        "missing), 1 more column"
    )


def test_a_column_that_is_often_empty_is_called_unexpectedly_missing_where_all_of_it_is():
    normal = fit_input_reference(OFTEN_EMPTY)
    usual = average_shares([profile_request(OFTEN_EMPTY, flag_cells(OFTEN_EMPTY, normal), normal)])
    gone = OFTEN_EMPTY.assign(age=np.nan)
    alarm = find_alarm(profile_request(gone, flag_cells(gone, normal), normal), usual)
    assert alarm.describe() == "alarm: 100% of 'age' is unexpectedly missing, usually 0%"


def test_what_is_usual_raises_no_alarm():
    assert not find_alarm(look_at(TABLE)[1], {})
    profile = look_at(damage())[1]
    assert find_alarm(profile, average_shares([look_at(TABLE)[1]]))
    assert not find_alarm(profile, average_shares([look_at(TABLE)[1], *[profile] * 3]))
    assert not Alarm()
    assert Alarm().condition == ""


SEASON = TABLE.assign(make=pd.Series("March", index=TABLE.index, dtype="str"))
OFTEN_EMPTY = TABLE.assign(age=TABLE["age"].mask(np.arange(ROWS) % 9 < 2))


def test_a_new_level_in_every_row_is_drift_and_raises_nothing():
    """A month's name that was never seen once sent every row into the fallback."""
    flags, profile = look_at(SEASON)
    assert flags.drifting == ("make",)
    assert profile.counts == (ROWS, 0, 0)
    assert profile.metafeatures["unseen_share"] == profile.metafeatures["anomalous_rows"] == 0
    assert profile.metafeatures["drifting_columns"] == 0.25
    assert not find_alarm(profile, average_shares([look_at(TABLE)[1]]))


@pytest.mark.parametrize(
    ("damaged", "damage", "column"),
    [
        (TABLE.assign(worth=TABLE["worth"] * 100), "out of range", "worth"),
        (TABLE.assign(age=1e9), "out of range", "age"),
        (TABLE.assign(make=TABLE["worth"].astype("str")), "unseen", "make"),
        (TABLE.assign(make="?", fuel="?"), "unseen", "make"),
    ],
)
def test_a_column_that_is_damaged_as_a_whole_makes_every_row_anomalous_and_raises_the_alarm(damaged, damage, column):
    flags, profile = look_at(damaged.astype(TABLE.dtypes.to_dict()))
    assert flags.drifting == ()
    assert profile.counts == (0, 0, ROWS)
    assert profile.metafeatures["drifting_columns"] == 0
    alarm = find_alarm(profile, average_shares([look_at(TABLE)[1]]))
    assert (alarm.damage, alarm.share, alarm.condition) == (damage, 1.0, "anomalous")
    assert alarm.column == column or damage == "unseen"


def test_gaps_as_usual_make_no_row_sparse_and_far_more_of_them_raise_the_alarm():
    normal = fit_input_reference(OFTEN_EMPTY)
    assert normal.missing_shares.max() == 0.23
    for table, sparse in ((OFTEN_EMPTY, 0), (OFTEN_EMPTY.assign(age=np.nan), ROWS), (OFTEN_EMPTY.head(1), 0)):
        profile = profile_request(table, flag_cells(table, normal), normal)
        assert profile.counts[RowKind.SPARSE] == sparse
        assert find_alarm(profile, {}).condition == ("sparse" if sparse else "")


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda one: one.name)
@pytest.mark.parametrize("seed", range(8))
def test_damaged_copies_are_never_taken_for_drift(corruption, seed):
    """Their shares of damaged cells reach 60 %, where drift begins."""
    flags, profile = look_at(corruption.apply(TABLE, np.random.default_rng(seed)))
    assert flags.drifting == ()
    if corruption.name not in ("noise", "unit x 0.01"):
        assert profile.counts[RowKind.CLEAN] < ROWS


def make_plan(*weights):
    return Plan("mixed", weights, ("selected",) * 3, "", Alarm(), "b", (), Expectation(0.5))


def test_the_members_of_a_plan_are_named_the_heaviest_of_any_kind_of_row_first():
    plan = make_plan({"a": 0.6, "b": 0.4}, {"b": 0.3, "d": 0.7}, {"c": 1.0})
    assert plan.lines == ("c", "d", "a", "b")
    assert make_plan({"b": 0.5, "a": 0.5}, {}, {}).lines == ("a", "b")
    assert make_plan(*serve_alone("a")).lines == ("a",)


def test_a_pinned_plan_answers_every_row_by_the_promoted_model_and_keeps_whom_to_ask_where_it_fails():
    plan = make_plan(*serve_alone("a"))
    pinned = plan.pin("mixture", [{"c": 0.5, "d": 0.5}, {"c": 1.0}, {"d": 1.0}])
    assert (pinned.model, pinned.champion, pinned.is_pinned, plan.is_pinned) == ("mixture", "b", True, False)
    assert pinned.weights[1] == {"c": 1.0}
    assert set(pinned.reasons) == {"promoted"}
    assert (pinned.ranking, pinned.expected) == ((), Expectation())


def test_a_row_of_a_new_month_is_as_usual_alone_as_in_company():
    """A column that begins a level with every batch says nothing against the first row of the next."""
    months, batches = np.repeat(["June", "July", "August"], 60), np.repeat([1, 2, 3], 60)
    known = TABLE.head(len(months)).assign(month=pd.Series(months, dtype="str"))
    coming = known.tail(40).reset_index(drop=True).assign(month="September")
    coming.loc[7, "make"] = "unheard of"
    normal = fit_input_reference(known, batches)
    assert normal.categorical["month"].new_share == 1.0
    assert normal.categorical["make"].new_share == 0.0
    together = find_kinds(flag_cells(coming, normal))
    alone = [find_kinds(flag_cells(coming.iloc[[row]], normal))[0] for row in range(len(coming))]
    assert together.tolist() == alone
    assert [row for row, kind in enumerate(alone) if kind == RowKind.ANOMALOUS] == [7]
    assert find_kinds(flag_cells(coming.iloc[[0]], fit_input_reference(known)))[0] == RowKind.ANOMALOUS
