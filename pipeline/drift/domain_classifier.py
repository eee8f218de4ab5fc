"""Joint drift: whether a model can tell rows of the newest batch from learned ones, whatever single columns show.

The domain classifier (Ben-David et al. 2010) sees what no column shows by itself, such as a premium that no longer fits
its insured value. Its ROC-AUC on rows it did not learn, in standard errors above one half, is the score.
"""

import numpy as np
import pandas as pd
from scipy import stats

from pointsman.common.sampling import spread_rows
from pointsman.common.seeding import random_generator
from pointsman.common.task import Task
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.fitting import fit_model
from pointsman.pipeline.drift.novelty import Novelty

MOST_ROWS = 1_500
"""Rows of either side, evenly spread."""
LEAST_ROWS = 50
FOLDS = 2
SMALL = {"rounds": 40, "learning_rate": 0.1, "num_leaves": 7}


def measure_joint_drift(learned: pd.DataFrame, newest: pd.DataFrame, seed: int) -> Novelty | None:
    """Return how well (n_rows, n_features) rows of two tables are told apart; None where either has too few."""
    from sklearn.metrics import roc_auc_score

    # A row and its copy in two folds would tell a batch that repeats rows from any other.
    before, after = (table.iloc[spread_rows(len(table), MOST_ROWS)].drop_duplicates() for table in (learned, newest))
    if min(len(before), len(after)) < LEAST_ROWS:
        return None
    rows = pd.concat([before, after], ignore_index=True)
    rows = rows.loc[:, rows.notna().any()]
    if not rows.shape[1]:
        return None
    is_new = np.repeat([0.0, 1.0], [len(before), len(after)])
    folds = random_generator(seed, "joint drift").permutation(len(rows)) % FOLDS
    family = get_family("lightgbm")
    candidate = Candidate("lightgbm", "native", {**family.default_params(Task.BINARY), **SMALL})
    chances = np.zeros(len(rows))
    for fold in range(FOLDS):
        held = folds == fold
        model = fit_model(candidate, rows[~held], is_new[~held], Task.BINARY, ("learned", "newest"), seed)
        chances[held] = model.predict(rows[held])[:, -1]
    standard_error = np.sqrt((len(rows) + 1) / (12 * len(before) * len(after)))
    score = max(0.0, float((roc_auc_score(is_new, chances) - 0.5) / standard_error))
    return Novelty(score, float(stats.norm.sf(score)))
