"""The demo stream: a seeded imitation of the motor insurance data of the Ethiopian Insurance Corporation (EIC).

Marginals, formats and faults follow the published data (Mendeley Data, CC BY 4.0); no row of it is used. Every random
number is drawn whether or not an event needs it, so an event alters the rows it concerns and leaves all others alone.
"""

from datetime import date

import numpy as np
import pandas as pd

from pointsman.common.errors import ConfigError
from pointsman.common.seeding import random_generator
from pointsman.pipeline.collection.demo.claims import compute_claim_probability, draw_claim_amounts
from pointsman.pipeline.collection.demo.fleet import choose, draw_fleet
from pointsman.pipeline.collection.demo.levels import EFFECTIVE_YEAR_GARBAGE, TYPICAL_RATE, USAGES, VEHICLE_TYPES
from pointsman.pipeline.collection.demo.schedule import (
    FIRST_DAY,
    LAST_DAY,
    SCHEDULE,
    DemoEvent,
    EventKind,
    compute_effect,
)

COLUMNS = (
    "SEX",
    "INSR_BEGIN",
    "INSR_END",
    "EFFECTIVE_YR",
    "INSR_TYPE",
    "INSURED_VALUE",
    "PREMIUM",
    "OBJECT_ID",
    "PROD_YEAR",
    "SEATS_NUM",
    "CARRYING_CAPACITY",
    "TYPE_VEHICLE",
    "CCM_TON",
    "MAKE",
    "USAGE",
    "CLAIM_PAID",
)

ROWS_A_YEAR = {
    2011: 69_068,
    2012: 91_803,
    2013: 90_943,
    2014: 107_593,
    2015: 116_015,
    2016: 130_412,
    2017: 138_902,
    2018: 57_300,
}
"""Policies by the year of their begin, of which the first and the last are half."""

DAY_WEIGHTS = {1: 2.0, 7: 2.0, 8: 2.5}
JULY_WEIGHT = 1.9
EIGHTH_OF_JULY_WEIGHT = 66.0
"""Against 1 for an ordinary day. With 8 July the Ethiopian fiscal year begins, and with it every seventh policy."""

RENEWED = 0.73
"""Share of a year's policies that are renewals: EIC's 802,036 rows are of 288,763 vehicles."""

KEPT = 0.92
"""Largest share of a year's vehicles that come back in the next."""

DAYS_INSURED = {
    364: 58,
    365: 27,
    30: 4,
    29: 2,
    300: 1.5,
    335: 1.3,
    334: 1.2,
    180: 1,
    250: 1,
    113: 0.8,
    166: 0.7,
    89: 0.5,
    6: 0.3,
    453: 0.2,
}
"""Weights of the days between begin and end: most policies last a year, some a month."""

TITLE_CASE_FROM = np.datetime64("2014-07-01")
"""Where EIC's second file begins, in which months are no longer written in capitals."""

LARGEST_RETAINED_VALUE = 15e6
"""What EIC bears of an insured value in birr, and charges for; the rest is reinsured."""

GARBLED_EFFECTIVE_YEAR = 0.003
MISSING_PREMIUM = 3e-5
UNPAID_PREMIUM = 2e-4
REFUNDED_PREMIUM = 1e-4


def simulate(
    rows: int, seed: int, start: date = FIRST_DAY, end: date = LAST_DAY, schedule: tuple[DemoEvent, ...] = SCHEDULE
) -> pd.DataFrame:
    """Return ``rows`` policies that begin from ``start`` to ``end``, sorted by INSR_BEGIN, shape (rows, 16).

    All columns are text as a CSV file holds it, missing cells are NaN. The same arguments give the same table, and rows
    that begin before an event are the same with and without it. Every period is a stream of its own, not a cut of the
    longer one. Raises ConfigError for a stream that cannot be drawn.

    >>> stream = simulate(1000, seed=1)
    >>> stream.shape, stream["INSR_BEGIN"].iloc[0]
    ((1000, 16), '01-JUL-11')
    """
    _check_request(rows, start, end)
    begin = draw_begin_dates(rows, start, end, seed)
    vehicles = assign_vehicles(begin, start, seed)
    policies = draw_policies(begin, vehicles, seed, schedule)
    policies["CLAIM_PAID"] = draw_claims(policies, seed, schedule)
    return write_as_text(add_faults(policies, seed, schedule))


def draw_begin_dates(rows: int, start: date, end: date, seed: int) -> np.ndarray:
    """Return sorted begin dates, datetime64[D] of shape (rows,), in EIC's proportions of years, months and days."""
    calendar = pd.date_range(FIRST_DAY, LAST_DAY)
    weights = pd.Series(_compute_day_weights(calendar), index=calendar)
    weights *= calendar.year.map(ROWS_A_YEAR) / weights.groupby(calendar.year).transform("sum")
    weights = weights.loc[pd.Timestamp(start) : pd.Timestamp(end)]
    rng = random_generator(seed, "demo", "begin dates")
    drawn = rng.choice(len(weights), rows, p=weights / weights.sum())
    return weights.index.to_numpy().astype("datetime64[D]")[np.sort(drawn)]


def assign_vehicles(begin: np.ndarray, start: date, seed: int) -> np.ndarray:
    """Return the number of each policy's vehicle, shape (n_rows,): new ones count up, the others are from a year ago.

    The policies that renew and those that are renewed are paired in the order of their dates, so a vehicle returns
    after a year, give or take some days.
    """
    rng = random_generator(seed, "demo", "renewals")
    years_gone = ((begin - np.datetime64(start)).astype(int) / 365.25).astype(int)
    vehicles = np.arange(len(begin))
    for year in range(1, years_gone.max() + 1):
        now, before = np.flatnonzero(years_gone == year), np.flatnonzero(years_gone == year - 1)
        renewals = int(min(RENEWED * len(now), KEPT * len(before)))
        renewing, renewed = (np.sort(rng.choice(policies, renewals, replace=False)) for policies in (now, before))
        vehicles[renewing] = vehicles[renewed]
    return np.unique(vehicles, return_inverse=True)[1]


def draw_policies(begin: np.ndarray, vehicles: np.ndarray, seed: int, schedule: tuple[DemoEvent, ...]) -> pd.DataFrame:
    """Return the policies as they truly are, before any fault of entry: the vehicle's attributes, dates and premium."""
    first_begin = begin[np.unique(vehicles, return_index=True)[1]]
    policies = draw_fleet(first_begin, seed, schedule).take(vehicles).reset_index(drop=True)
    rng = random_generator(seed, "demo", "policies")
    policies["days"] = choose(DAYS_INSURED, rng.random(len(begin)))
    policies["INSR_BEGIN"] = begin
    policies["INSR_END"] = begin + policies["days"].to_numpy().astype("timedelta64[D]")
    tariff = 1 + compute_effect(begin, EventKind.TARIFF_CHANGE, schedule)
    policies["PREMIUM"] = tariff * compute_premiums(policies) * np.exp(rng.normal(0.0, 0.04, len(begin)))
    return policies


def compute_premiums(policies: pd.DataFrame) -> pd.Series:
    """Return premiums in birr: a rate of the value plus liability, loaded for the driver, by days insured."""
    rates = policies["USAGE"].map({name: usage.rate for name, usage in USAGES.items()})
    liability = policies["TYPE_VEHICLE"].map({kind.name: kind.liability_premium for kind in VEHICLE_TYPES})
    yearly = policies["INSURED_VALUE"].clip(upper=LARGEST_RETAINED_VALUE) * rates + liability * rates / TYPICAL_RATE
    return yearly * np.exp(0.3 * policies["loading"]) * policies["days"] / 365


def draw_claims(policies: pd.DataFrame, seed: int, schedule: tuple[DemoEvent, ...]) -> np.ndarray:
    """Return the amounts paid in birr, shape (n_rows,), NaN where nothing was paid."""
    rng = random_generator(seed, "demo", "claims")
    second_share = compute_effect(_begin_dates(policies), EventKind.CONCEPT_CHANGE, schedule)
    claims = rng.random(len(policies)) < compute_claim_probability(policies, second_share)
    return np.where(claims, draw_claim_amounts(policies, rng), np.nan)


def add_faults(policies: pd.DataFrame, seed: int, schedule: tuple[DemoEvent, ...]) -> pd.DataFrame:
    """Return the policies as they were entered: garbled years, premiums lost or unpaid, faults that are events."""
    rng = random_generator(seed, "demo", "faults")
    year, missing, unpaid, unit, feed = rng.random((5, len(policies)))
    begin, premium, value = _begin_dates(policies), policies["PREMIUM"], policies["INSURED_VALUE"]
    unpaid_premium = premium.mask(unpaid < UNPAID_PREMIUM, 0.0).mask(unpaid < REFUNDED_PREMIUM, -premium)
    garbage = pd.Series(rng.choice(EFFECTIVE_YEAR_GARBAGE, len(policies)))
    in_thousands = unit < compute_effect(begin, EventKind.UNIT_ERROR, schedule)
    lost = feed < compute_effect(begin, EventKind.FEED_OUTAGE, schedule)
    return policies.assign(
        EFFECTIVE_YR=policies["EFFECTIVE_YR"].mask(year < GARBLED_EFFECTIVE_YEAR, garbage),
        PREMIUM=unpaid_premium.mask(missing < MISSING_PREMIUM),
        INSURED_VALUE=value.mask(in_thousands, (value / 1000).round(5)),
        CARRYING_CAPACITY=policies["CARRYING_CAPACITY"].mask(lost),
    )


def write_as_text(policies: pd.DataFrame) -> pd.DataFrame:
    """Return EIC's 16 columns as text."""
    capitals = _begin_dates(policies) < TITLE_CASE_FROM
    written = {
        "INSR_BEGIN": _write_dates(policies["INSR_BEGIN"], capitals),
        "INSR_END": _write_dates(policies["INSR_END"], capitals),
        "PREMIUM": policies["PREMIUM"].round(3),
        "PROD_YEAR": policies["PROD_YEAR"].astype("Int64"),
    }
    return policies.assign(**written)[list(COLUMNS)].astype("str")


def _check_request(rows: int, start: date, end: date) -> None:
    if rows < 1:
        raise ConfigError(f"The demo stream cannot have {rows} rows; ask for at least 1.")
    if not FIRST_DAY <= start <= end <= LAST_DAY:
        raise ConfigError(
            f"The demo stream cannot run from {start} to {end}; choose days in order from {FIRST_DAY} to {LAST_DAY}."
        )


def _compute_day_weights(calendar: pd.DatetimeIndex) -> np.ndarray:
    """Weights of begin dates within a year: July, the 1st, 7th and 8th of each month and above all 8 July stand out."""
    july = calendar.month == 7
    weights = np.array([DAY_WEIGHTS.get(day, 1.0) for day in calendar.day])
    weights = np.where(july, JULY_WEIGHT * weights, weights)
    return np.where(july & (calendar.day == 8), EIGHTH_OF_JULY_WEIGHT, weights)


def _begin_dates(policies: pd.DataFrame) -> np.ndarray:
    return policies["INSR_BEGIN"].to_numpy().astype("datetime64[D]")


def _write_dates(dates: pd.Series, capitals: np.ndarray) -> pd.Series:
    codes, days = pd.factorize(dates)
    written = pd.DatetimeIndex(days).strftime("%d-%b-%y")
    return pd.Series(np.where(capitals, written.str.upper().to_numpy()[codes], written.to_numpy()[codes]))
