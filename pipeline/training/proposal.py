"""From an Optuna trial to a candidate, and back: how a candidate is written in the study's parameters."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.variants import get_variant
from pointsman.pipeline.training.problem import SearchSpace

if TYPE_CHECKING:
    import optuna

BALANCES = (0.0, 0.5, 1.0)
"""Class weights a trial may use: none, by the square root of the inverse class share, or fully balanced."""


def suggest(trial: "optuna.trial.BaseTrial", space: SearchSpace) -> Candidate:
    """Return the candidate that a trial proposes."""
    name, _, variant = trial.suggest_categorical("pipeline", space.pipelines).partition("/")
    window = trial.suggest_categorical("window", space.windows) if len(space.windows) > 1 else 0
    family = get_family(name)
    params = {**family.default_params(space.task), **family.suggest(trial, space.task, space.n_rows, space.n_columns)}
    if space.task.is_classification:
        if family.uses_weights:
            params["balance"] = trial.suggest_categorical(f"{name}.balance", BALANCES)
        params["calibrate"] = trial.suggest_categorical(f"{name}.calibrate", (False, True))
        ways = list_ways(variant, space.resampling)
        if len(ways) > 1:
            params["resample"] = trial.suggest_categorical(f"{name}.{variant}.resample", ways)
    return Candidate(name, variant, params, window=window or None)


def describe(candidate: Candidate) -> dict[str, Any]:
    """Return the study's parameters that make ``suggest`` answer with this candidate."""
    family = candidate.family
    own = {"balance": 0.0, "calibrate": False, "resample": "", **candidate.params}
    named = {f"{family}.{name}": setting for name, setting in own.items()}
    named[f"{family}.{candidate.variant}.resample"] = own["resample"]
    return {"pipeline": f"{family}/{candidate.variant}", "window": candidate.window or 0, **named}


def list_ways(variant: str, resampling: Sequence[str]) -> tuple[str, ...]:
    """Return the ways of resampling that a variant's tables allow: SMOTE cannot interpolate category codes or gaps."""
    recipe = get_variant(variant)
    dense = not (recipe.keeps_missing or recipe.category_codes)
    return ("", *(way for way in resampling if dense or way != "smote"))


def transfer(candidate: Candidate, relative: float, space: SearchSpace) -> "optuna.trial.FrozenTrial | None":
    """Return a finished trial of an earlier search as one of this space; None where it does not lie in it.

    It counts with its loss relative to the prior's, which is comparable between searches on different rows.
    """
    import optuna

    fixed = optuna.trial.FixedTrial(describe(candidate))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fixed trial warns of a value out of range, create_trial refuses it
            proposed = suggest(fixed, space)
        known = optuna.trial.create_trial(params=fixed.params, distributions=fixed.distributions, value=relative)
    except ValueError:
        return None
    return known if describe(proposed) == describe(candidate) else None
