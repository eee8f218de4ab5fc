"""Where a threshold is tuned: on rows of the newest batches that nobody had learned when they were predicted."""

import numpy as np

from pointsman.common.config import Config
from pointsman.common.task import Task
from pointsman.common.thresholds import Threshold, choose_threshold
from pointsman.meta.past import PredictionHistory

TUNING_BATCHES = 4
"""A threshold is tuned on the rows of this many newest batches."""


def tune_ensemble(config: Config, past: PredictionHistory, weights: np.ndarray) -> Threshold:
    """Return the threshold of a mixture by the rows of the newest batches, before its members learned them."""
    rows = past.take(find_tuning_rows(past))
    return tune(config, past.task, rows.target, rows.mix(weights[rows.kinds]))


def find_tuning_rows(past: PredictionHistory) -> np.ndarray:
    """Return the rows (n_rows,) bool that a threshold is tuned on: those of the newest batches, as they came.

    What was predicted before any row of a class had been learned says nothing of that class: batches up to the first
    that had it are left out, where there are later ones.
    """
    newest = past.clean & (past.age < TUNING_BATCHES)
    if past.task is not Task.BINARY or not newest.any():
        return newest
    learned = newest & (past.batch > max(past.batch[past.target == code].min() for code in np.unique(past.target)))
    return learned if learned.any() else newest


def tune(config: Config, task: Task, target: np.ndarray, outputs: np.ndarray) -> Threshold:
    """Return the threshold for the configured decision by rows nobody had learned; 0.5 where there is none."""
    if task is not Task.BINARY or outputs.shape[1] != 2 or not len(target):
        return Threshold()
    costs = config.training.costs
    return choose_threshold(target, outputs[:, 1], config.training.decision, costs.false_positive, costs.false_negative)


def tune_line(config: Config, past: PredictionHistory, line: str) -> Threshold:
    """Return the threshold that was best for a line on the rows of the newest batches, before it learned them."""
    column = past.lines.index(line)
    rows = find_tuning_rows(past) & past.known[:, column]
    return tune(config, past.task, past.target[rows], past.outputs[rows, column])
