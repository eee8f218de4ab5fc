"""Weights by greedy ensemble selection (Caruana et al. 2004): lines are added to a blend while that helps."""

import numpy as np

from pointsman.common.metrics import compute_row_losses
from pointsman.meta.flags import RowKind
from pointsman.meta.past import PredictionHistory

BAGS = 8
BAG_ROWS = 3_000
ROUNDS = 10
ROW_HALF_LIFE = 2.0
"""Batches after which a row is drawn half as often: with many rows a draw, what is new decides."""
SHRINKAGE = 0.7
"""Weight of the blend for all damaged rows in those of sparse and anomalous ones: past a guard they are alike."""
MIN_KNOWN = 0.5
MIN_ROWS = 200
"""With fewer rows of a kind the blend for all damaged rows stands in."""


def blend_by_kind(past: PredictionHistory, generator: np.random.Generator) -> np.ndarray:
    """Return blend weights (3, n_lines), a row a RowKind.

    Clean rows get the mean of the blend for clean batches and of that for clean rows wherever they are; sparse and
    anomalous ones are learned from damaged copies, since a request with many of them is damaged as those are.
    """
    batches = blend_greedily(past.take(past.clean), generator)
    rows = past.kinds == RowKind.CLEAN
    clean = (batches + blend_greedily(past.take(rows), generator)) / 2 if rows.sum() >= MIN_ROWS else batches
    flagged = find_flagged(past)
    damaged = blend_greedily(past.take(flagged), generator)
    weights = [clean]
    for kind in (RowKind.SPARSE, RowKind.ANOMALOUS):
        own = flagged & (past.kinds == kind)
        if own.sum() < MIN_ROWS:
            weights.append(damaged)
        else:
            weights.append(SHRINKAGE * damaged + (1 - SHRINKAGE) * blend_greedily(past.take(own), generator))
    return np.array(weights)


def find_flagged(past: PredictionHistory) -> np.ndarray:
    """Return the flagged rows of damaged copies (n_rows,) bool; where there are few, all rows of the copies, or all."""
    for rows in (~past.clean & (past.kinds != RowKind.CLEAN), ~past.clean):
        if rows.sum() >= MIN_ROWS:
            return rows
    return np.ones(len(past), dtype=bool)


def draw_rows(
    past: PredictionHistory, wanted: int, generator: np.random.Generator, balanced: bool = False
) -> np.ndarray:
    """Return positions of ``wanted`` rows drawn with replacement, newer ones more often.

    ``balanced`` draws half of them from clean batches and half from damaged copies, where there are both.
    """
    decay = 0.5 ** (past.age / ROW_HALF_LIFE)
    weights = np.zeros(len(past))
    groups = (past.clean, ~past.clean) if balanced else (np.ones(len(past), dtype=bool),)
    for group in groups:
        if group.any():
            weights[group] = decay[group] / decay[group].sum()
    return generator.choice(len(past), size=wanted, p=weights / weights.sum())


def blend_greedily(past: PredictionHistory, generator: np.random.Generator, balanced: bool = False) -> np.ndarray:
    """Return weights (n_lines,) that sum to 1: the mean of greedy selections on several bags of rows.

    Lines with a record of less than half of the rows, by their weight, have to wait; decayed losses know them already.
    """
    bags = [past.take(draw_rows(past, BAG_ROWS, generator, balanced)) for _ in range(BAGS)]
    return np.mean([_select(bag) for bag in bags], axis=0)


def _select(bag: PredictionHistory) -> np.ndarray:
    shares = bag.known.mean(axis=0)
    eligible = np.flatnonzero(shares >= min(MIN_KNOWN, shares.max()))
    counts = np.zeros(len(bag.lines))
    total = np.zeros((len(bag), bag.outputs.shape[2]))
    for taken in range(ROUNDS):
        losses = [_mean_loss(bag, (total + bag.outputs[:, line]) / (taken + 1)) for line in eligible]
        best = int(eligible[np.argmin(losses)])
        counts[best] += 1
        total += bag.outputs[:, best]
    return counts / ROUNDS


def _mean_loss(bag: PredictionHistory, outputs: np.ndarray) -> float:
    return float(compute_row_losses(bag.task, bag.target, outputs).mean())
