"""Data drift: the distance against scipy, the noise against simulated samples, and what must not change either."""

import json
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from claims_batch import SCHEMA, make_frame
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon

from pointsman.common.errors import DataError
from pointsman.common.reading import read_inputs
from pointsman.pipeline.drift.bins import fit_level_bins, fit_numeric_bins
from pointsman.pipeline.drift.distance import compute_distance, compute_drift
from pointsman.pipeline.drift.reference import PROTOCOL, Reference, fit_reference


def make_inputs(rows=2_000, seed=0):
    return read_inputs(make_frame(rows, seed), SCHEMA)


def drift_of(column, before, after):
    (found,) = [drift for drift in compute_drift(fit_reference(before, SCHEMA), after) if drift.column == column]
    return found


def as_numbers(numbers):
    """Inputs whose premium is ``numbers`` and whose other cells are missing."""
    return pd.DataFrame({"premium": pd.Series(numbers, dtype="float64")})


def as_levels(levels):
    return pd.DataFrame({"make": pd.Series(levels, dtype="str")})


NUMBERS = replace(SCHEMA, numeric=("premium",), categorical=(), dates=())
LEVELS = replace(SCHEMA, numeric=(), categorical=("make",), dates=())


@given(arrays("float64", (2, 6), elements=st.floats(0, 1)))
def test_the_distance_is_that_of_scipy_and_symmetric(weights):
    p, q = (weights + 1e-9) / (weights + 1e-9).sum(axis=1, keepdims=True)
    assert compute_distance(p, q) == pytest.approx(jensenshannon(p, q, base=2), abs=1e-7)
    assert compute_distance(p, q) == pytest.approx(compute_distance(q, p), abs=1e-9)


def test_identical_tables_have_no_drift_in_any_row_order():
    inputs = make_inputs()
    reference = fit_reference(inputs, SCHEMA)
    assert [drift.distance for drift in compute_drift(reference, inputs)] == [0.0] * 4
    shuffled = make_inputs().sample(frac=1, random_state=1)
    assert fit_reference(shuffled, SCHEMA) == reference
    other = make_inputs(seed=1)
    assert compute_drift(reference, other) == compute_drift(reference, other.iloc[::-1])


def test_a_constant_column_drifts_nowhere_and_changes_no_other_column():
    schema = replace(SCHEMA, numeric=(*SCHEMA.numeric, "country"))
    before, after = make_inputs(seed=0), make_inputs(seed=1)
    drift = compute_drift(fit_reference(before.assign(country=1.0), schema), after.assign(country=1.0))
    constant = [column for column in drift if column.column == "country"]
    assert [(column.distance, column.noise) for column in constant] == [(0.0, 0.0)]
    assert tuple(c for c in drift if c.column != "country") == compute_drift(fit_reference(before, SCHEMA), after)


def test_the_time_of_a_row_is_no_drift_and_other_dates_are_taken_from_it():
    before = make_inputs()
    a_year_later = before.assign(
        begin=before["begin"] + pd.DateOffset(days=400), end=before["end"] + pd.DateOffset(days=400)
    )
    drift = {column.column: column for column in compute_drift(fit_reference(before, SCHEMA), a_year_later)}
    assert set(drift) == {"premium", "seats", "make", "end"}
    assert drift["end"].distance == 0
    shortened = drift_of("end", before, before.assign(end=before["begin"] + pd.DateOffset(days=30)))
    assert (shortened.distance, shortened.mean_before, shortened.mean_after) == (1, 364, 30)


def test_an_outage_is_drift_to_missing():
    before = make_inputs()
    drift = drift_of("premium", before, before.assign(premium=np.nan))
    assert drift.distance == 1
    assert (drift.moved, drift.missing_before, drift.missing_after, drift.mean_after) == ("missing", 0, 1, None)
    assert drift_of("make", before, before.assign(make=pd.Series(None, index=before.index, dtype="str"))).distance == 1


def test_a_point_mass_is_a_bin_of_its_own():
    random = np.random.default_rng(0)
    insured = np.where(random.random(4_000) < 0.43, 0, random.gamma(2, 1e5, 4_000))
    bins = fit_numeric_bins(pd.Series(insured))
    counts = dict(zip(bins.labels, bins.count(pd.Series(insured)), strict=True))
    assert counts["0"] == (insured == 0).sum()
    assert max(counts.values()) == counts["0"]
    assert sum(counts.values()) == 4_000
    # Zeros become small positive amounts: the mean hardly moves, the distance sees it.
    shifted = np.where(insured == 0, 1.0, insured)
    (drift,) = compute_drift(fit_reference(as_numbers(insured), NUMBERS), as_numbers(shifted))
    assert abs(drift.moved_after - drift.moved_before) == pytest.approx(counts["0"] / 4_000)
    assert drift.distance > 0.5
    assert drift.mean_after == pytest.approx(drift.mean_before, rel=1e-4)


def test_a_number_never_seen_beside_a_constant_is_drift():
    (drift,) = compute_drift(fit_reference(as_numbers([4.0] * 50), NUMBERS), as_numbers([5.0] * 50))
    assert drift.distance == 1


@pytest.mark.parametrize("factor", [-1, 1000])
def test_numbers_beyond_all_of_the_reference_share_nothing_with_it(factor):
    numbers = np.random.default_rng(0).uniform(1, 2, 500)
    (drift,) = compute_drift(fit_reference(as_numbers(numbers), NUMBERS), as_numbers(numbers * factor))
    assert drift.distance == 1
    assert drift.moved == (f"below {numbers.min():.6g}" if factor < 0 else f"above {numbers.max():.6g}")


def test_rare_levels_share_a_bin_and_unseen_ones_are_named():
    before = ["TOYOTA"] * 900 + ["ISUZU"] * 90 + [f"rare {number}" for number in range(10)]
    after = ["TOYOTA"] * 900 + ["BYD"] * 60 + ["Lifan"] * 30 + ["rare 1"] * 10
    bins = fit_level_bins(pd.Series(before, dtype="str"))
    assert bins.frequent == ("ISUZU", "TOYOTA")
    assert bins.count(pd.Series(after, dtype="str")).tolist() == [0, 900, 10, 90, 0]
    (drift,) = compute_drift(fit_reference(as_levels(before), LEVELS), as_levels(after))
    assert drift.new_levels == (("BYD", 0.06), ("Lifan", 0.03))
    assert drift.new_share == pytest.approx(0.09)
    assert drift.mean_before is None


def draw_numbers(random, rows):
    return as_numbers(np.where(random.random(rows) < 0.4, 0, random.lognormal(8, 1, rows)))


def draw_levels(random, rows):
    """As many levels as a vehicle make has: most are rare, and every sample brings new ones."""
    return as_levels([f"make {code}" for code in random.zipf(1.5, rows)])


@pytest.mark.parametrize(("schema", "draw"), [(NUMBERS, draw_numbers), (LEVELS, draw_levels)])
@pytest.mark.parametrize("rows", [(1_000, 100), (400, 400), (3_000, 1_000)])
def test_the_noise_is_the_distance_that_chance_makes(schema, draw, rows):
    """Within a fifth of the root mean square distance of samples drawn alike, for every batch size."""
    random = np.random.default_rng(3)
    squares = np.zeros((40, 2))
    for place in range(len(squares)):
        (drift,) = compute_drift(fit_reference(draw(random, rows[0]), schema), draw(random, rows[1]))
        squares[place] = drift.distance**2, drift.noise**2
    distance, noise = np.sqrt(squares.mean(axis=0))
    assert noise == pytest.approx(distance, rel=0.2)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40),
    st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40),
)
def test_any_numbers_give_a_distance_in_its_bounds_that_can_be_stored(before, after):
    reference = fit_reference(as_numbers(before), NUMBERS)
    (drift,) = compute_drift(reference, as_numbers(after))
    assert 0 <= drift.distance <= 1
    assert 0 <= drift.noise <= 1
    assert sum(reference.columns["premium"].counts) == len(before)
    assert len(reference.columns["premium"].counts) == len(reference.columns["premium"].bins.labels)
    json.dumps(vars(drift), allow_nan=False)
    assert Reference.from_json(reference.to_json()) == reference


def test_a_stored_reference_gives_the_same_drift():
    reference, batch = fit_reference(make_inputs(), SCHEMA), make_inputs(300, seed=5)
    stored = reference.to_json()
    assert compute_drift(Reference.from_json(stored), batch) == compute_drift(reference, batch)
    assert fit_reference(make_inputs(), SCHEMA).to_json() == stored
    later = stored.replace(f'"protocol": {PROTOCOL}'.encode(), b'"protocol": 99')
    with pytest.raises(DataError, match="protocol 99"):
        Reference.from_json(later)


def test_tables_without_rows_are_refused():
    with pytest.raises(DataError, match="reference needs rows"):
        fit_reference(make_inputs().head(0), SCHEMA)
    with pytest.raises(DataError, match="batch without rows"):
        compute_drift(fit_reference(make_inputs(), SCHEMA), make_inputs().head(0))


def test_a_hundred_columns_of_twenty_thousand_rows_take_less_than_a_second():
    random = np.random.default_rng(0)
    numeric, categorical = [f"n{place}" for place in range(60)], [f"c{place}" for place in range(40)]
    numbers = pd.DataFrame(random.normal(size=(20_000, 60)), columns=numeric)
    levels = pd.DataFrame(random.integers(0, 300, (20_000, 40)).astype(str), columns=categorical, dtype="str")
    inputs = pd.concat([numbers, levels], axis=1)
    reference = fit_reference(inputs, replace(SCHEMA, numeric=tuple(numeric), categorical=tuple(categorical), dates=()))
    started = time.process_time()
    compute_drift(reference, inputs)
    assert time.process_time() - started < 1


def test_a_real_stream_drifts_where_its_history_says(real_data):
    """Bank marketing: from 2008 to 2010 the European interest rate fell from 5 to 1 per cent; weekdays stayed."""
    frame = pd.read_csv(real_data("bank.csv"), dtype="str")
    schema = replace(SCHEMA, time="contact_date", numeric=("age", "euribor3m"), categorical=("day_of_week",), dates=())
    before, after = (read_inputs(part, schema) for part in (frame.iloc[:10_000], frame.iloc[-10_000:]))
    drift = {column.column: column for column in compute_drift(fit_reference(before, schema), after)}
    assert drift["euribor3m"].distance > 0.9
    assert drift["euribor3m"].mean_after < 2 < 4 < drift["euribor3m"].mean_before
    assert drift["day_of_week"].distance < 0.1
