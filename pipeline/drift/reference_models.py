"""Frozen reference models of earlier batches say whether the relation between inputs and target has changed.

A reference model stays as it is, so how outcomes deviate from its predictions can be compared between the newest batch
and those just before it: a difference is a change of the relation and not of the model. It reads no column whose own
drift was noticed of late, so that data drift is not taken for concept drift. There are two where history is long
enough, one of the newer and one of the older batches: when an earlier regime returns, the one that knew it notices.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from pointsman.common.sampling import spread_rows
from pointsman.common.task import Task
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.fitting import fit_model
from pointsman.model_zoo.model import align_classes
from pointsman.pipeline.drift.concept import Deviation, compute_deviations

RECENT = 3
"""Batches just before the newest with which it is compared; a reference model learned none of them."""
LEAST_TO_SPLIT = 6
"""Batches from which two reference models share them."""
LEAST_JUDGED = 30
"""A batch with fewer rows is not compared: of a few rows standard errors are unreliable, of one the error is 0."""
MOST_LEARNED, MOST_JUDGED = 10_000, 5_000
"""Rows that a reference model learns, and rows of a batch that it judges, evenly spread."""
SMALL = {"rounds": 60, "learning_rate": 0.05, "num_leaves": 15, "feature_fraction": 0.7}


def compare_relations(
    features: pd.DataFrame,
    target: np.ndarray,
    batches: np.ndarray,
    task: Task,
    classes: Sequence[str],
    seed: int,
    since: int = 0,
) -> list[tuple[int, Deviation]]:
    """Return by reference model how the newest batch deviates from those just before it; [] from too few rows to tell.

    ``features`` (n_rows, n_features), ``target`` and the batch numbers (n_rows,) are in order of arrival; the number 0
    is that of the reference model of the newer batches. Batches before ``since``, where the relation last changed, are
    no yardstick: one change would be noticed again and again.
    """
    numbers, sizes = np.unique(batches, return_counts=True)
    large = sizes[-RECENT - 1 :] >= LEAST_JUDGED
    compared = [number for number in numbers[-RECENT - 1 :][large] if number >= since]
    if numbers[-1] not in compared:
        return []
    found = []
    for reference_model, learned in enumerate(split_history(numbers)):
        rows = _take(np.isin(batches, learned), MOST_LEARNED)
        if task.is_classification and len(np.unique(target[rows])) < 2:
            continue
        model = fit_model(_describe_reference_model(task), features.iloc[rows], target[rows], task, classes, seed)
        judged = []
        for number in compared:
            rows = _take(batches == number, MOST_JUDGED)
            outputs = model.predict(features.iloc[rows])
            known = align_classes(outputs, model.classes, classes) if task.is_classification else outputs[:, None]
            judged.append(compute_deviations(task, classes, target[rows], known))
        found += [(reference_model, change) for change in _compare(judged[:-1], judged[-1])]
    return found


def split_history(numbers: np.ndarray) -> list[np.ndarray]:
    """Return the batches that each reference model learns, those of the newer batches first.

    >>> [part.tolist() for part in split_history(np.arange(1, 12))], split_history(np.arange(4))
    ([[5, 6, 7], [1, 2, 3, 4]], [])
    """
    learned = numbers[: -RECENT - 1]
    if len(learned) < LEAST_TO_SPLIT:
        return [learned] if len(learned) else []
    middle = (len(learned) + 1) // 2
    return [learned[middle:], learned[:middle]]


def _compare(recent: Sequence[Sequence[Deviation]], newest: Sequence[Deviation]) -> Iterator[Deviation]:
    for deviation in newest:
        alike = [
            other
            for batch in recent
            for other in batch
            if (other.relation, other.label) == (deviation.relation, deviation.label)
        ]
        if alike:
            mean = float(np.mean([other.estimate for other in alike]))
            error = float(np.sqrt(np.sum([other.error**2 for other in alike])) / len(alike))
            together = float(np.hypot(deviation.error, error))
            yield Deviation(deviation.relation, deviation.label, deviation.estimate - mean, together)


def _describe_reference_model(task: Task) -> Candidate:
    return Candidate("lightgbm", "native", {**get_family("lightgbm").default_params(task), **SMALL})


def _take(mask: np.ndarray, most: int) -> np.ndarray:
    rows = np.flatnonzero(mask)
    return rows[spread_rows(len(rows), most)]
