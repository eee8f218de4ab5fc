"""The threshold from which a binary answer is positive, tuned on rows the model had not learned from."""

from dataclasses import dataclass

import numpy as np

LEAST_OF_A_CLASS = 20
"""With as many rows of a class the share of them that a cut finds is known to within 0.22, in 95 of 100 draws. With
fewer a tuned cut calls ten times as many rows positive as the best one, or a tenth of them, in one of ten draws."""

SURELY = 0.99
"""How sure it has to be that the probabilities rank positive rows above the others."""


@dataclass(frozen=True)
class Threshold:
    """The least probability of a positive answer, and why it was not tuned; None where it was."""

    least: float = 0.5
    untuned: str | None = None


def choose_threshold(
    target: np.ndarray, positive: np.ndarray, decision: str, false_positive: float = 1.0, false_negative: float = 1.0
) -> Threshold:
    """Return the tuned threshold where the rows can tell one cut from another, else the one of decision theory.

    That is 0.5 or, for 'cost', FP / (FP + FN), which is best for probabilities that are right (Elkan 2001). The rows
    tell where there are enough of both classes and the probabilities surely rank positive rows above the others (the
    rank sum test). Where they do not, the cut with the best F1 calls every row positive, however improbable it is, and
    with few positives it rests on the luck of one or two of them (Lipton, Elkan and Naryanaswamy 2014, 'Optimal
    thresholding of classifiers to maximize F1 measure').

    >>> shares = np.linspace(0.001, 0.4, 400)
    >>> choose_threshold((shares > 0.39).astype(float), shares, "f1")
    Threshold(least=0.5, untuned='10 of the 400 labels to tune it on are positive, and it takes 20 of each class')
    >>> round(choose_threshold((shares > 0.3).astype(float), shares, "f1").least, 2)
    0.3
    """
    of_theory = 0.5
    if decision == "cost" and false_positive + false_negative > 0:
        of_theory = false_positive / (false_positive + false_negative)
    positives = int(target.sum())
    rarer = min(positives, len(target) - positives)
    if rarer < LEAST_OF_A_CLASS:
        which = "positive" if rarer == positives else "negative"
        why = f"{rarer} of the {len(target)} labels to tune it on are {which}, and it takes {LEAST_OF_A_CLASS}"
        return Threshold(of_theory, f"{why} of each class")
    if not _ranks_surely(target, positive):
        why = f"the probabilities do not surely rank the {positives} positive rows above the {len(target) - positives}"
        return Threshold(of_theory, f"{why} negative ones")
    return Threshold(tune_threshold(target, positive, decision, false_positive, false_negative))


def _ranks_surely(target: np.ndarray, positive: np.ndarray) -> bool:
    """Return whether positive rows have the higher probabilities: the rank sum test, one-sided, corrected for ties."""
    if positive.min() == positive.max():
        return False
    from scipy.stats import mannwhitneyu

    ranked = mannwhitneyu(positive[target == 1], positive[target == 0], alternative="greater", method="asymptotic")
    return bool(ranked.pvalue < 1 - SURELY)


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
    # No cut can part rows of the same probability.
    last_of_ties = np.append(sorted_positive[:-1] != sorted_positive[1:], True)
    below = np.append(sorted_positive[1:], 0.0)
    middles = (sorted_positive + below) / 2
    best = last_of_ties & (scores >= scores[last_of_ties].max() - 1e-12)
    candidates = middles[best]
    return float(candidates[np.argmin(np.abs(candidates - 0.5))])
