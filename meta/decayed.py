"""Chooser B: decayed records, the mean loss of every line on past batches, the newer ones counting more."""

from dataclasses import dataclass

import numpy as np

from meta.past import Past


@dataclass(frozen=True)
class PartLosses:
    """Mean losses of the lines on every part of every batch: ``losses`` is (n_parts, n_lines), NaN without a record.

    Log-loss is meant as it is; a regression's loss is the root mean square error in standard deviations of the target.
    """

    batch: np.ndarray
    part: np.ndarray
    losses: np.ndarray

    @property
    def clean(self) -> np.ndarray:
        """Which parts are whole batches as they came (n_parts,) bool."""
        return self.part == 0


def compute_part_losses(past: Past) -> PartLosses:
    """Return the mean loss of each line on each (batch, part) of the past."""
    keys = past.batch.astype(np.int64) * (int(past.part.max()) + 1) + past.part
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    counts = np.bincount(inverse)
    means = np.column_stack([
        np.bincount(inverse, weights=past.losses[:, line]) / counts for line in range(len(past.lines))
    ])  # fmt: skip
    if not past.task.is_classification:
        means = np.sqrt(means)
    return PartLosses(past.batch[first], past.part[first], np.where(past.known[first], means, np.nan))


def compute_decayed_records(parts: PartLosses, clean: bool, half_life: float) -> np.ndarray:
    """Return the decayed mean loss (n_lines,) of every line, on clean batches or on their damaged copies.

    Each batch counts half as much as the one ``half_life`` batches later. A line is compared with the median line on
    the very parts it has a record of, so that a newcomer is not judged by whether its few batches were hard ones.
    Where there is no such part at all, every line's record is 0.
    """
    chosen = parts.clean == clean
    if not chosen.any():
        return np.zeros(parts.losses.shape[1])
    losses, batch = parts.losses[chosen], parts.batch[chosen]
    _, position, per_batch = np.unique(batch, return_inverse=True, return_counts=True)
    weights = 0.5 ** ((parts.batch.max() - batch) / half_life) / per_batch[position]
    known = np.isfinite(losses)
    level = np.nanmedian(losses, axis=1, keepdims=True)
    apart = np.where(known, losses - level, 0.0)
    shared = known * weights[:, None]
    total = shared.sum(axis=0)
    records = np.divide((apart * shared).sum(axis=0), total, out=np.zeros(len(total)), where=total > 0)
    centre = float(np.average(level[:, 0], weights=weights))
    return np.where(total > 0, centre + records, np.nan_to_num(centre + records.max()))


def soften(losses: np.ndarray, temperature: float) -> np.ndarray:
    """Return weights that fall exponentially with the loss: softmax(-losses / temperature) over the last axis.

    >>> soften(np.array([0.30, 0.30, 0.90]), 0.01).round(3).tolist()
    [0.5, 0.5, 0.0]
    """
    scaled = -(losses - losses.min(axis=-1, keepdims=True)) / temperature
    weights = np.exp(scaled)
    return weights / weights.sum(axis=-1, keepdims=True)
