"""Drift or damage: what happens to whole columns of a request, decided once, and told in sentences that are true."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.model_zoo.cell_flags import flag_cells
from pointsman.model_zoo.cells import Cells
from pointsman.model_zoo.column_verdicts import MIN_DRIFT_ROWS, MOST_TOLD, judge_columns
from pointsman.model_zoo.reference_fitting import fit_input_reference

MONTHS = ["Jan", "Feb", "Mar", "Apr"]


def make_rows(rows, seed=0):
    """Rows of seven columns, numbers of several shapes."""
    generator = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "even": generator.uniform(10, 20, rows),
            "normal": generator.normal(40, 10, rows),
            "skewed": generator.lognormal(3, 1, rows),
            "centred": generator.normal(0, 1, rows),
            "month": pd.Series(generator.choice(MONTHS, rows), dtype="str"),
            "make": pd.Series(generator.choice(["opel", "ford", "lada"], rows), dtype="str"),
            "fuel": pd.Series(generator.choice(["gas", "oil"], rows), dtype="str"),
            "flag": generator.integers(0, 2, rows).astype(float),
            "day": generator.integers(0, 90, rows).astype(float),
        }
    )


NUMBERS, LEVELS = ["even", "normal", "skewed", "centred", "flag", "day"], ["month", "make", "fuel"]
NORMAL = fit_input_reference(make_rows(3_000, seed=1))
LATER = make_rows(360, seed=2)


def judge(table):
    return judge_columns(Cells.of(table), NORMAL)


def test_ordinary_rows_change_nothing():
    assert judge(LATER).changes == ()
    assert judge(LATER).describe() == []
    assert not judge(LATER).news_usual.any()


def test_a_column_that_was_never_filled_calls_no_cell_impossible():
    normal = fit_input_reference(pd.DataFrame({"note": pd.Series([None] * 50, dtype="str"), "worth": [np.nan] * 50}))
    filled = pd.DataFrame({"note": pd.Series(map(str, range(50)), dtype="str"), "worth": np.arange(50.0)})
    for rows in (1, 50):
        assert not flag_cells(filled.head(rows), normal).anomalous.any()


class TestDrift:
    def test_a_month_never_seen_in_every_row(self):
        verdict = judge(LATER.assign(month="May"))
        assert (verdict.drifting, verdict.damaged) == (("month",), ())
        (told,) = verdict.describe()
        assert told.startswith("'month' holds a level never seen ('May') in 100% of its filled cells: taken for drift")

    def test_a_month_never_seen_in_nearly_every_row_and_a_few_new_ones(self):
        month = np.where(np.arange(360) % 12 == 0, "Apr", np.where(np.arange(360) < 180, "May", "Jun"))
        verdict = judge(LATER.assign(month=pd.Series(month, dtype="str")))
        assert verdict.drifting == ("month",)
        assert "holds 2 levels never seen" in verdict.describe()[0]

    @pytest.mark.parametrize("rows", [MIN_DRIFT_ROWS, 70, 300])
    def test_a_month_that_ends_within_the_request(self, rows):
        verdict = judge(LATER.assign(month=["Apr"] * (len(LATER) - rows) + ["May"] * rows))
        assert verdict.drifting == ("month",)
        assert not flag_cells(LATER.assign(month=["Apr"] * (len(LATER) - rows) + ["May"] * rows), NORMAL).unseen.any()

    def test_scattered_cells_and_a_few_last_ones_are_no_new_month(self):
        few = ["Apr"] * (len(LATER) - MIN_DRIFT_ROWS + 1) + ["May"] * (MIN_DRIFT_ROWS - 1)
        scattered = np.where(np.random.default_rng(3).random(len(LATER)) < 0.3, "May", "Apr")
        for month in (few, scattered):
            assert judge(LATER.assign(month=month)).changes == ()

    def test_a_season_moves_a_few_columns_at_once(self):
        verdict = judge(LATER.assign(month="May", fuel="wood", day=LATER["day"] + 150))
        assert set(verdict.drifting) == {"month", "fuel", "day"}

    @pytest.mark.parametrize("name", NUMBERS)
    @given(times=st.floats(1.01, 1.99))
    @settings(max_examples=10, deadline=None)
    def test_numbers_a_bit_beyond_the_range(self, name, times):
        """1.2 times its end, up to twice it."""
        verdict = judge(LATER.assign(**{name: NORMAL.numeric[name].high * times}))
        assert verdict.drifting == (name,)

    @pytest.mark.parametrize("name", ["even", "normal", "centred"])
    def test_a_mean_that_moves_by_ten_deviations(self, name):
        moved = LATER[name] + 10 * NORMAL.numeric[name].deviation
        assert judge(LATER.assign(**{name: moved})).drifting == (name,)

    def test_months_that_begin_again_at_one(self):
        """A model that learned November and December meets January."""
        late = fit_input_reference(pd.DataFrame({"month": np.repeat([11.0, 12.0], 200)}))
        assert judge_columns(Cells.of(pd.DataFrame({"month": np.ones(300)})), late).drifting == ("month",)

    def test_a_rate_that_leaves_a_narrow_range(self):
        calm = fit_input_reference(pd.DataFrame({"rate": np.linspace(4.855, 4.865, 400)}))
        assert judge_columns(Cells.of(pd.DataFrame({"rate": np.linspace(3, 4, 300)})), calm).drifting == ("rate",)

    def test_a_counter_that_is_two_batches_ahead(self):
        later = LATER["day"] + 180
        assert judge(LATER.assign(day=later)).drifting == ("day",)

    def test_fifty_new_towns_that_recur(self):
        towns = np.random.default_rng(3).choice([f"town {place}" for place in range(50)], 360)
        assert judge(LATER.assign(make=pd.Series(towns, dtype="str"))).drifting == ("make",)

    def test_the_same_new_level_in_columns_that_always_shared_levels(self):
        towns = pd.DataFrame({"start": ["x", "y"] * 500, "end": ["y", "x"] * 500}).astype("str")
        twins = fit_input_reference(towns)
        verdict = judge_columns(Cells.of(towns.assign(start="z", end="z").astype("str")), twins)
        assert set(verdict.drifting) == {"start", "end"}


class TestDamage:
    @pytest.mark.parametrize("name", ["even", "normal", "skewed", "centred"])
    @pytest.mark.parametrize("seed", range(5))
    def test_a_unit_that_is_a_hundred_times_too_small(self, name, seed):
        later = make_rows(360, seed=10 + seed)
        verdict = judge(later.assign(**{name: later[name] * 100}))
        assert (verdict.drifting, verdict.damaged) == ((), (name,))

    @pytest.mark.parametrize("name", NUMBERS)
    @pytest.mark.parametrize("garbage", [1e9, -1e9, np.inf, -1e300])
    def test_garbage_in_every_row(self, name, garbage):
        verdict = judge(LATER.assign(**{name: garbage}))
        assert (verdict.drifting, verdict.damaged) == ((), (name,))

    def test_the_sentence_says_how_far(self):
        (told,) = judge(LATER.assign(even=LATER["even"] * 100)).describe()
        assert told.startswith("'even' lies outside its usual range (5.04 to 25) in 100% of its filled cells: taken")
        assert " for damage, since a typical one of them is 58.9 times as large as any usual number" in told
        assert "guarded models take these cells as missing" in told

    def test_another_level_in_every_row(self):
        verdict = judge(LATER.assign(make=pd.Series([f"#{row:05d}" for row in range(360)], dtype="str")))
        assert verdict.damaged == ("make",)
        assert "hold a level that no other cell holds" in verdict.describe()[0]

    def test_the_same_level_in_columns_that_share_none(self):
        verdict = judge(LATER.assign(make="#REF!", fuel="#REF!"))
        assert set(verdict.damaged) == {"make", "fuel"}
        assert "'fuel' holds the same" in verdict.describe()[0]
        stray = LATER["fuel"].where(LATER.index > 3, "May")
        assert judge(LATER.assign(month="May", fuel=stray)).drifting == ("month",)

    def test_the_same_number_in_columns_of_different_ranges(self):
        assert set(judge(LATER.assign(even=-3.0, flag=-3.0)).damaged) == {"even", "flag"}
        assert judge(LATER.assign(flag=-1.0)).drifting == ("flag",)

    def test_more_columns_at_once_than_a_season_moves(self):
        moved = {name: LATER[name] + 8 * NORMAL.numeric[name].deviation for name in ("even", "normal", "centred")}
        verdict = judge(LATER.assign(**moved, month="May"))
        assert set(verdict.damaged) == {*moved, "month"}
        assert "4 of 9 columns have changed at once" in verdict.describe()[0]

    def test_what_is_told_is_bounded_and_names_damage_first(self):
        verdict = judge(LATER.assign(**dict.fromkeys(NUMBERS, 1e9), month="x" * 1_000))
        told = verdict.describe()
        assert len(told) == MOST_TOLD + 1
        assert all(len(sentence) < 400 for sentence in told)
        assert judge(LATER.assign(month="May", even=1e9)).describe()[0].startswith("'even'")


@given(st.sampled_from([1e9, "few", "each"]), st.integers(1, MIN_DRIFT_ROWS - 1))
@settings(max_examples=20, deadline=None)
def test_few_rows_have_no_verdict(kind, rows):
    later = make_rows(rows, seed=4)
    changed = {"even": 1e9} if kind == 1e9 else {"make": "new" if kind == "few" else [str(row) for row in range(rows)]}
    assert judge(later.assign(**changed).astype(LATER.dtypes.to_dict())).changes == ()


@given(st.permutations(range(40)), st.sampled_from(["x100", "month", "each"]))
@settings(max_examples=20, deadline=None)
def test_row_order_changes_no_verdict(order, kind):
    later = make_rows(40, seed=5)
    changed = {
        "x100": {"even": later["even"] * 100},
        "month": {"month": "May"},
        "each": {"make": later["even"].astype("str")},
    }[kind]
    table = later.assign(**changed)
    shuffled = table.iloc[list(order)].reset_index(drop=True)
    assert (judge(shuffled).drifting, judge(shuffled).damaged) == (judge(table).drifting, judge(table).damaged)
    assert judge(shuffled).changes
