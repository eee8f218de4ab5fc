"""The threshold from which a binary answer is positive, tuned on rows the model had not learned from."""

import numpy as np


def tune_threshold(
    target: np.ndarray, positive: np.ndarray, decision: str, false_positive: float = 1.0, false_negative: float = 1.0
) -> float:
    """Return the threshold with the best ``decision`` on later rows: 'f1', 'accuracy' or least 'cost'.

    ``target`` (n_rows,) holds 0 and 1, ``positive`` (n_rows,) the probability of 1. Of equally good thresholds the one
    nearest 0.5 is taken; where a class is absent there is nothing to tune and the answer is 0.5.

    >>> tune_threshold(np.array([0, 0, 0, 1, 1]), np.array([0.01, 0.05, 0.2, 0.15, 0.3]), "f1")
    0.1
    """
    positives = target.sum()
    if positives in (0, len(target)):
        return 0.5
    order = np.argsort(-positive, kind="stable")
    # The first cut calls no row positive: it lies above every probability.
    sorted_positive = np.concatenate([[1.0 + 1e-6], positive[order]])
    found = np.concatenate([[0.0], np.cumsum(target[order])])
    called = np.arange(len(target) + 1)
    if decision == "f1":
        scores = 2 * found / (positives + called)
    elif decision == "cost":
        scores = -(false_positive * (called - found) + false_negative * (positives - found)) / len(target)
    else:
        scores = (found + (len(target) - positives) - (called - found)) / len(target)
    last_of_ties = np.append(sorted_positive[:-1] != sorted_positive[1:], True)
    below = np.append(sorted_positive[1:], 0.0)
    middles = (sorted_positive + below) / 2
    best = last_of_ties & (scores >= scores[last_of_ties].max() - 1e-12)
    candidates = middles[best]
    return float(candidates[np.argmin(np.abs(candidates - 0.5))])
