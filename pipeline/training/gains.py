"""What each engineered feature is worth: the loss of a small model without it, against one that has it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from pointsman.common.comparison import compare_losses
from pointsman.common.metrics import compute_row_losses
from pointsman.common.seeding import derive_seed
from pointsman.common.time_limit import Allowance
from pointsman.common.workers import Workers
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.encoder import fit_encoder
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.fitting import fit_encoded
from pointsman.pipeline.training.problem import Fold, SearchProblem

VARIANT = "native"
MOST_FEATURES = 4
"""Features measured with one batch; others wait for the next."""
REMEMBERED = 4
"""Measurements of a feature, the newest ones, that decide whether models learn it."""
LEAST_MEASURED = 3
"""Measurements before a verdict has consequences: one in twenty harms or helps by chance alone."""
MOST_ROWS = 10_000
"""Newest rows that a measurement learns from."""
SMALL = {"rounds": 60, "learning_rate": 0.1, "num_leaves": 15, "feature_fraction": 1.0, "bagging_fraction": 1.0}
CONFIDENCE = 0.95


class GainVerdict(StrEnum):
    """What the folds say of a feature."""

    HELPS = "helps"
    HARMS = "harms"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class FeatureGain:
    """The mean row loss without a feature less that with it, over all folds: above 0 it helps.

    ``lower`` and ``upper`` are its interval; ``covered`` says whether history has been through the feature's season, if
    it has one, often enough.
    """

    feature: str
    gain: float
    lower: float
    upper: float
    rows: int
    covered: bool

    @property
    def verdict(self) -> GainVerdict:
        """Helps or harms where the interval leaves 0 out."""
        if self.lower > 0:
            return GainVerdict.HELPS
        return GainVerdict.HARMS if self.upper < 0 else GainVerdict.UNDECIDED


def is_used(measured: Sequence[FeatureGain]) -> bool:
    """Return whether models learn a feature, by its measurements, oldest first: a covered one until it harms, another
    one once it helps.

    >>> harms = FeatureGain("month", -0.2, -0.3, -0.1, 900, covered=True)
    >>> is_used([harms]), is_used([harms] * 3)
    (True, False)
    """
    newest = list(measured)[-REMEMBERED:]
    covered = newest[-1].covered
    if len(newest) < LEAST_MEASURED:
        return covered
    centre = float(np.mean([one.gain for one in newest]))
    half = float(np.mean([(one.upper - one.lower) / 2 for one in newest]) / np.sqrt(len(newest)))
    return centre + half >= 0 if covered else centre - half > 0


@dataclass(frozen=True, eq=False)
class MeasuredFold:
    """A fold encoded with all features at once: without a feature, or with it, is a choice of columns.

    origins: the feature that each encoded column comes from
    """

    learned: EncodedTable
    target: np.ndarray
    validated: EncodedTable
    truth: np.ndarray
    origins: tuple[str, ...]


def measure_gains(
    problem: SearchProblem, engineered: Sequence[str], workers: Workers | None = None, allow: Allowance | None = None
) -> list[FeatureGain]:
    """Return the gain of each engineered feature, given all others that history covers, on the problem's folds.

    Only of the first ones, where time does not ``allow`` more.

    A season that history does not cover is measured as if it did. Both sides are the same seeded LightGBM, so the
    difference is the feature's.
    """
    if not problem.folds or not engineered or (allow and not allow(0, len(engineered))):
        return []
    workers = workers or Workers()
    newest = [replace(fold, learn=fold.learn.newest(MOST_ROWS)) for fold in problem.folds]
    folds = workers.share(problem).map(_encode, newest)
    covered = set(problem.newest.learn.covered.columns)
    crew = workers.share((problem, folds))
    # One fit a fold serves all features: each of them is compared with it by a fit that differs in that feature alone.
    known = crew.map(_lose, [(fold, covered) for fold in range(len(folds))])
    gains: list[FeatureGain] = []
    for feature in engineered:
        if allow and not allow(len(gains), len(engineered)):
            break
        changed = covered ^ {feature}
        other = crew.map(_lose, [(fold, changed) for fold in range(len(folds))])
        without, having = (other, known) if feature in covered else (known, other)
        compared = compare_losses(np.concatenate(without), np.concatenate(having), CONFIDENCE)
        gains.append(
            FeatureGain(
                feature,
                compared.difference,
                # SQL holds no infinity, which is what an interval of a single row has for bounds.
                max(compared.lower, -1e300),
                min(compared.upper, 1e300),
                compared.rows,
                feature in covered,
            )
        )
    return gains


def choose_measured(engineered: Sequence[str], measured: Mapping[str, Sequence[FeatureGain]]) -> list[str]:
    """Return the features to measure now, from how often each was measured: the least known ones.

    Once every verdict rests on REMEMBERED measurements, one feature a batch keeps them young, in turns.

    >>> once = FeatureGain("a", 0.1, -0.1, 0.3, 900, covered=True)
    >>> choose_measured(["a", "b", "c"], {"a": [once] * 2, "c": [once]})
    ['b', 'c', 'a']
    >>> choose_measured(["a", "b"], {"a": [once] * 5, "b": [once] * 4})
    ['b']
    """
    least_known = sorted(engineered, key=lambda feature: len(measured.get(feature, ())))
    new = [feature for feature in least_known if len(measured.get(feature, ())) < REMEMBERED]
    return new[:MOST_FEATURES] or least_known[:1]


def _encode(problem: SearchProblem, fold: Fold) -> MeasuredFold:
    learn, validate = fold.learn, fold.validate
    encoder, learned = fit_encoder(VARIANT, learn.features, learn.target, problem.task, problem.seed)
    validated = encoder.encode(validate.features)
    return MeasuredFold(learned, learn.target, validated, validate.target, encoder.origins)


def _lose(shared: tuple[SearchProblem, Sequence[MeasuredFold]], task: tuple[int, Collection[str]]) -> np.ndarray:
    """Return the row losses (n_rows,) on a fold's later rows of the small model that knows some of the features."""
    (problem, folds), (number, names) = shared, task
    fold = folds[number]
    family = get_family("lightgbm")
    candidate = Candidate(family.name, VARIANT, {**family.default_params(problem.task), **SMALL})
    seed = derive_seed(problem.seed, "gains")
    columns = [column for column, origin in enumerate(fold.origins) if origin in names]
    learned, validated = fold.learned.choose(columns), fold.validated.choose(columns)
    fitted = fit_encoded(candidate, learned, fold.target, problem.task, len(problem.classes), seed, problem.threads)
    return compute_row_losses(problem.task, fold.truth, fitted.predict(validated))
