"""Rows in segments: levels of a column, or bands of its numbers, each with how good answers to its rows were.

Two questions are asked of every segment: is what was answered on average what came, and is the answer worth as much
there as elsewhere? What is within noise is not marked; the more questions are asked, the surer an answer has to be
(Holm 1979, "A simple sequentially rejective multiple test procedure").
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import sqrt

import numpy as np
import pandas as pd

from pointsman.common.metrics import compute_row_losses
from pointsman.common.task import Task
from pointsman.pipeline.reporting.formats import format_number
from pointsman.pipeline.reporting.loss_scale import measure_gain, to_unit

MOST_LEVELS, BANDS = 5, 4
OTHERS, MISSING = "other levels", "missing"
LEAST_ROWS, LEAST_EXPECTED = 30, 5
"""Fewer rows, or fewer rows of either outcome that were to be expected, tell nothing."""
BLOCKS = 24
"""Neighbouring rows of a stream are alike, so noise is also taken between so many stretches of time."""
CONFIDENCE = 0.95
DOUBT = 0.05
"""The chance that any segment at all is marked where there is nothing but noise."""


@dataclass(frozen=True, eq=False)
class AnsweredRows:
    """Rows in time order with what was answered and what came of them, (n_rows,) each.

    told:  the probability of the positive class, that of the answered one of several, or the number
    came:  what came: 1 or 0, whether the answered class was right, or the number
    own:   the losses of what answered
    other: those without a model
    """

    task: Task
    told: np.ndarray
    came: np.ndarray
    own: np.ndarray
    other: np.ndarray

    def __len__(self) -> int:
        return len(self.told)


@dataclass(frozen=True)
class Segment:
    """Rows of one level or band.

    told, came:   means of what was answered and of what came
    loss:         what answers lost, in the unit of the task; ``gain`` by which share that is less than without a model
    lower, upper: the interval of the gain that covers 95 %, None where the rows are too few to tell
    marks:        what differs beyond noise, '' where nothing does
    """

    label: str
    rows: int
    told: float
    came: float
    loss: float
    gain: float | None
    lower: float | None
    upper: float | None
    marks: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether there are rows enough to tell anything."""
        return self.lower is not None


def answer_rows(task: Task, target: np.ndarray, outputs: np.ndarray, baseline: np.ndarray) -> AnsweredRows:
    """Return rows of target (n_rows,) with outputs (n_rows, n_outputs) of what answered, and those without a model."""
    if task is Task.REGRESSION:
        told, came = outputs[:, 0], target
    elif task is Task.BINARY:
        told, came = outputs[:, 1], (target == 1).astype(float)
    else:
        told, came = outputs.max(axis=1), (outputs.argmax(axis=1) == target).astype(float)
    losses = [compute_row_losses(task, target, one) for one in (outputs, baseline)]
    return AnsweredRows(task, told.astype(float), came.astype(float), *losses)


def split_column(cells: pd.Series) -> list[tuple[str, np.ndarray]]:
    """Return the segments of a column as labels and masks (n_rows,), at most a handful.

    >>> [(label, int(rows.sum())) for label, rows in split_column(pd.Series(["a", "b", "a", None]))]
    [('a', 2), ('b', 1), ('missing', 1)]
    """
    missing = cells.isna().to_numpy()
    is_number = pd.api.types.is_numeric_dtype(cells)
    frequent = cells.dropna().value_counts()
    if is_number and len(frequent) > MOST_LEVELS + 1:
        found = list(_split_numbers(cells.to_numpy(dtype=float, na_value=np.nan)))
    else:
        shown = frequent.index[: MOST_LEVELS + (len(frequent) == MOST_LEVELS + 1)]
        names = sorted(shown) if is_number else list(shown)
        found = [
            (format_number(float(name), 3) if is_number else str(name), (cells == name).to_numpy()) for name in names
        ]
        rest = ~missing & ~cells.isin(shown).to_numpy()
        found += [(OTHERS, rest)] if rest.any() else []
    return [*found, (MISSING, missing)] if missing.any() else found


def _split_numbers(cells: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield bands with about as many rows each."""
    edges = np.unique(np.nanquantile(cells, np.linspace(0, 1, BANDS + 1)[1:-1], method="inverted_cdf"))
    edges = edges[edges > np.nanmin(cells)]
    is_whole = bool((np.mod(cells[~np.isnan(cells)], 1) == 0).all())
    for low, high in pairwise([-np.inf, *edges.tolist(), np.inf]):
        yield _name_band(low, high, is_whole), (cells >= low) & (cells < high)


def _name_band(low: float, high: float, is_whole: bool) -> str:
    """Return the numbers from ``low`` on and below ``high`` in words.

    >>> _name_band(2009.0, 2010.0, True), _name_band(0.5, 2.0, False), _name_band(4.0, np.inf, True)
    ('2009', '0.500 to below 2', '4 and more')
    """
    first, end = format_number(low, 3), format_number(high, 3)
    if np.isinf(low):
        return "any number" if np.isinf(high) else f"below {end}"
    if np.isinf(high):
        return f"{first} and more"
    return first if is_whole and high == low + 1 else f"{first} to below {end}"


def judge_segments(rows: AnsweredRows, columns: Sequence[pd.Series]) -> list[tuple[Segment, ...]]:
    """Return the segments of every column, marked where they differ beyond noise among all that are asked about."""
    judged = [[_judge(rows, label, mask) for label, mask in split_column(cells)] for cells in columns]
    chances = [chance for column in judged for _, tests in column for chance, _ in tests]
    surely = iter(reject(chances))
    return [
        tuple(replace(segment, marks=tuple(word for _, word in tests if next(surely))) for segment, tests in column)
        for column in judged
    ]


def _judge(rows: AnsweredRows, label: str, mask: np.ndarray) -> tuple[Segment, list[tuple[float, str]]]:
    """Return a segment, and what may be said of it with the chance that noise alone says it."""
    inside, outside = _pick(rows, mask), _pick(rows, ~mask)
    count = len(inside)
    means = [float(one.mean()) if count else 0.0 for one in (inside.told, inside.came, inside.own, inside.other)]
    gain = measure_gain(means[2], means[3], rows.task)
    segment = Segment(label, count, means[0], means[1], to_unit(means[2], rows.task), gain, None, None)
    if not _is_enough(inside) or gain is None:
        return segment, []
    blocks = np.arange(len(rows)) * BLOCKS // max(1, len(rows))
    error, freedom = measure_gain_error(inside, blocks[mask])
    half = _quantile(freedom) * error
    segment = replace(segment, lower=gain - half, upper=gain + half)
    off, off_error, off_freedom = _measure_bias(inside, blocks[mask])
    tests = [(_chance(off, off_error, off_freedom), _name_bias(rows.task, off))]
    elsewhere = (
        measure_gain(float(outside.own.mean()), float(outside.other.mean()), rows.task) if len(outside) else None
    )
    if elsewhere is not None and _is_enough(outside):
        outer, _ = measure_gain_error(outside, blocks[~mask])
        word = "better than elsewhere" if gain > elsewhere else "worse than elsewhere"
        tests.append((_chance(gain - elsewhere, sqrt(error**2 + outer**2), freedom), word))
    return segment, tests


def _pick(rows: AnsweredRows, mask: np.ndarray) -> AnsweredRows:
    return AnsweredRows(rows.task, rows.told[mask], rows.came[mask], rows.own[mask], rows.other[mask])


def _is_enough(rows: AnsweredRows) -> bool:
    if len(rows) < LEAST_ROWS:
        return False
    expected = rows.told.sum()
    return not rows.task.is_classification or min(expected, len(rows) - expected) >= LEAST_EXPECTED


def measure_gain_error(rows: AnsweredRows, blocks: np.ndarray) -> tuple[float, int]:
    """Return the standard error of the gain, and its degrees of freedom.

    A gain is one less a ratio of means, of numbers the root of one: its error is that of the ratio's linear part.
    """
    ratio = rows.own.mean() / rows.other.mean()
    error, freedom = measure_error((rows.own - ratio * rows.other) / rows.other.mean(), blocks)
    return (error if rows.task.is_classification else error / (2 * sqrt(max(ratio, 1e-12)))), freedom


def _measure_bias(rows: AnsweredRows, blocks: np.ndarray) -> tuple[float, float, int]:
    """Return by how much answers are too high on average, its standard error and degrees of freedom.

    Of probabilities the error is at least what they themselves say it is: it is there where nothing rare happened yet.
    """
    off = rows.told - rows.came
    error, freedom = measure_error(off, blocks)
    if rows.task.is_classification:
        error = max(error, sqrt(float((rows.told * (1 - rows.told)).sum())) / len(rows))
    return float(off.mean()), error, freedom


def measure_error(numbers: np.ndarray, blocks: np.ndarray) -> tuple[float, int]:
    """Return the standard error of a mean of numbers (n_rows,), and its degrees of freedom.

    It is the larger of what rows by themselves say and what ``blocks`` (n_rows,) of neighbours do (batch means, as in
    simulation output analysis: Law & Kelton).

    >>> round(measure_error(np.array([1.0, -1.0, 1.0, -1.0]), np.array([0, 0, 1, 1]))[0], 3)
    0.577
    """
    count, away = len(numbers), numbers - numbers.mean()
    sums = np.bincount(blocks, weights=away)[np.unique(blocks)]
    alone = sqrt(float((away**2).sum()) / max(1, count - 1) / count)
    between = sqrt(float((sums**2).sum()) * len(sums) / max(1, len(sums) - 1)) / count
    return max(alone, between), max(1, len(sums) - 1)


def reject(chances: Sequence[float]) -> list[bool]:
    """Return which of several findings stand, so that noise alone yields any at all with a chance of DOUBT.

    >>> reject([0.001, 0.03, 0.9]), reject([])
    ([True, False, False], [])
    """
    order = np.argsort(chances, kind="stable")
    stands = [False] * len(chances)
    for place, which in enumerate(order.tolist()):
        if chances[which] > DOUBT / (len(chances) - place):
            break
        stands[which] = True
    return stands


def _chance(distance: float, error: float, freedom: int) -> float:
    from scipy.stats import t

    if error <= 0:
        return 1.0
    return float(2 * t.sf(abs(distance) / error, freedom))


def _quantile(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + CONFIDENCE) / 2, freedom))


def _name_bias(task: Task, off: float) -> str:
    if task is Task.MULTICLASS:
        return "too sure" if off > 0 else "not sure enough"
    return "answers too high" if off > 0 else "answers too low"
