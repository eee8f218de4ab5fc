"""The standing lines: what a registry always holds, so that there is something to choose from.

Windows differ first (what is best changes with drift), robustness second (damaged requests), algorithms third. On seven
real streams a registry without short windows lost 2.7 % on clean requests, one without masked and guarded models 4 to
9 % on damaged ones, one without other algorithms nearly nothing. What varies beyond that, the search finds. Ten to
twelve lines are as good as twenty, so the lines that stand are nine: what never led the answers to any class of
request on five streams (a second middle window, guarded lines of other algorithms) is left to the search.

Before all of them stand the baselines: what anyone would try first. On monthly batches of 365 rows LightGBM as its
library sets it beat everything else by 2 to 14 %, and nobody should serve what loses to it.
"""

from collections.abc import Sequence
from dataclasses import replace

from common.task import Task
from model_zoo import get_family
from model_zoo.boosting import LIBRARY_DEFAULTS
from model_zoo.candidate import Candidate
from model_zoo.search import Params
from registry.contender import FALLBACK_FAMILY

MIDDLE_WINDOW = 5
SHORT_WINDOW = 3
SMALL_TREES = {"rounds": 100, "num_leaves": 7, "learning_rate": 0.1}
ROBUST = ("extra_trees", "lightgbm", "linear")
"""Families by how well they bear damaged input once they are masked and guarded: the first that is searched stands."""
SLOW_TREES = {"rounds": 400, "learning_rate": 0.03, "feature_fraction": 0.5}
"""Four hundred small steps on half of the columns each: the best single line where knowledge keeps."""


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


def standing_candidates(families: Sequence[str], variants: Sequence[str], task: Task, batches: int) -> list[Candidate]:
    """Return the candidates of the standing lines: the baselines, then those among the families that are searched.

    A family whose own variants are not searched takes the first it can use. A window enters once there are more
    ``batches`` to learn from than it holds: before, it would be a line twice.
    """
    roster = baseline_candidates(variants, task)
    robust = next((family for family in ROBUST if family in families), "")
    for family in dict.fromkeys([*families, FALLBACK_FAMILY]):
        if task in get_family(family).tasks:
            roster += _vary(_make_plain(family, variants, task), task, family == robust)
    entered = [candidate for candidate in roster if candidate.window is None or candidate.window < batches]
    return list({candidate.key: candidate for candidate in entered}.values())


def set_by_library(task: Task) -> Params:
    """Return LightGBM's own defaults for a task."""
    return {**LIBRARY_DEFAULTS, **({"objective": "l2"} if task is Task.REGRESSION else {})}


def _make_plain(family: str, variants: Sequence[str], task: Task) -> Candidate:
    """Return a family with its default parameters on all rows as they are."""
    known = get_family(family)
    variant = next((name for name in known.variants if name in variants), known.variants[0])
    return Candidate(family, variant, known.default_params(task))


def _vary(plain: Candidate, task: Task, robust: bool) -> list[Candidate]:
    """Return the treatments in which a family is worth its cost; ``robust`` ones where it stands for damaged input."""
    short, middle = replace(plain, window=SHORT_WINDOW), replace(plain, window=MIDDLE_WINDOW)
    hardened = [replace(plain, masked=True, guarded=True), replace(short, masked=True, guarded=True)]
    match plain.family:
        case "lightgbm":
            small = {**plain.params, **SMALL_TREES}
            return [
                replace(plain, params={**plain.params, **SLOW_TREES}),
                replace(middle, params=set_by_library(task)),
                replace(short, params=small),
                *([replace(one, params=small) for one in hardened] if robust else []),
            ]
        case "linear":
            return [replace(short, guarded=True)] if robust else []
        case "extra_trees":
            return hardened if robust else []
        case "catboost":
            return [plain]
        case _ if plain.family == FALLBACK_FAMILY:
            return [short]
    return []
