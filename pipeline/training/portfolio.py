"""The portfolio: candidates that always compete, so that there is something to choose from.

Windows differ first (what is best changes with drift), robustness second (damaged requests), algorithms third. On seven
real streams a registry without short windows lost 2.7 % on clean requests, one without masked and guarded models 4 to
9 % on damaged ones, one without other algorithms nearly nothing. What varies beyond that, the search finds.

Ten to twelve models are as good as twenty, but which ones differs by stream: a narrower portfolio lost 1 to 7 % where
it left out the best ones. So all of them stay until their records show what they are worth (``TRIED``); then those
without weight in any ensemble make room, and only the baselines always stay.

While a stream is short, the portfolio is small and simple: the baselines, small trees, what bears damaged input, and a
linear model of the newest batches, which is the first to follow a change. The best of k records over n rows looks
better than it is by some sqrt(2 ln k / n) standard deviations of a row's loss: of twenty models and 1,000 rows 0.08,
more than models differ by, so that choosing among many is choosing noise.

The baselines come first: what anyone would try. On monthly batches of 365 rows LightGBM as its library sets it beat
everything else by 2 to 14 %, and nobody should serve what loses to it.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pointsman.common.config import Config
from pointsman.common.task import Task
from pointsman.model_zoo.boosting import LIBRARY_DEFAULTS
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.search import Params
from pointsman.pipeline.preparation.training_set import TrainingSet
from pointsman.registry.contender import FALLBACK_FAMILY

FEW_ROWS, FEW_BATCHES = 2_000, 3
"""With fewer rows to learn from, or fewer batches of record, a stream is short."""
TRIED = 6
"""Batches in its record by which a candidate of the portfolio has shown what it is worth."""
MIDDLE_WINDOW = 5
SHORT_WINDOW = 3
SMALL_TREES = {"rounds": 100, "num_leaves": 7, "learning_rate": 0.1}
GROWING_TREES = {"rounds": 250, "learning_rate": 0.05, "feature_fraction": 0.5, "stopping": True}
"""Small steps on half of the columns each, as many and with as many leaves as the newest rows say: the best single
model where knowledge keeps, and the one whose capacity grows with the rows."""


def baseline_candidates(variants: Sequence[str], task: Task) -> list[Candidate]:
    """Return the plain models that are always registered, whatever is searched: they never retire.

    LightGBM as its library sets it with categories as they are, the linear model and the prior, each refitted on all
    rows of the window.
    """
    plain = [
        Candidate("lightgbm", "native", set_by_library(task)),
        _make_plain("linear", variants, task),
        _make_plain(FALLBACK_FAMILY, variants, task),
    ]
    return [candidate for candidate in plain if task in get_family(candidate.family).tasks]


def is_short(rows: int, batches: int) -> bool:
    """Return whether so few rows of so few batches are learned that choosing among many models is choosing noise."""
    return rows < FEW_ROWS or batches < FEW_BATCHES


def make_room(most: int, finalists: int, rows: int, batches: int) -> tuple[int, int]:
    """Return how many models stay active and how many finalists enter: while a stream is short, half of them and one.

    >>> make_room(12, 2, rows=800, batches=2), make_room(12, 2, rows=8_000, batches=5)
    ((6, 1), (12, 2))
    """
    return (max(2, most // 2), 1) if is_short(rows, batches) else (most, finalists)


def name_limit(most: int, room: int) -> str:
    """Return where the ``room`` for active models comes from, if ``most`` is what the configuration says.

    >>> name_limit(12, 12), name_limit(12, 6)
    ('promotion.max_active', 'half of promotion.max_active=12 while the stream is short')
    """
    if room == most:
        return "promotion.max_active"
    half = "half of" if room == most // 2 else "the least for"
    return f"{half} promotion.max_active={most} while the stream is short"


def portfolio_candidates(
    families: Sequence[str], variants: Sequence[str], task: Task, batches: int, rows: int
) -> list[Candidate]:
    """Return the candidates of the portfolio: the baselines, then those of the families that are searched.

    A family whose own variants are not searched takes the first it can use. A window enters once the stream is no
    longer short and there are more ``batches`` to learn from than it holds: until then it is the same model twice.
    """
    short = is_short(rows, batches)
    candidates = baseline_candidates(variants, task)
    for family in dict.fromkeys([*families, FALLBACK_FAMILY]):
        if task in get_family(family).tasks:
            plain = _make_plain(family, variants, task)
            candidates += _simplify(plain) if short else _vary(plain, task)
    entered = [candidate for candidate in candidates if candidate.window is None or candidate.window < batches]
    return list({candidate.key: candidate for candidate in entered}.values())


def set_by_library(task: Task) -> Params:
    """Return LightGBM's own defaults for a task."""
    return {**LIBRARY_DEFAULTS, **({"objective": "l2"} if task is Task.REGRESSION else {})}


def _make_plain(family: str, variants: Sequence[str], task: Task) -> Candidate:
    """Return a family with its default parameters on all rows as they are."""
    known = get_family(family)
    variant = next((name for name in known.variants if name in variants), known.variants[0])
    return Candidate(family, variant, known.default_params(task))


def _simplify(plain: Candidate) -> list[Candidate]:
    """Return what a family adds to the baselines while a stream is short: small trees, and what bears damaged input."""
    small = replace(plain, params={**plain.params, **SMALL_TREES})
    match plain.family:
        case "lightgbm":
            return [small, harden(small)]
        case "extra_trees":
            return [harden(plain)]
        case "linear":
            return [replace(plain, window=SHORT_WINDOW, guarded=True)]
    return []


def harden(plain: Candidate) -> Candidate:
    """Return a candidate as it bears damaged input: masked and guarded."""
    return replace(plain, masked=True, guarded=True)


def _vary(plain: Candidate, task: Task) -> list[Candidate]:
    """Return the treatments in which a family is worth its cost."""
    # LightGBM by its own defaults, the linear model and the prior on all rows are baselines already.
    short, middle = replace(plain, window=SHORT_WINDOW), replace(plain, window=MIDDLE_WINDOW)
    match plain.family:
        case "lightgbm":
            small = replace(plain, params={**plain.params, **SMALL_TREES})
            for_amounts = replace(plain, params={**plain.params, "objective": "tweedie"})
            return [
                replace(plain, params={**plain.params, **GROWING_TREES}),
                replace(middle, params=set_by_library(task)),
                small,
                replace(small, window=SHORT_WINDOW),
                harden(plain),
                harden(short),
                harden(small),
                *([for_amounts] if task is Task.REGRESSION else []),
            ]
        case "linear":
            return [replace(short, guarded=True)]
        case "extra_trees":
            return [harden(plain), middle, harden(short)]
        case "catboost":
            return [plain]
        case "knn":
            return [replace(plain, guarded=True)]
        case _ if plain.family == FALLBACK_FAMILY:
            return [short]
    return []


def list_portfolio(config: Config, training_set: TrainingSet) -> list[Candidate]:
    """Return the candidates that always compete, as far as the batches to learn from tell them apart."""
    search, batches = config.search, count_batches(training_set)
    return portfolio_candidates(search.families, search.variants, training_set.task, batches, len(training_set.rows))


def count_batches(training_set: TrainingSet) -> int:
    """Return how many batches there are to learn from."""
    return len(np.unique(training_set.rows.batches))
