"""The folds in which levels are encoded by their target while a family learns from it."""

import warnings

import numpy as np

MOST_FOLDS = 5


def split_target(target: np.ndarray, copies: int, stratified: bool, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return pairs of positions: rows whose targets are read, and rows that are encoded by them.

    ``target`` (n_rows,) holds the same rows ``copies`` times, one after another. Folds are drawn over the rows
    themselves and laid over every copy, so that a row and its copies share one and no row's target reaches its copy.
    A single row is encoded by itself.

    >>> [encoded.tolist() for read, encoded in split_target(np.arange(6.0) % 3, 2, False, seed=1)]
    [[0, 3], [2, 5], [1, 4]]
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    rows = target[: len(target) // copies]
    starts = len(rows) * np.arange(copies)[:, np.newaxis]
    if len(rows) < 2:
        return [(starts.ravel(), starts.ravel())]
    splitter = StratifiedKFold if stratified else KFold
    most = np.unique(rows, return_counts=True)[1].max() if stratified else len(rows)
    folds = splitter(int(min(MOST_FOLDS, most)), shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # a class rarer than the number of folds is expected, and harmless here
        warnings.filterwarnings("ignore", message="The least populated class")
        splits = list(folds.split(rows, rows))
    return [((starts + read).ravel(), (starts + encoded).ravel()) for read, encoded in splits]
