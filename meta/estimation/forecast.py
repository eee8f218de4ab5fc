"""From expected losses of rows to a forecast and its interval, by experts that are weighted by past batches.

An expectation from confidence alone errs when the relation of inputs and target changes; the level of past batches errs
when the inputs change. Experts of both kinds, and of both at once, forecast every past batch in turn, each from the
batches before it, and the one that erred less weighs more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

BELIEF_HALF_LIVES = (3.0, 12.0)
"""Batches after which a batch counts half for the two corrections of outputs."""
BIAS_HALF_LIVES = (2.0, 8.0)
LEVEL_HALF_LIVES = (0.3, 2.0, 8.0, 50.0)
"""The first level is nearly the newest batch alone, the last nearly the mean of all."""
EXPERTS = len(BELIEF_HALF_LIVES) * (1 + len(BIAS_HALF_LIVES)) + len(LEVEL_HALF_LIVES)
"""Number of experts: each correction alone, each correction with each bias removed, and each level."""
WEIGHT_HALF_LIFE = 8.0
POWER = 4
"""An expert's weight falls with this power of its mean squared error: the best share, the others hardly count."""
TINY = 1e-12


@dataclass(frozen=True)
class Forecast:
    """How a measure is forecast. Numbers are on the measure's scale of errors: see ``estimator.to_scale``.

    levels:  by LEVEL_HALF_LIVES, the decayed mean of what past batches showed
    biases:  by calibration and BIAS_HALF_LIVES, what they showed less what was expected of them
    sizes:   numbers of rows, ascending, that weights, low and high belong to
    weights: of the experts (n_sizes, n_experts), in the order of ``list_experts``
    low, high: bounds of nine of ten standardised errors
    between, within: an error's variance is ``between + within / rows``
    """

    levels: tuple[float, ...]
    biases: tuple[tuple[float, ...], ...]
    weights: tuple[tuple[float, ...], ...]
    sizes: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    between: float
    within: float

    def foresee(self, expected: np.ndarray, rows: int) -> float:
        """Return the forecast for expectations (n_beliefs,) of ``rows`` rows."""
        experts = list_experts(expected[None, :], np.array(self.levels), np.array(self.biases))[0]
        by_size = np.array(self.weights) @ experts
        return float(np.interp(np.log(rows), np.log(self.sizes), by_size))

    def bound(self, rows: int) -> tuple[float, float]:
        """Return how far what ``rows`` rows will show lies below and above the forecast, nine times of ten."""
        spread = measure_spread(self.between, self.within, rows)
        at = np.log(rows)
        sizes = np.log(self.sizes)
        return float(np.interp(at, sizes, self.low) * spread), float(np.interp(at, sizes, self.high) * spread)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Forecast":
        """Return the forecast that ``to_json`` described."""
        plain = {name: tuple(numbers) if isinstance(numbers, list) else numbers for name, numbers in stored.items()}
        nested = {name: tuple(map(tuple, stored[name])) for name in ("biases", "weights")}
        return cls(**plain | nested)


def measure_spread(between: float, within: float, rows: float | np.ndarray) -> Any:
    """Return the standard deviation of an error over ``rows`` rows: batches differ, and rows of a batch do."""
    return np.sqrt(between + within / rows + TINY)


def list_experts(expected: np.ndarray, levels: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """Return what each expert forecasts (n_parts, n_experts) for expectations (n_parts, n_beliefs)."""
    debiased = [expected[:, place, None] + of_belief for place, of_belief in enumerate(biases)]
    return np.hstack([expected, *debiased, np.tile(levels, (len(expected), 1))])


def learn_levels(shown: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return levels and biases from what past batches showed (n,) and expectations (n, n_beliefs), the oldest first."""
    levels = np.array([_decayed_mean(shown, half_life) for half_life in LEVEL_HALF_LIVES])
    biases = [
        [_decayed_mean(shown - of_belief, half_life) for half_life in BIAS_HALF_LIVES] for of_belief in expected.T
    ]
    return levels, np.array(biases)


def weigh_experts(squares: np.ndarray) -> np.ndarray:
    """Return the weights of experts by squared errors (n_batches, n_experts), the oldest first; equal without any.

    A batch without an error (NaN) is left out.
    """
    known = np.isfinite(squares).all(axis=1)
    if not known.any():
        return np.full(squares.shape[1], 1 / squares.shape[1])
    squares = np.average(squares[known], axis=0, weights=decay(len(squares), WEIGHT_HALF_LIFE)[known]) + TINY
    weights = (squares / squares.min()) ** -POWER
    return weights / weights.sum()


def decay(batches: int, half_life: float) -> np.ndarray:
    """Return weights (batches,), the oldest first, that halve every ``half_life`` batches.

    >>> decay(3, 1.0).tolist()
    [0.25, 0.5, 1.0]
    """
    return 0.5 ** (np.arange(batches)[::-1] / half_life)


def _decayed_mean(numbers: Sequence[float] | np.ndarray, half_life: float) -> float:
    return float(np.average(numbers, weights=decay(len(numbers), half_life)))
