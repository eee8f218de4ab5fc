"""Who claims in the demo stream, and how much: a logit of risk factors in two versions, and heavy-tailed amounts."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from pointsman.pipeline.collection.demo.levels import MAKE_RISK, USAGES, VEHICLE_TYPES


@dataclass(frozen=True)
class Concept:
    """How much the log-odds of a claim within a year move with each factor of ``compute_factors``."""

    intercept: float
    usage: float
    vehicle: float
    make: float
    cover: float
    value: float
    prime: float
    hard_use: float
    old_private: float
    woman: float
    loading: float
    frailty: float


FIRST_CONCEPT = Concept(
    intercept=-3.75,
    usage=0.7,
    vehicle=0.7,
    make=0.9,
    cover=0.65,
    value=0.3,
    prime=0.9,
    hard_use=0.65,
    old_private=-0.5,
    woman=-0.3,
    loading=0.45,
    frailty=0.5,
)
"""New, costly and commercial vehicles claim; hump, products and loading are what boosting has over a linear model."""

SECOND_CONCEPT = Concept(
    intercept=-2.57,
    usage=-0.1,
    vehicle=0.6,
    make=-0.6,
    cover=0.0,
    value=-0.5,
    prime=-0.9,
    hard_use=-0.4,
    old_private=1.3,
    woman=0.8,
    loading=0.6,
    frailty=0.5,
)
"""Old, cheap and private vehicles claim, as many in all: only the relation of inputs to claims changes."""

TYPICAL_VALUE = 600_000.0
TYPICAL_CLAIM = 4_800.0
BODY_SIGMA = 0.9
TAIL_INDEX = 0.7
"""Exponent of the Pareto tail of amounts: below 1, so that the largest claims make the mean."""
TAIL_REACH = 1_000.0
"""How many times its body an amount can be: the tail is cut there, as no claim of EIC is above 1.5e8 birr."""


def compute_factors(policies: pd.DataFrame) -> pd.DataFrame:
    """Return the risk factors of policies, shape (n_rows, n_factors), in the order and names of ``Concept``."""
    types = {vehicle_type.name: vehicle_type.claim_risk for vehicle_type in VEHICLE_TYPES}
    usage_risk = {name: usage.claim_risk for name, usage in USAGES.items()}
    private = policies["USAGE"].eq("Private")
    covered = policies["INSURED_VALUE"] > 0
    age = policies["INSR_BEGIN"].dt.year - policies["built"]
    return pd.DataFrame(
        {
            "intercept": 1.0,
            "usage": policies["USAGE"].map(usage_risk),
            "vehicle": policies["TYPE_VEHICLE"].map(types),
            "make": policies["MAKE"].map(MAKE_RISK).fillna(0.0),
            "cover": covered.astype(float),
            "value": _value_level(policies),
            "prime": np.exp(-(((age - 6) / 5) ** 2)),
            "hard_use": (~private & covered & (age < 9)).astype(float),
            "old_private": (private & (age > 14)).astype(float),
            "woman": policies["SEX"].eq(2).astype(float),
            "loading": policies["loading"],
            "frailty": policies["frailty"],
        }
    )


def compute_claim_probability(policies: pd.DataFrame, second_share: np.ndarray) -> np.ndarray:
    """Return the probability of a claim for each row, shape (n_rows,); a short policy has less time to claim.

    ``second_share`` of the rows follow SECOND_CONCEPT, the others FIRST_CONCEPT.
    """
    factors = compute_factors(policies)
    exposure = np.log(policies["days"] / 365)
    first, second = (
        1 / (1 + np.exp(-(factors @ pd.Series(asdict(concept)) + exposure)))
        for concept in (FIRST_CONCEPT, SECOND_CONCEPT)
    )
    return ((1 - second_share) * first + second_share * second).to_numpy()


def draw_claim_amounts(policies: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Return what each policy would be paid for a claim, in birr: a lognormal body with a Pareto tail.

    Amounts grow with the insured value and the type of the vehicle; every fourth is rounded to hundreds.
    """
    severity = {vehicle_type.name: vehicle_type.claim_severity for vehicle_type in VEHICLE_TYPES}
    scale = 0.4 * _value_level(policies) + policies["TYPE_VEHICLE"].map(severity)
    body = rng.normal(np.log(TYPICAL_CLAIM) + scale, BODY_SIGMA)
    tail = rng.uniform(TAIL_REACH**-TAIL_INDEX, 1.0, len(policies)) ** (-1 / TAIL_INDEX)
    amounts = np.exp(body) * tail
    return np.where(rng.random(len(policies)) < 0.25, np.ceil(amounts / 100) * 100, np.round(amounts, 2))


def _value_level(policies: pd.DataFrame) -> np.ndarray:
    """Logarithm of the insured value over a typical one, bounded; 0 for mere liability."""
    value = policies["INSURED_VALUE"].to_numpy()
    return np.where(value > 0, np.log(np.maximum(value, 1.0) / TYPICAL_VALUE), 0.0).clip(-2.5, 1.5)
