"""Profiles, kinds of rows and the alarm, on real tables."""

import numpy as np
import pandas as pd
import pytest

from meta.alarm import Alarm, average_shares, find_alarm
from meta.flags import QUALITIES, RowKind, find_kinds, measure_quality
from meta.metafeatures import METAFEATURES
from meta.plan import find_leading
from meta.profile import Profile, profile_request
from model_zoo.cell_flags import flag_cells
from model_zoo.reference import fit_input_reference

ROWS = 200
GENERATOR = np.random.default_rng(0)
TABLE = pd.DataFrame({
    "worth": GENERATOR.uniform(10, 20, ROWS),
    "age": GENERATOR.uniform(0, 1, ROWS),
    "make": pd.Series(GENERATOR.choice(["a", "b"], ROWS), dtype="str"),
    "fuel": pd.Series(GENERATOR.choice(["x", "y"], ROWS), dtype="str"),
})  # fmt: skip
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
    assert "20% of 'age' is out of range, usually 0%" in alarm.describe()
    gaps = TABLE.assign(worth=TABLE["worth"].where(np.arange(ROWS) >= 60))
    assert find_alarm(look_at(gaps)[1], usual).condition == "sparse"


def test_what_is_usual_raises_no_alarm():
    assert not find_alarm(look_at(TABLE)[1], {})
    profile = look_at(damage())[1]
    assert find_alarm(profile, average_shares([look_at(TABLE)[1]]))
    assert not find_alarm(profile, average_shares([look_at(TABLE)[1], *[profile] * 3]))
    assert not Alarm()
    assert Alarm().condition == ""


def test_the_leading_line_has_most_weight_over_the_rows_there_are():
    weights = ({"a": 0.6, "b": 0.4}, {"b": 1.0}, {"c": 1.0})
    assert find_leading(weights, (10, 0, 0)) == "a"
    assert find_leading(weights, (10, 5, 0)) == "b"
    assert find_leading(weights, (0, 0, 1)) == "c"
