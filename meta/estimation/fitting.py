"""Fitting an estimator: every past batch is estimated in turn from those before it, and the errors teach the next."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pointsman.common.task import Task
from pointsman.common.text import count
from pointsman.meta.estimation.calibration import Calibrations, ClassCells, ErrorCells, count_classes, count_errors
from pointsman.meta.estimation.estimator import CLEAN, DAMAGED, REACH, Condition, PerformanceEstimator, to_scale
from pointsman.meta.estimation.expectation import expect, realise
from pointsman.meta.estimation.forecast import (
    BELIEF_HALF_LIVES,
    EXPERTS,
    Forecast,
    decay,
    learn_levels,
    list_experts,
    weigh_experts,
)
from pointsman.meta.estimation.interval import MIN_ERRORS, WHOLE, BatchErrors, fit_interval
from pointsman.meta.records import OutOfSamplePredictions

PART_SIZES = (1, 4, 16, 64, 256, 1024)
MOST_PARTS = 12
"""The most parts of one size that are cut from a batch."""
MIN_BATCHES = MIN_ERRORS + 2
"""The first has no past, the second no level to be debiased by."""


@dataclass(frozen=True, eq=False)
class EstimatorSample:
    """An answerer's outputs for labelled rows of one batch and condition; ``starts`` are the first rows of copies."""

    outputs: np.ndarray
    target: np.ndarray
    flagged: np.ndarray
    starts: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ReplayedRows:
    """A batch on the scale of errors: what was expected of it (n_beliefs,) and what it showed.

    The same for its parts, (n_parts, n_beliefs) and (n_parts,), whose ``kinds`` and ``rows`` are as in ``BatchErrors``.
    """

    expected: np.ndarray
    shown: float
    kinds: np.ndarray
    rows: np.ndarray
    part_expected: np.ndarray
    part_shown: np.ndarray


def fit_estimator(
    records: Sequence[OutOfSamplePredictions], line: str, measures: Sequence[str], threshold: float = 0.5
) -> PerformanceEstimator:
    """Return the estimator of a line from the records that have it, the oldest first.

    ``measures`` are names of metrics, the loss first. With too few records it estimates nothing and says so.
    """
    known = [record for record in records if line in record.predicted]
    if not records:
        raise ValueError("an estimator needs a record, if only to know the task; there is none")
    rows = records[-1].rows
    usual = np.mean([(record.rows.kinds[record.rows.clean] > 0).mean() for record in known]) if known else 0.0
    # Confidence means something else on damaged input, so both have calibrations and errors of their own.
    conditions = {}
    for name in (CLEAN, DAMAGED):
        samples = [sample for record in known if (sample := _take(record, line, name)) is not None]
        if len(samples) >= MIN_BATCHES:
            condition = _fit_condition(samples, rows.task, measures, threshold, name)
            if condition.forecasts:
                conditions[name] = condition
    # Without CLEAN nothing is estimated, so what was learned from damaged copies alone is dropped below.
    reason = ""
    if CLEAN not in conditions:
        reason = (
            f"not estimated before {MIN_BATCHES} batches were predicted by fits of what serves that had not learned "
            f"them, out of fold or before they were learned; there {'is' if len(known) == 1 else 'are'} "
            f"{count(len(known), 'such batch', 'such batches')}"
        )
    return PerformanceEstimator(
        answerer=line,
        task=rows.task,
        classes=rows.classes,
        measures=tuple(dict.fromkeys(measures)),
        threshold=threshold,
        usual=float(usual),
        conditions=conditions if CLEAN in conditions else {},
        reason=reason,
    )


def _take(record: OutOfSamplePredictions, line: str, condition: str) -> EstimatorSample | None:
    rows = record.rows
    chosen = np.flatnonzero(rows.clean == (condition == CLEAN))
    if not len(chosen):
        return None
    starts = np.flatnonzero(np.diff(rows.part[chosen], prepend=-1))
    return EstimatorSample(
        record.predicted[line][chosen], rows.target[chosen], rows.kinds[chosen] > 0, tuple(starts.tolist())
    )


def _fit_condition(
    samples: Sequence[EstimatorSample], task: Task, measures: Sequence[str], threshold: float, condition: str
) -> Condition:
    tally = count_classes if task.is_classification else count_errors
    cells = tally([one.outputs for one in samples], [one.flagged for one in samples], [one.target for one in samples])
    replayed: dict[str, list[ReplayedRows]] = {name: [] for name in measures}
    for place in range(1, len(samples)):
        calibrations = _fit_beliefs(cells, place)
        calibrated = [one.calibrate(samples[place].outputs, samples[place].flagged) for one in calibrations]
        parts = _cut(samples[place], condition)
        for name, done in replayed.items():
            one = _replay(samples[place], calibrated, parts, task, name, threshold)
            if one is not None:
                done.append(one)
    forecasts = {name: fit_forecast(done, condition == CLEAN) for name, done in replayed.items()}
    found = {name: forecast for name, forecast in forecasts.items() if forecast is not None}
    return Condition(_fit_beliefs(cells, len(samples)), found)


def _fit_beliefs(cells: ClassCells | ErrorCells, batches: int) -> tuple[Calibrations, ...]:
    return tuple(cells.fit(decay(batches, half_life)) for half_life in BELIEF_HALF_LIVES)


def _cut(sample: EstimatorSample, condition: str) -> list[tuple[int, slice]]:
    """Return parts of a sample, each with the size it was cut to: runs of rows, evenly spread, and damaged copies."""
    n_rows = len(sample.target)
    copies = [*sample.starts, n_rows]
    parts = []
    if condition == DAMAGED:
        sizes = [copies[place + 1] - copies[place] for place in range(len(sample.starts))]
        parts += [(max(sizes), slice(first, first + size)) for first, size in zip(sample.starts, sizes, strict=True)]
        most = max(sizes)
    else:
        most = n_rows
    for size in PART_SIZES:
        if 2 * size <= most:
            starts = np.linspace(0, n_rows - size, min(MOST_PARTS, n_rows // size)).astype(int)
            parts += [(size, slice(start, start + size)) for start in starts.tolist()]
    return parts


def _replay(
    sample: EstimatorSample,
    calibrated: Sequence[np.ndarray],
    parts: Sequence[tuple[int, slice]],
    task: Task,
    name: str,
    threshold: float,
) -> ReplayedRows | None:
    """Return what was expected of a batch and what it showed; None where the measure is undefined for it."""

    def look(rows: slice) -> list[float]:
        outputs = sample.outputs[rows]
        expected = [expect(name, task, outputs, one[rows], threshold) for one in calibrated]
        return [*expected, realise(name, task, sample.target[rows], outputs, threshold)]

    # One line for the whole batch, then one per part; the last column is what labels showed, the others expectations.
    seen = to_scale(name, np.array([look(rows) for rows in (slice(None), *(rows for _, rows in parts))]))
    if not np.isfinite(seen[0]).all():
        return None
    sound = np.isfinite(seen[1:]).all(axis=1)
    kinds, rows = (
        np.array(numbers, dtype=float)[sound]
        for numbers in ([kind for kind, _ in parts], [rows.stop - rows.start for _, rows in parts])
    )
    whole, cut = seen[0], seen[1:][sound]
    return ReplayedRows(
        whole[:-1],
        float(whole[-1]),
        np.append(kinds, WHOLE),
        np.append(rows, len(sample.target)),
        np.vstack([cut[:, :-1], whole[:-1]]),
        np.append(cut[:, -1], whole[-1]),
    )


def fit_forecast(replayed: Sequence[ReplayedRows], whole: bool = True) -> Forecast | None:
    """Return the forecast after batches, the oldest first; None where there are too few of them.

    ``whole`` says whether a batch as a whole is like a request: the copies of a damaged one, put together, are not.
    """
    if len(replayed) <= MIN_ERRORS:
        return None
    shown = np.array([one.shown for one in replayed])
    expected = np.stack([one.expected for one in replayed])
    kinds = np.unique(np.concatenate([one.kinds for one in replayed[1:]]))
    # Errors are kept apart by kind of part: each kind has expert weights of its own.
    squares = np.zeros((len(kinds), 0, EXPERTS))
    history = []
    for place, one in enumerate(replayed[1:], start=1):
        # Experts and their weights know the batches before this one alone: its error is that of a real estimate.
        levels, biases = learn_levels(shown[:place], expected[:place])
        experts = list_experts(one.part_expected, levels, biases)
        weights = np.stack([weigh_experts(of_kind) for of_kind in squares])
        foreseen = (experts * weights[np.searchsorted(kinds, one.kinds)]).sum(axis=1)
        kept = slice(None) if whole else one.kinds != WHOLE
        missed = np.clip(one.part_shown - foreseen, -REACH, REACH)
        history.append(BatchErrors(one.kinds[kept], one.rows[kept], missed[kept]))
        newest = _measure_experts(one, experts, kinds)
        squares = np.concatenate([squares, newest[:, None]], axis=1)
    spread = fit_interval(history)
    if spread is None:
        return None
    levels, biases = learn_levels(shown, expected)
    # The interval lists its kinds by size, and it lacks WHOLE where whole batches are not like requests.
    return Forecast(
        levels=tuple(levels.tolist()),
        biases=tuple(map(tuple, biases.tolist())),
        weights=tuple(tuple(weigh_experts(squares[place]).tolist()) for place in np.searchsorted(kinds, spread.kinds)),
        sizes=spread.sizes,
        low=spread.low,
        high=spread.high,
        between=spread.between,
        within=spread.within,
    )


def _measure_experts(one: ReplayedRows, experts: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Return mean squared errors (n_kinds, n_experts) by kind of part; NaN for a kind the batch has no part of."""
    squares = np.clip(one.part_shown[:, None] - experts, -REACH, REACH) ** 2
    nothing = np.full(EXPERTS, np.nan)
    return np.stack(
        [squares[one.kinds == kind].mean(axis=0) if (one.kinds == kind).any() else nothing for kind in kinds]
    )
