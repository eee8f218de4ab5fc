"""Importance of hyperparameters: how much of the differences in loss each setting of a family accounts for."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from pointsman.common.seeding import derive_seed
from pointsman.common.task import Task
from pointsman.model_zoo.families import FAMILIES
from pointsman.pipeline.training.problem import WINDOWS, SearchSpace
from pointsman.pipeline.training.proposal import transfer
from pointsman.pipeline.training.trials import LEAST_TRIALS, Trial

WIDEST_ROWS, WIDEST_COLUMNS = 1_000_000, 1_000
"""Bounds may depend on the size of the table; those of a large one hold trials on any."""


@dataclass(frozen=True)
class Importance:
    """What each setting of a family accounts for: shares that sum to 1, the largest first."""

    family: str
    trials: int
    shares: dict[str, float]


def compute_importances(trials: Sequence[Trial], task: Task, seed: int) -> list[Importance]:
    """Return the importances for each family with enough complete trials, by name; the same trials give the same.

    Trials of all batches count by their loss relative to the prior's. The encoding and the window are settings, too.
    Settings that only some trials of a family have are left out, as is a family that is not installed. Source:
    functional ANOVA (Hutter et al. 2014), in Optuna's implementation.
    """
    complete = [trial for trial in trials if trial.relative is not None and trial.candidate.family in FAMILIES]
    families = sorted({trial.candidate.family for trial in complete if FAMILIES[trial.candidate.family].installed})
    found = [
        _assess(family, [one for one in complete if one.candidate.family == family], task, seed) for family in families
    ]
    return [importance for importance in found if importance]


def _assess(family: str, trials: Sequence[Trial], task: Task, seed: int) -> Importance | None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    space = _describe_space(family, trials, task)
    for trial in trials:
        known = transfer(trial.candidate, trial.relative or 0.0, space)
        if known is not None:
            study.add_trial(known)
    losses = {trial.value for trial in study.trials}
    if len(study.trials) < LEAST_TRIALS or len(losses) < 2:
        return None
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=derive_seed(seed, "importance", family))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
        except RuntimeError:  # losses differ and no setting tells them apart: there is nothing to share out
            return None
    named = {_name(family, setting): float(share) for setting, share in shares.items()}
    return Importance(family, len(study.trials), named) if named else None


def _describe_space(family: str, trials: Sequence[Trial], task: Task) -> SearchSpace:
    """Return a space that holds every trial of a family, whatever the rows it was searched on."""
    used = {str(trial.candidate.params.get("resample", "")) for trial in trials} - {""}
    return SearchSpace(
        pipelines=tuple(sorted({f"{family}/{trial.candidate.variant}" for trial in trials})),
        windows=tuple(sorted({0, *WINDOWS, *(trial.candidate.window or 0 for trial in trials)})),
        resampling=tuple(sorted(used)),
        task=task,
        n_rows=WIDEST_ROWS,
        n_columns=WIDEST_COLUMNS,
    )


def _name(family: str, setting: str) -> str:
    return "encoding" if setting == "pipeline" else setting.removeprefix(f"{family}.")
