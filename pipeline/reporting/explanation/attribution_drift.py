"""Attribution drift: whether answers rest on other features than they used to, held against the stream's own past.

Of every batch the share that each feature has in all attributions is known. A share of a stable stream varies from
batch to batch, so the newest one is held against a prediction interval of the earlier ones (Student's t), on the
arcsine scale, where shares of all sizes vary alike. What features share is one chance of a false alarm a batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from pointsman.pipeline.drift.chance import share_chance

LEAST_PAST = 6
"""Earlier batches without which nothing is judged."""

LEAST_SHARE = 0.03
"""Features whose usual share is smaller are not judged: whether they double says little of what answers rest on."""


@dataclass(frozen=True)
class Attribution:
    """What answers to one batch rested on: the mean absolute SHAP value of each feature, and its standard error.

    ``version`` served the batch and had not learned it; ``rows`` is how many of its rows were explained.
    """

    batch: int
    version: str
    rows: int
    mean_abs: Mapping[str, float]
    errors: Mapping[str, float]

    @property
    def shares(self) -> dict[str, float]:
        """The share of each feature in all of them; they sum to 1."""
        total = sum(self.mean_abs.values())
        return {name: size / total if total else 0.0 for name, size in self.mean_abs.items()}


@dataclass(frozen=True)
class AttributionTest:
    """One feature's share in a batch beside its usual one; ``lower`` and ``upper`` bound what a stable batch shows."""

    batch: int
    feature: str
    share: float
    usual: float
    lower: float
    upper: float
    p_value: float
    alarm: bool


def judge_attributions(known: Sequence[Attribution], false_alarms: float) -> list[AttributionTest]:
    """Return the tests of every batch that has enough of a past; ``known`` are batches, the oldest first.

    A batch is held against earlier ones alone. One that raised an alarm enters the past cut to its bounds, so that a
    change is told of once or twice, and does not hide the next one.
    """
    kept: dict[str, list[float]] = {}
    noise: dict[str, list[float]] = {}
    tests: list[AttributionTest] = []
    for one in known:
        places = {name: _stabilise(share) for name, share in one.shares.items()}
        judged = [name for name in places if _is_judged(kept.get(name, ()))]
        chance = share_chance(false_alarms, len(judged))
        for name in judged:
            test, bounded = _judge(one, name, places[name], kept[name], noise[name], chance)
            tests.append(test)
            places[name] = bounded
        for name, place in places.items():
            kept.setdefault(name, []).append(place)
            noise.setdefault(name, []).append(_find_noise(one, name))
    return tests


def _is_judged(past: Sequence[float]) -> bool:
    return len(past) >= LEAST_PAST and float(np.mean(np.sin(past) ** 2)) >= LEAST_SHARE


def _judge(
    one: Attribution, name: str, place: float, past: Sequence[float], noise: Sequence[float], chance: float
) -> tuple[AttributionTest, float]:
    """Return the test of a feature and its place, cut to what a stable batch shows."""
    usual, degrees = float(np.mean(past)), len(past) - 1
    # Few batches may lie near each other by chance, but not nearer than their rows allow.
    spread = max(float(np.var(past, ddof=1)), float(np.mean(np.square(noise)))) * (1 + 1 / len(past))
    error = max(spread, 1e-12) ** 0.5
    p_value = float(2 * stdtr(degrees, -abs(place - usual) / error))
    reach = float(stdtrit(degrees, 1 - chance / 2)) * error
    lower, upper = max(0.0, usual - reach), min(np.pi / 2, usual + reach)
    test = AttributionTest(
        batch=one.batch,
        feature=name,
        share=_restore(place),
        usual=_restore(usual),
        lower=_restore(lower),
        upper=_restore(upper),
        p_value=p_value,
        alarm=p_value < chance,
    )
    return test, float(np.clip(place, lower, upper))


def _stabilise(share: float) -> float:
    return float(np.arcsin(np.sqrt(np.clip(share, 0.0, 1.0))))


def _restore(place: float) -> float:
    return float(np.sin(place) ** 2)


def _find_noise(one: Attribution, name: str) -> float:
    """Return the standard error of a share on the arcsine scale, as its rows allow."""
    total, share = sum(one.mean_abs.values()), one.shares[name]
    bend = 2 * np.sqrt(max(share * (1 - share), 1e-6))
    return float(one.errors[name] / total / bend) if total else 0.0
