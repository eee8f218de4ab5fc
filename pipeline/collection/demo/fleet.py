"""The vehicles of the demo stream: drawn once, they return every year with the same attributes and the same owner."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.seeding import random_generator
from pointsman.pipeline.collection.demo.levels import (
    NEW_MAKES,
    USAGES,
    VEHICLE_TYPES,
    Capacity,
    VehicleType,
    misspelled_makes,
)
from pointsman.pipeline.collection.demo.schedule import FIRST_DAY, DemoEvent, EventKind, compute_effect

PRIVATE_OWNERS = {0: 26.0, 1: 57.0, 2: 17.0}
BUSINESS_OWNERS = {0: 61.0, 1: 33.5, 2: 5.5}
"""Weights of SEX: 0 legal entity, 1 man, 2 woman."""

MISSPELLED = 0.05
WRONG_SEATS = 0.006
MISSING_SEATS = 3e-4
MISSING_PROD_YEAR = 2e-4
OTHER_BRANCH = 0.05
MOTOR_TRADE = 4e-4


def choose(weights: Mapping[Any, float], draws: np.ndarray) -> np.ndarray:
    """Return for each uniform draw of [0, 1) the level whose share of the weights it falls into.

    >>> choose({"bus": 1, "truck": 3}, np.array([0.2, 0.3, 0.9])).tolist()
    ['bus', 'truck', 'truck']
    """
    bounds = np.cumsum(list(weights.values()))
    return np.array(list(weights))[np.searchsorted(bounds / bounds[-1], draws, side="right")]


def draw_fleet(first_begin: np.ndarray, seed: int, schedule: tuple[DemoEvent, ...]) -> pd.DataFrame:
    """Return one row for each vehicle, given the begin date of its first policy, datetime64[D] of shape (n_vehicles,).

    Beside EIC's columns there are ``built`` (PROD_YEAR without missing cells) and two traits of the driver, both
    standard normal: ``loading``, which the insurer knows and charges for, and ``frailty``, which nobody sees.
    """
    rng = random_generator(seed, "demo", "fleet")
    vehicles = len(first_begin)
    types = choose({vehicle_type.name: vehicle_type.share for vehicle_type in VEHICLE_TYPES}, rng.random(vehicles))
    fleet = pd.concat(
        _draw_vehicles(kind, np.flatnonzero(types == kind.name), first_begin, seed) for kind in VEHICLE_TYPES
    )
    fleet = fleet.sort_index()
    imported = rng.random(vehicles) < compute_effect(first_begin, EventKind.NEW_MAKES, schedule)
    fleet["MAKE"] = fleet["MAKE"].mask(imported, pd.Series(rng.choice(NEW_MAKES, vehicles)))
    fleet["OBJECT_ID"] = 5_000_029_000 + np.cumsum(rng.integers(1, 40, vehicles))
    fleet["EFFECTIVE_YR"] = _draw_effective_years(first_begin, rng)
    return fleet


def _draw_vehicles(kind: VehicleType, numbers: np.ndarray, first_begin: np.ndarray, seed: int) -> pd.DataFrame:
    # A generator for each type: an edit of one type's table leaves the vehicles of all others as they are.
    rng = random_generator(seed, "demo", "fleet", kind.name)
    count = len(numbers)
    usage = choose(kind.usages, rng.random(count))
    seats = choose(kind.seats, rng.random(count))
    built = _years(first_begin[numbers]) - _draw_ages(kind, count, rng)
    age = _years(first_begin[numbers]) - built
    return pd.DataFrame(
        {
            "TYPE_VEHICLE": kind.name,
            "USAGE": usage,
            "MAKE": _draw_makes(kind, count, rng),
            "SEX": _draw_owners(usage, rng),
            "INSR_TYPE": _draw_insurance_types(usage, rng),
            "INSURED_VALUE": _draw_values(kind, age, rng),
            "SEATS_NUM": _spoil_seats(seats, rng),
            "CARRYING_CAPACITY": _draw_capacities(kind.capacity, seats, rng),
            "CCM_TON": choose(kind.engines, rng.random(count)).astype(float),
            "PROD_YEAR": np.where(rng.random(count) < MISSING_PROD_YEAR, np.nan, built),
            "built": built,
            "loading": rng.standard_normal(count),
            "frailty": rng.standard_normal(count),
        },
        index=numbers,
    )


def _years(days: np.ndarray) -> np.ndarray:
    return days.astype("datetime64[Y]").astype(int) + 1970


def _draw_ages(kind: VehicleType, count: int, rng: np.random.Generator) -> np.ndarray:
    """Ages in years at the first policy: bought new, or imported used at about 15 years."""
    new = rng.random(count) < kind.bought_new
    return np.where(new, rng.integers(0, 3, count), 1 + rng.gamma(2.0, 7.0, count)).astype(int).clip(max=61)


def _draw_makes(kind: VehicleType, count: int, rng: np.random.Generator) -> np.ndarray:
    misspelled = misspelled_makes(kind.makes)
    zipf = {make: 1.0 / rank for rank, make in enumerate(misspelled, start=8)}
    spelling, make, slip = rng.random((3, count))
    return np.where(spelling < MISSPELLED, choose(zipf, slip), choose(kind.makes, make))


def _draw_owners(usage: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    draws = rng.random(len(usage))
    return np.where(_is_private(usage), choose(PRIVATE_OWNERS, draws), choose(BUSINESS_OWNERS, draws))


def _draw_insurance_types(usage: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """1201 private, 1202 commercial (and with it some private vehicles), rarely 1204, motor trade."""
    branch, trade = rng.random((2, len(usage)))
    usual = np.where(_is_private(usage) & (branch >= OTHER_BRANCH), 1201, 1202)
    return np.where(trade < MOTOR_TRADE, 1204, usual)


def _is_private(usage: np.ndarray) -> np.ndarray:
    return np.isin(usage, [name for name, stated in USAGES.items() if stated.private])


def _draw_values(kind: VehicleType, age: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Insured values in birr, 0 for mere liability: lognormal around a value that wears off, one in 200 far beyond."""
    count = len(age)
    value = kind.insured_value * np.exp(rng.normal(0.0, 0.7, count) - 0.03 * age)
    value *= np.where(rng.random(count) < 0.005, 1 + rng.pareto(0.9, count), 1.0)
    value = np.where(rng.random(count) < 0.6, np.ceil(value / 1000) * 1000, np.round(value, 2))
    return np.where(rng.random(count) < kind.liability_only, 0.0, value.clip(max=2.5e8))


def _spoil_seats(seats: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    wrong, missing = rng.random((2, len(seats)))
    spoilt = np.where(wrong < WRONG_SEATS, rng.integers(50, 200, len(seats)), seats.astype(float))
    return np.where(missing < MISSING_SEATS, np.nan, spoilt)


def _draw_capacities(capacity: Capacity, seats: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Persons, quintals or kilograms, whatever the clerk took for the unit: the column does not say which."""
    filled, unit, load, tenths = rng.random((4, len(seats)))
    entered = seats.astype(float)
    if capacity.quintals:
        low, high = capacity.quintals
        quintals = low * (high / low) ** load
        entered = np.where(tenths < 0.2, np.round(quintals, 1), np.round(quintals))
        entered = np.where(unit < capacity.kilograms, np.round(np.round(quintals, 1) * 100, 1), entered)
    entered = np.where(filled < capacity.missing + capacity.zero, 0.0, entered)
    return np.where(filled < capacity.missing, np.nan, entered)


def _draw_effective_years(first_begin: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two digits of the year a cover took effect: those of the first year were taken over in 2011 or are older."""
    taken_over = first_begin < np.datetime64(FIRST_DAY) + 365
    draw, years = rng.random(len(first_begin)), 1 + rng.gamma(1.2, 7.0, len(first_begin)).astype(int).clip(max=40)
    older = draw < np.where(taken_over, 0.4, 0.08)
    effective = np.where(taken_over, FIRST_DAY.year, _years(first_begin)) - np.where(older, years, 0)
    return np.char.zfill((effective % 100).astype(str), 2)
