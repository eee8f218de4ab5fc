"""CatBoost joins the search and the portfolio by itself where it is likely to help, and is left out elsewhere.

Its strength is columns with many levels; elsewhere it takes several times as long as LightGBM for no gain. A search
tries it on the cheap first rung, and only where it keeps up there does it cost more.
"""

import logging
from collections.abc import Sequence

import pandas as pd

from pointsman.common.config import SearchConfig
from pointsman.common.extras import name_installation
from pointsman.model_zoo.families import FAMILIES
from pointsman.pipeline.preparation.training_set import TrainingRows
from pointsman.pipeline.training.trials import Trial

log = logging.getLogger(__name__)

JOINING, BESIDE = "catboost", "lightgbm"
"""Who joins, and the family whose place in search.families says that boosted trees are wanted."""
MANY_LEVELS = 50
"""Levels of a column above which it is likely to help."""
BEST = 3
"""It is good if it takes one of this many first places among the known trials."""

JOINED = "column '%s' has %d levels, so catboost joins search.families; search.extra_families=none keeps it out"
ABSENT = "column '%s' has %d levels, for which catboost often does well; it joins by itself after: %s"


def join_families(config: SearchConfig, rows: TrainingRows, known: Sequence[Trial]) -> SearchConfig:
    """Return the configuration with CatBoost among the families where it joins; the log says so when that begins.

    known: complete trials of the newest searches
    """
    named = config.families
    if config.extra_families == "none" or JOINING in named or BESIDE not in named:
        return config
    column = find_many_levels(rows.features)
    if not column and not is_among_best(known):
        return config
    installed = FAMILIES[JOINING].installed
    if column and not find_many_levels(rows.features[rows.batches < rows.last_batch]):
        levels = rows.features[column].nunique()
        if installed:
            log.info(JOINED, column, levels)
        else:
            log.info(ABSENT, column, levels, name_installation(JOINING))
    return config.model_copy(update={"families": (*named, JOINING)}) if installed else config


def find_many_levels(features: pd.DataFrame) -> str:
    """Return the text column (of n_rows) with the most levels, '' where none has more than MANY_LEVELS.

    >>> find_many_levels(pd.DataFrame({"zip": [str(number) for number in range(60)], "sex": ["f", "m"] * 30}))
    'zip'
    """
    counts = {
        str(name): cells.nunique() for name, cells in features.items() if not pd.api.types.is_numeric_dtype(cells)
    }
    return max((name for name in counts if counts[name] > MANY_LEVELS), key=lambda name: counts[name], default="")


def is_among_best(known: Sequence[Trial]) -> bool:
    """Return whether CatBoost has one of the BEST known trials, by their loss relative to the prior's."""
    complete = [trial for trial in known if trial.relative is not None]
    best = sorted(complete, key=lambda trial: trial.relative or 0.0)[:BEST]
    return any(trial.candidate.family == JOINING for trial in best)
