"""What a search works on: folds in time order, and which pipelines and windows differ on them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pointsman.common.config import Config, SearchConfig, Validation
from pointsman.common.metrics import Metric, get_metric
from pointsman.common.task import Task
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.encoder import has_many_levels
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.variants import get_variant
from pointsman.pipeline.preparation.splits import make_splits
from pointsman.pipeline.preparation.training_set import TrainingRows, TrainingSet
from pointsman.pipeline.training.capacity import limit_searched
from pointsman.registry.contender import FALLBACK_FAMILY

WINDOWS = (1, 3, 5, 10)
"""Windows, in batches, that are searched beside all rows."""


@dataclass(frozen=True)
class Fold:
    """Rows to learn from and the later rows to validate on."""

    learn: TrainingRows
    validate: TrainingRows


@dataclass(frozen=True)
class SearchProblem:
    """The folds, oldest first, and what a candidate is to do on them.

    batch: seeds the search, so that every update searches anew and a repeated one the same
    """

    folds: Sequence[Fold]
    task: Task
    classes: tuple[str, ...]
    metric: Metric
    batch: int
    seed: int
    threads: int

    @property
    def newest(self) -> Fold:
        """The fold that is most like the rows to come."""
        return self.folds[-1]


@dataclass(frozen=True)
class SearchSpace:
    """What may be proposed. ``pipelines`` are 'family/variant' pairs; a window of 0 stands for all rows."""

    pipelines: tuple[str, ...]
    windows: tuple[int, ...]
    resampling: tuple[str, ...]
    task: Task
    n_rows: int
    n_columns: int


def describe_space(problem: SearchProblem, config: SearchConfig) -> SearchSpace:
    """Return the pipelines that families can use and the windows that differ on the problem's rows."""
    learn = problem.newest.learn
    known = len(np.unique(learn.batches))
    return SearchSpace(
        pipelines=tuple(list_pipelines(problem, config)),
        windows=(0, *(window for window in WINDOWS if window < known)),
        resampling=config.resampling,
        task=problem.task,
        n_rows=len(learn),
        n_columns=learn.features.shape[1],
    )


def list_pipelines(problem: SearchProblem, config: SearchConfig) -> list[str]:
    """Return the 'family/variant' pairs to search: those that families can use and that differ on these rows.

    The prior has nothing to search for; it becomes a contender by itself.
    """
    features = problem.newest.learn.features
    variants = [
        name for name in config.variants if not get_variant(name).needs_many_levels or has_many_levels(features)
    ]
    families = [get_family(name) for name in config.families if name != FALLBACK_FAMILY]
    return [
        f"{family.name}/{variant}"
        for family in families
        if problem.task in family.tasks
        for variant in variants
        if variant in family.variants
    ]


def default_candidates(space: SearchSpace) -> list[Candidate]:
    """Return the default parameters of every family, each in the first variant that is searched for it."""
    first: dict[str, str] = {}
    for pipeline in space.pipelines:
        family, _, variant = pipeline.partition("/")
        first.setdefault(family, variant)
    return [
        Candidate(family, variant, get_family(family).default_params(space.task)) for family, variant in first.items()
    ]


def pose_problem(
    config: Config, training_set: TrainingSet, number: int, validation: Validation | None = None
) -> SearchProblem:
    """Return what the search works on: folds of the newest rows, of the configured type unless another is asked for."""
    rows = training_set.rows.newest(limit_searched(config.search, len(training_set.rows)))
    block = len(rows.last(1))
    validation = validation or config.training.validation
    splits = make_splits(validation, rows.times, config.training.folds, training_set.gap, block, training_set.seed)
    folds = [Fold(rows.take(split.learn), rows.take(split.validate)) for split in splits]
    metric = get_metric(config.metric, training_set.task)
    return SearchProblem(
        folds, training_set.task, training_set.classes, metric, number, training_set.seed, training_set.threads
    )
