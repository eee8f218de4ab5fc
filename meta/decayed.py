"""Decayed records: the mean loss of every line on past batches, the newer ones counting more."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from pointsman.meta.past import PredictionHistory, stack_by_batch
from pointsman.meta.records import FIRST_LIVE, OutOfSamplePredictions
from pointsman.registry.generations import Generation

RECALL = 0.3
"""Weight of an old batch that is exactly like the newest, which itself counts 1."""
LIKENESS_POWER = 4
MIN_LINES = 4
"""With fewer lines a likeness says nothing."""


@dataclass(frozen=True)
class PartLosses:
    """Mean losses of the lines on every part of every batch: ``losses`` is (n_parts, n_lines), NaN without a record.

    Log-loss is taken as it is; a regression's loss is the root mean square error in standard deviations of the target.
    ``rows`` (n_parts,) says how many rows each mean is over.
    """

    batch: np.ndarray
    part: np.ndarray
    losses: np.ndarray
    rows: np.ndarray

    @property
    def whole(self) -> np.ndarray:
        """Which parts are whole batches as they came (n_parts,) bool."""
        return self.part == 0

    @property
    def clean(self) -> np.ndarray:
        """Which parts are whole batches, or served rows, as they came (n_parts,) bool."""
        return self.whole | (self.part >= FIRST_LIVE)


def compute_part_losses(past: PredictionHistory) -> PartLosses:
    """Return the mean loss of each line on each (batch, part) of the past."""
    keys = past.batch.astype(np.int64) * (int(past.part.max()) + 1) + past.part
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    counts = np.bincount(inverse)
    means = np.column_stack(
        [np.bincount(inverse, weights=past.losses[:, line]) / counts for line in range(len(past.lines))]
    )
    if not past.task.is_classification:
        means = np.sqrt(means)
    return PartLosses(past.batch[first], past.part[first], np.where(past.known[first], means, np.nan), counts)


def measure_parts(records: Sequence[OutOfSamplePredictions], lines: Sequence[str]) -> PartLosses:
    """Return what ``compute_part_losses`` does of the newest records, with one batch in memory at a time."""
    measured = [compute_part_losses(past) for past in stack_by_batch(records, lines)]
    columns = (np.concatenate([getattr(one, column.name) for one in measured]) for column in fields(PartLosses))
    return PartLosses(*columns)


def compute_decayed_records(parts: PartLosses, clean: bool, half_life: float, returning: bool = False) -> np.ndarray:
    """Return the decayed mean loss (n_lines,) of every line, on clean batches or on their damaged copies.

    Each batch counts half as much as the one ``half_life`` batches later, and its parts count by their rows; with
    ``returning``, old batches that the newest one resembles count again. A line is compared, on the very parts it has a
    record of, with those that have a record of them all, so that a newcomer is not judged by whether its few batches
    were hard ones. Where there is no such part at all, every line's record is 0; parts that no line has a record of, as
    after all models were lost, say nothing.
    """
    chosen = (parts.clean == clean) & np.isfinite(parts.losses).any(axis=1)
    if not chosen.any():
        return np.zeros(parts.losses.shape[1])
    losses, batch, rows = parts.losses[chosen], parts.batch[chosen], parts.rows[chosen]
    numbers, position = np.unique(batch, return_inverse=True)
    newest = parts.batch.max()
    by_batch = 0.5 ** ((newest - numbers) / half_life)
    if returning:
        by_batch = by_batch + np.array([recall(parts, number, newest) for number in numbers])
    weights = by_batch[position] * (rows / np.bincount(position, weights=rows)[position])
    known = np.isfinite(losses)
    level = measure_level(losses)
    apart = np.where(known, losses - level, 0.0)
    shared = known * weights[:, None]
    total = shared.sum(axis=0)
    records = np.divide((apart * shared).sum(axis=0), total, out=np.zeros(len(total)), where=total > 0)
    # Differences become losses again; a line without any record counts as the worst, not as an average one.
    centre = float(np.average(level[:, 0], weights=weights))
    return np.where(total > 0, centre + records, centre + records.max())


def measure_noise(parts: PartLosses, clean: bool, half_life: float) -> float:
    """Return how far chance moves a decayed record: the median over lines of its standard error, from how a line's
    distance to the others differs between batches; 0 with fewer than two batches.

    After a change of regime lines differ by more than ever, on a batch or two: that is no reason to trust one of them.
    """
    chosen = parts.clean == clean
    numbers = np.unique(parts.batch[chosen])
    if len(numbers) < 2:
        return 0.0
    apart = parts.losses[chosen] - measure_level(parts.losses[chosen])
    by_batch = np.stack([fill_unknown(apart)[parts.batch[chosen] == number].mean(axis=0) for number in numbers])
    weights = 0.5 ** ((numbers.max() - numbers) / half_life)
    weights = weights / weights.sum()
    variances = weights @ np.square(by_batch - weights @ by_batch)
    return float(np.median(np.sqrt(variances * np.square(weights).sum())))


def measure_level(losses: np.ndarray) -> np.ndarray:
    """Return what losses (n_parts, n_lines) are compared with (n_parts, 1): the median of lines known in every part.

    The set of lines must not change from part to part, or a line would be measured by who else was there. Where no line
    is known everywhere, the median of the known ones stands in; NaN where there is none.
    """
    everywhere = np.isfinite(losses).all(axis=0)
    if everywhere.any():
        return np.median(losses[:, everywhere], axis=1, keepdims=True)
    level = np.full((len(losses), 1), np.nan)
    known = np.isfinite(losses).any(axis=1)
    level[known] = np.nanmedian(losses[known], axis=1, keepdims=True)
    return level


def fill_unknown(apart: np.ndarray) -> np.ndarray:
    """Return (n_parts, n_lines) differences with unknown ones (NaN) filled by the mean of the line's known ones, or 0.

    >>> fill_unknown(np.array([[0.5, np.nan], [1.5, np.nan], [np.nan, np.nan]])).tolist()
    [[0.5, 0.0], [1.5, 0.0], [1.0, 0.0]]
    """
    known = np.isfinite(apart)
    counts = known.sum(axis=0)
    means = np.divide(np.where(known, apart, 0.0).sum(axis=0), counts, out=np.zeros(len(counts)), where=counts > 0)
    return np.where(known, apart, means)


def recall(parts: PartLosses, batch: int, newest: int) -> float:
    """Return the weight that a batch gains because the newest one resembles it: an earlier regime that returns.

    Two batches are alike where the same lines did well and badly on them: the correlation of the lines' losses, to a
    high power, so that only close likeness counts.
    """
    then, now = (parts.losses[parts.whole & (parts.batch == number)] for number in (batch, newest))
    if not len(then) or not len(now):
        return 0.0
    known = np.isfinite(then[0]) & np.isfinite(now[0])
    if known.sum() < MIN_LINES or not then[0][known].std() or not now[0][known].std():
        return 0.0
    likeness = float(np.corrcoef(then[0][known], now[0][known])[0, 1])
    return RECALL * max(0.0, likeness) ** LIKENESS_POWER


def soften(losses: np.ndarray, temperature: float) -> np.ndarray:
    """Return weights that fall exponentially with the loss: softmax(-losses / temperature) over the last axis.

    >>> soften(np.array([0.30, 0.30, 0.90]), 0.01).round(3).tolist()
    [0.5, 0.5, 0.0]
    """
    scaled = -(losses - losses.min(axis=-1, keepdims=True)) / temperature
    weights = np.exp(scaled)
    return weights / weights.sum(axis=-1, keepdims=True)


def list_losses(before: Generation, records: Sequence[OutOfSamplePredictions]) -> list[float]:
    """Return the champion's mean loss on every batch it has a record of, oldest first."""
    if before.champion is None:
        return [np.nan]
    line = before.champion.line
    known = [record for record in records if line in record.predicted]
    parts = measure_parts(known, [line]) if known else None
    return parts.losses[parts.whole][:, 0].tolist() if parts else [np.nan]
