"""The demo stream looks like EIC's data, shows every event of its schedule, and is honest in time."""

import re
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from pointsman.common.errors import ConfigError
from pointsman.pipeline.collection.demo.levels import NEW_MAKES
from pointsman.pipeline.collection.demo.schedule import FIRST_DAY, LAST_DAY, SCHEDULE, DemoEvent, EventKind
from pointsman.pipeline.collection.demo.simulator import COLUMNS, ROWS_A_YEAR, simulate

ROWS, SEED = 40_000, 2011
NUMBERS = ["INSURED_VALUE", "PREMIUM", "PROD_YEAR", "SEATS_NUM", "CARRYING_CAPACITY", "CCM_TON", "CLAIM_PAID"]
EVENT = {event.kind: event for event in SCHEDULE}


def read(stream: pd.DataFrame) -> pd.DataFrame:
    """Numbers and dates as such, and the columns ``age`` and ``claimed``."""
    typed = stream.astype(dict.fromkeys(NUMBERS, float))
    for column in ("INSR_BEGIN", "INSR_END"):
        typed[column] = pd.to_datetime(stream[column], format="%d-%b-%y")
    return typed.assign(
        age=typed["INSR_BEGIN"].dt.year - typed["PROD_YEAR"],
        days=(typed["INSR_END"] - typed["INSR_BEGIN"]).dt.days,
        claimed=typed["CLAIM_PAID"].notna(),
    )


def between(policies: pd.DataFrame, start: date, end: date) -> pd.DataFrame:
    return policies[policies["INSR_BEGIN"].between(pd.Timestamp(start), pd.Timestamp(end))]


def inside(policies: pd.DataFrame, event: DemoEvent) -> pd.DataFrame:
    return between(policies, event.start, event.end)


def outside(policies: pd.DataFrame, event: DemoEvent) -> pd.DataFrame:
    return policies.drop(inside(policies, event).index)


@pytest.fixture(scope="module")
def stream() -> pd.DataFrame:
    return simulate(ROWS, SEED)


@pytest.fixture(scope="module")
def policies(stream: pd.DataFrame) -> pd.DataFrame:
    return read(stream)


@pytest.fixture(scope="module")
def undisturbed() -> pd.DataFrame:
    return read(simulate(ROWS, SEED, schedule=()))


class TestFormat:
    def test_the_16_columns_are_text(self, stream):
        assert stream.shape == (ROWS, 16)
        assert tuple(stream.columns) == COLUMNS
        assert {str(kind) for kind in stream.dtypes} == {"str"}

    @pytest.mark.parametrize(
        ("column", "pattern"),
        {
            "SEX": r"[012]",
            "INSR_TYPE": r"120[124]",
            "INSURED_VALUE": r"\d+\.\d+",
            "PREMIUM": r"-?\d+\.\d{1,3}",
            "OBJECT_ID": r"5\d{9}",
            "PROD_YEAR": r"(19[5-9]|20[01])\d",
            "SEATS_NUM": r"\d{1,3}\.0",
            "CARRYING_CAPACITY": r"\d+\.\d",
            "CCM_TON": r"\d+\.0",
            "CLAIM_PAID": r"\d+\.\d{1,2}",
        }.items(),
    )
    def test_cells_are_written_as_eic_does(self, stream, column, pattern):
        assert stream[column].dropna().str.fullmatch(pattern).all()

    def test_months_are_in_capitals_before_july_2014(self, stream, policies):
        early = policies["INSR_BEGIN"] < "2014-07-01"
        for column in ("INSR_BEGIN", "INSR_END"):
            assert stream.loc[early, column].str.fullmatch(r"\d\d-[A-Z]{3}-\d\d").all()
            assert stream.loc[~early, column].str.fullmatch(r"\d\d-[A-Z][a-z]{2}-\d\d").all()

    def test_missing_cells_are_where_eic_has_them(self, stream):
        assert set(stream.columns[stream.isna().any()]) <= {
            "PREMIUM",
            "PROD_YEAR",
            "SEATS_NUM",
            "CARRYING_CAPACITY",
            "CLAIM_PAID",
        }
        assert not stream.isin(["nan", "<NA>", "None", ""]).any(axis=None)

    def test_some_effective_years_are_garbage(self, stream):
        garbage = stream["EFFECTIVE_YR"][~stream["EFFECTIVE_YR"].str.fullmatch(r"\d\d")]
        assert 0.0015 < len(garbage) / ROWS < 0.01
        assert garbage.nunique() > 20
        assert garbage.str.len().eq(2).all()


class TestMarginals:
    @pytest.mark.parametrize(
        ("column", "level", "share"),
        [
            ("SEX", "0", 0.518),
            ("SEX", "1", 0.397),
            ("SEX", "2", 0.085),
            ("INSR_TYPE", "1202", 0.74),
            ("INSR_TYPE", "1201", 0.26),
            ("EFFECTIVE_YR", "11", 0.25),
            ("TYPE_VEHICLE", "Truck", 0.20),
            ("TYPE_VEHICLE", "Pick-up", 0.19),
            ("TYPE_VEHICLE", "Motor-cycle", 0.19),
            ("TYPE_VEHICLE", "Automobile", 0.17),
            ("TYPE_VEHICLE", "Bus", 0.14),
            ("TYPE_VEHICLE", "Station Wagones", 0.08),
            ("MAKE", "TOYOTA", 0.36),
            ("MAKE", "ISUZU", 0.10),
            ("MAKE", "BAJAJI", 0.09),
            ("MAKE", "NISSAN", 0.05),
            ("USAGE", "Own Goods", 0.27),
            ("USAGE", "Private", 0.27),
            ("USAGE", "Fare Paying Passengers", 0.16),
            ("USAGE", "General Cartage", 0.13),
            ("USAGE", "Own service", 0.07),
            ("USAGE", "Taxi", 0.06),
        ],
    )
    def test_levels_have_their_share(self, stream, column, level, share):
        assert stream[column].eq(level).mean() == pytest.approx(share, abs=0.02)

    @pytest.mark.parametrize(
        ("column", "quantile", "expected", "tolerance"),
        [
            ("INSURED_VALUE", 0.50, 180_000, 0.35),
            ("INSURED_VALUE", 0.75, 730_000, 0.15),
            ("PREMIUM", 0.25, 756, 0.15),
            ("PREMIUM", 0.50, 3_272, 0.15),
            ("PREMIUM", 0.75, 9_727, 0.15),
            ("PROD_YEAR", 0.25, 2000, 0.001),
            ("PROD_YEAR", 0.50, 2008, 0.001),
            ("PROD_YEAR", 0.75, 2012, 0.001),
            ("CCM_TON", 0.25, 998, 0.01),
            ("CCM_TON", 0.50, 2_494, 0.01),
            ("CCM_TON", 0.75, 4_164, 0.01),
            ("SEATS_NUM", 0.50, 4, 0.01),
            ("CLAIM_PAID", 0.50, 23_500, 0.20),
        ],
    )
    def test_quantiles(self, undisturbed, column, quantile, expected, tolerance):
        assert undisturbed[column].quantile(quantile) == pytest.approx(expected, rel=tolerance)

    @pytest.mark.parametrize(
        ("column", "share"),
        [("INSURED_VALUE", 0.43), ("SEATS_NUM", 0.075), ("CARRYING_CAPACITY", 0.27), ("CCM_TON", 0.05)],
    )
    def test_zeros(self, undisturbed, column, share):
        assert undisturbed[column].eq(0).mean() == pytest.approx(share, abs=0.02)

    def test_a_quarter_of_the_capacities_is_missing(self, undisturbed):
        assert undisturbed["CARRYING_CAPACITY"].isna().mean() == pytest.approx(0.25, abs=0.03)

    def test_capacities_mix_persons_quintals_and_kilograms(self, undisturbed):
        loads = undisturbed[undisturbed["CARRYING_CAPACITY"] > 0]
        trucks = loads.loc[loads["TYPE_VEHICLE"] == "Truck", "CARRYING_CAPACITY"]
        buses = loads[loads["TYPE_VEHICLE"] == "Bus"]
        assert 0.08 < (trucks > 2_000).mean() < 0.16
        assert (trucks <= 420).sum() + (trucks > 2_000).sum() == len(trucks)
        assert (buses["CARRYING_CAPACITY"] == buses["SEATS_NUM"]).mean() > 0.98
        assert loads["CARRYING_CAPACITY"].max() > 50_000

    def test_some_seats_are_clearly_wrong(self, undisturbed):
        motorcycles = undisturbed.loc[undisturbed["TYPE_VEHICLE"] == "Motor-cycle", "SEATS_NUM"]
        assert 0.002 < (motorcycles >= 50).mean() < 0.012
        assert undisturbed["SEATS_NUM"].max() <= 199

    def test_values_and_premiums_are_heavy_tailed(self, undisturbed):
        covered = undisturbed.loc[undisturbed["INSURED_VALUE"] > 0, "INSURED_VALUE"]
        assert covered.max() > 30 * covered.median()
        assert covered.max() <= 2.5e8
        assert undisturbed["PREMIUM"].quantile(0.999) > 20 * undisturbed["PREMIUM"].median()

    def test_makes_have_a_long_tail_of_spelling_variants(self, stream):
        counts = stream["MAKE"].value_counts()
        assert len(counts) > 350
        assert (counts <= 10).mean() > 0.6
        assert {"TOYTA", "TOOYOTA", "TYOOTA"} <= set(counts.index)


class TestCalendar:
    def test_rows_are_sorted_by_begin(self, policies):
        assert policies["INSR_BEGIN"].is_monotonic_increasing
        assert policies["INSR_BEGIN"].min().date() == FIRST_DAY
        assert policies["INSR_BEGIN"].max().date() == LAST_DAY

    def test_years_grow_as_eic_did(self, policies):
        counts = policies["INSR_BEGIN"].dt.year.value_counts()
        for year, rows in ROWS_A_YEAR.items():
            assert counts[year] / ROWS == pytest.approx(rows / sum(ROWS_A_YEAR.values()), rel=0.06)

    def test_july_and_the_8th_of_july_stand_out(self, policies):
        begin = policies["INSR_BEGIN"]
        july = begin.dt.month == 7
        assert 0.2 < july.mean() < 0.32
        assert 0.11 < (july & (begin.dt.day == 8)).mean() < 0.16

    def test_three_days_of_a_month_stand_out(self, policies):
        days = policies.loc[policies["INSR_BEGIN"].dt.month != 7, "INSR_BEGIN"].dt.day.value_counts()
        assert set(days.index[:3]) == {1, 7, 8}
        assert days.iloc[2] > 1.5 * days.iloc[3]

    def test_most_policies_last_a_year_and_some_a_month(self, policies):
        assert policies["days"].min() >= 0
        assert policies["days"].isin([364, 365]).mean() > 0.8
        assert 0.03 < policies["days"].isin([29, 30]).mean() < 0.1

    def test_nothing_is_built_after_it_is_insured(self, policies):
        assert policies["age"].min() >= 0


class TestVehicles:
    def test_a_vehicle_returns_about_three_times(self, policies):
        assert ROWS / policies["OBJECT_ID"].nunique() == pytest.approx(802_036 / 288_763, rel=0.05)
        assert policies["OBJECT_ID"].value_counts().max() == 7

    def test_it_keeps_its_attributes(self, stream):
        kept = ["SEX", "INSR_TYPE", "PROD_YEAR", "SEATS_NUM", "TYPE_VEHICLE", "CCM_TON", "MAKE", "USAGE"]
        assert stream.groupby("OBJECT_ID")[kept].nunique().max().max() == 1

    def test_it_returns_after_a_year(self, policies):
        gaps = policies.groupby("OBJECT_ID")["INSR_BEGIN"].diff().dt.days.dropna()
        assert gaps.median() == pytest.approx(365, abs=2)
        assert gaps.quantile([0.05, 0.95]).between(335, 395).all()

    def test_who_claimed_claims_again(self, undisturbed):
        before = undisturbed.groupby("OBJECT_ID")["claimed"].shift()
        assert undisturbed["claimed"][before == True].mean() > 1.6 * undisturbed["claimed"][before == False].mean()  # noqa: E712


class TestClaims:
    def test_one_in_twelve_claims(self, policies):
        assert 0.07 < policies["claimed"].mean() < 0.09
        assert policies.groupby(policies["INSR_BEGIN"].dt.year)["claimed"].mean().between(0.065, 0.1).all()

    def test_amounts_are_heavy_tailed(self, policies):
        amounts = policies["CLAIM_PAID"].dropna()
        assert amounts.min() > 0
        assert amounts.quantile(0.99) > 60 * amounts.median()
        assert 5e6 < amounts.max() < 3e8

    def test_amounts_depend_on_value_and_type(self, policies):
        claims = policies[policies["claimed"]]
        median = claims.groupby("TYPE_VEHICLE")["CLAIM_PAID"].median()
        assert median["Truck"] > 2 * median["Automobile"]
        pickups = claims[(claims["TYPE_VEHICLE"] == "Pick-up") & (claims["INSURED_VALUE"] > 10_000)]
        assert pickups["CLAIM_PAID"].corr(pickups["INSURED_VALUE"], method="spearman") > 0.08

    def test_short_policies_claim_less(self, policies):
        year = policies["days"].between(364, 365)
        assert policies["claimed"][policies["days"] <= 30].mean() < 0.3 * policies["claimed"][year].mean()


class TestSchedule:
    def test_every_kind_of_event_happens_once_and_in_order(self):
        assert [event.kind for event in SCHEDULE] == list(EventKind)
        assert all(first.start < second.start for first, second in pairwise(SCHEDULE))
        assert all(FIRST_DAY < event.start < event.end <= LAST_DAY for event in SCHEDULE)

    def test_disturbances_do_not_overlap(self):
        disturbances = [event for event in SCHEDULE if event.kind is not EventKind.CONCEPT_RETURN]
        assert all(first.end < second.start for first, second in pairwise(disturbances))

    def test_the_concept_returns_when_its_change_ends(self):
        change, back = EVENT[EventKind.CONCEPT_CHANGE], EVENT[EventKind.CONCEPT_RETURN]
        assert back.start == change.end + timedelta(days=1)

    @pytest.mark.parametrize("event", SCHEDULE, ids=lambda event: event.name)
    def test_an_event_alters_its_own_columns_and_no_row_before_it(self, stream, policies, event):
        without = simulate(ROWS, SEED, schedule=tuple(other for other in SCHEDULE if other != event))
        altered = stream.ne(without) & ~(stream.isna() & without.isna())
        assert not altered[policies["INSR_BEGIN"] < pd.Timestamp(event.start)].any(axis=None)
        assert set(altered.columns[altered.any()]) == (set(event.columns) if event.size else set())
        if event.kind is not EventKind.NEW_MAKES:  # whose vehicles renew
            assert not altered[policies["INSR_BEGIN"] > pd.Timestamp(event.end)].any(axis=None)

    def test_the_tariff_raises_premiums_by_its_size(self, policies):
        event = EVENT[EventKind.TARIFF_CHANGE]
        year_before = between(policies, date(2012, 7, 1), date(2013, 5, 31))["PREMIUM"].median()
        year_after = between(policies, date(2014, 7, 1), date(2015, 5, 31))["PREMIUM"].median()
        during = inside(policies, event)["PREMIUM"].median()
        assert during / year_before == pytest.approx(1 + event.size, rel=0.15)
        assert during / year_after == pytest.approx(1 + event.size, rel=0.15)

    def test_new_makes_arrive_with_new_vehicles(self, policies):
        event = EVENT[EventKind.NEW_MAKES]
        new_make = policies["MAKE"].isin(NEW_MAKES)
        first_rows = ~policies["OBJECT_ID"].duplicated()
        arrived = new_make & first_rows
        assert not new_make[policies["INSR_BEGIN"] < pd.Timestamp(event.start)].any()
        assert arrived.sum() == inside(policies, event)["MAKE"].isin(NEW_MAKES).sum()
        assert new_make[inside(policies, event).index][first_rows].mean() == pytest.approx(event.size, abs=0.06)
        assert inside(policies, event)["MAKE"].isin(NEW_MAKES).mean() > 0.1
        assert policies.loc[new_make, "MAKE"].nunique() == len(NEW_MAKES)

    def test_the_concept_changes_and_returns(self, policies):
        change, back = EVENT[EventKind.CONCEPT_CHANGE], EVENT[EventKind.CONCEPT_RETURN]
        before = between(policies, FIRST_DAY, change.start - timedelta(days=1))
        assert claim_ratio(before) < 0.6
        assert claim_ratio(inside(policies, change)) > 2
        assert claim_ratio(inside(policies, back)) < 0.6

    def test_the_inputs_stay_when_the_concept_changes(self, policies):
        change = inside(policies, EVENT[EventKind.CONCEPT_CHANGE])
        before = between(policies, date(2012, 4, 1), date(2013, 6, 30))
        for column in ("USAGE", "TYPE_VEHICLE", "SEX"):
            gap = change[column].value_counts(normalize=True) - before[column].value_counts(normalize=True)
            assert gap.abs().max() < 0.03
        assert change["PREMIUM"].median() == pytest.approx(before["PREMIUM"].median(), rel=0.1)

    def test_values_are_entered_in_thousands(self, policies, undisturbed):
        event = EVENT[EventKind.UNIT_ERROR]
        covered = undisturbed["INSURED_VALUE"] > 0
        ratio = (policies["INSURED_VALUE"] / undisturbed["INSURED_VALUE"])[covered]
        wrong = ratio < 0.5
        assert ratio[wrong].between(0.00099, 0.00101).all()
        assert wrong[inside(policies, event).index.intersection(ratio.index)].mean() == pytest.approx(
            event.size, abs=0.05
        )
        assert not wrong[outside(policies, event).index.intersection(ratio.index)].any()

    def test_the_feed_empties_the_capacity(self, policies):
        event = EVENT[EventKind.FEED_OUTAGE]
        assert inside(policies, event)["CARRYING_CAPACITY"].isna().all()
        assert outside(policies, event)["CARRYING_CAPACITY"].isna().mean() < 0.3


def claim_ratio(policies: pd.DataFrame) -> float:
    """Claims of old private vehicles over those of new commercial ones, both as shares of their rows."""
    private = policies["USAGE"] == "Private"
    old_private = policies.loc[private & (policies["age"] > 14), "claimed"].mean()
    return old_private / policies.loc[~private & (policies["age"] < 9), "claimed"].mean()


class TestRequest:
    def test_the_same_request_gives_the_same_table(self, stream):
        pd.testing.assert_frame_equal(stream, simulate(ROWS, SEED))

    def test_another_seed_gives_another_table(self, stream):
        assert (stream["PREMIUM"] != simulate(ROWS, SEED + 1)["PREMIUM"]).mean() > 0.99

    @pytest.mark.parametrize("rows", [1, 7, 500])
    def test_few_rows(self, rows):
        stream = simulate(rows, SEED)
        assert stream.shape == (rows, 16)
        assert {str(kind) for kind in stream.dtypes} == {"str"}

    def test_a_shorter_period(self):
        period = read(simulate(2_000, SEED, start=date(2015, 2, 3), end=date(2015, 11, 30)))
        assert len(period) == 2_000
        assert period["INSR_BEGIN"].between("2015-02-03", "2015-11-30").all()

    @pytest.mark.parametrize(
        ("rows", "start", "end", "named"),
        [
            (0, FIRST_DAY, LAST_DAY, "0 rows"),
            (10, date(2011, 6, 30), LAST_DAY, "2011-06-30"),
            (10, FIRST_DAY, date(2018, 7, 1), "2018-07-01"),
            (10, date(2016, 1, 1), date(2015, 1, 1), "2016-01-01"),
        ],
    )
    def test_an_impossible_stream_is_refused(self, rows, start, end, named):
        with pytest.raises(ConfigError, match=re.escape(named)):
            simulate(rows, SEED, start=start, end=end)


@pytest.mark.slow
class TestFullSize:
    def test_rare_makes_and_missing_premiums(self):
        stream = simulate(802_036, SEED)
        counts = stream["MAKE"].value_counts()
        assert len(counts) == pytest.approx(666, rel=0.1)
        assert (counts <= 200).sum() == pytest.approx(563, rel=0.1)
        assert stream["PREMIUM"].isna().sum() == pytest.approx(21, abs=25)


@pytest.mark.slow
class TestLearnability:
    """Claims are about as learnable as EIC's: ROC-AUC 0.778 was reached on the real data."""

    @pytest.mark.parametrize("rows", [20_000, 60_000])
    def test_boosting_on_the_past_ranks_later_months(self, rows):
        train, test = split_before_concept_change(read(simulate(rows, SEED)))
        assert 0.72 < score_boosting(train, test) < 0.82

    def test_a_model_of_the_first_concept_fails_on_the_second_and_serves_its_return(self):
        policies = read(simulate(60_000, SEED))
        change, back = EVENT[EventKind.CONCEPT_CHANGE], EVENT[EventKind.CONCEPT_RETURN]
        train = between(policies, FIRST_DAY, change.start - timedelta(days=1))
        assert score_boosting(train, inside(policies, change)) < 0.55
        assert score_boosting(train, between(policies, back.start, date(2016, 9, 30))) > 0.72

    def test_boosting_beats_a_linear_model(self):
        train, test = split_before_concept_change(read(simulate(60_000, SEED)))
        assert score_boosting(train, test) > score_linear(train, test) + 0.003


FEATURES = ["INSURED_VALUE", "PREMIUM", "PROD_YEAR", "SEATS_NUM", "CARRYING_CAPACITY", "CCM_TON", "age", "days"]
LEVELS = ["SEX", "INSR_TYPE", "TYPE_VEHICLE", "MAKE", "USAGE"]


def split_before_concept_change(policies: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Everything before July 2014 to learn from, the nine months before the concept changes to be scored on."""
    test = between(policies, date(2014, 7, 1), EVENT[EventKind.CONCEPT_CHANGE].start - timedelta(days=1))
    return between(policies, FIRST_DAY, date(2014, 6, 30)), test


def score_boosting(train: pd.DataFrame, test: pd.DataFrame) -> float:
    from lightgbm import LGBMClassifier
    from sklearn.metrics import roc_auc_score

    levels = {column: pd.CategoricalDtype(sorted(train[column].unique())) for column in LEVELS}
    model = LGBMClassifier(
        n_estimators=250,
        learning_rate=0.03,
        num_leaves=10,
        min_child_samples=60,
        colsample_bytree=0.5,
        reg_lambda=5,
        subsample=0.8,
        subsample_freq=1,
        cat_smooth=40,
        min_data_per_group=80,
        max_cat_threshold=16,
        n_jobs=1,
        random_state=0,
        deterministic=True,
        verbose=-1,
    )
    model.fit(train[FEATURES + LEVELS].astype(levels), train["claimed"])
    known = test[FEATURES].assign(**{column: test[column].where(test[column].isin(train[column])) for column in LEVELS})
    return roc_auc_score(test["claimed"], model.predict_proba(known.astype(levels))[:, 1])


def score_linear(train: pd.DataFrame, test: pd.DataFrame) -> float:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, QuantileTransformer

    numbers = make_pipeline(SimpleImputer(), QuantileTransformer(output_distribution="normal", random_state=0))
    levels = OneHotEncoder(min_frequency=20, handle_unknown="infrequent_if_exist")
    model = make_pipeline(
        make_column_transformer((numbers, FEATURES), (levels, LEVELS)), LogisticRegression(C=0.3, max_iter=500)
    )
    model.fit(train, train["claimed"])
    return roc_auc_score(test["claimed"], model.predict_proba(test)[:, 1])


def test_amounts_grow_smoothly_into_their_tail(policies):
    """No pile of equal amounts at a cap: the largest claims are all different."""
    largest = np.sort(policies["CLAIM_PAID"].dropna())[-30:]
    assert len(np.unique(largest)) == 30
