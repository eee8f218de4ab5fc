"""Novelty: how unlike anything learned a batch is, column by column, and how often that happens by chance.

A score is how far the newest batch lies from the learned one that it is most like (or from all of them together), in
multiples of what independent rows would show. What was there before, such as the same season of last year or an
earlier tariff, is not new; so a score rises when something begins and falls once models could learn it.

Scores of stable batches are neither 1 nor alike between streams: rows depend on each other, and months differ. So a
score is held against the stream's own earlier ones, by an F distribution whose degrees of freedom match their spread
(Satterthwaite 1946) and which allows for how few they are; spreads of columns are drawn to each other. What chance
makes of 200 or of 20,000 rows is taken out of a score, so that both are judged alike.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from scipy import stats

from pointsman.pipeline.drift.bins import NumericBins
from pointsman.pipeline.drift.distance import compute_distance
from pointsman.pipeline.drift.reference import ColumnReference, Reference
from pointsman.pipeline.drift.sketch import LevelSketch, Sketch, count_in_bins

SPANS = (1, 2)
"""So many newest batches are looked at together."""
LEAST_PAST = 6
"""Earlier scores without which nothing is judged."""
OWN_WEIGHT = 10.0
"""Earlier scores of a column at which its own spread counts as much as that of all columns."""
LEAST_GROUP = 2_000
"""Rows that learned batches are taken together to: chance hides a change from fewer."""
NEGLIGIBLE = 0.01
"""A share of unseen levels that counts as usual."""
HALF_LIFE = 10.0
"""Batches after which an earlier score counts half: scores fall while a stream is young and much in it is new."""
EXPECTED = 1.0
"""The score that independent rows show on average, which counts as one earlier score more."""


class Aspect(StrEnum):
    """What is new: anything about a column's spread, where its numbers lie, how many levels are unseen; or the rows."""

    SPREAD = "spread"
    LOCATION = "location"
    UNSEEN = "unseen levels"
    JOINT = "all columns together"


@dataclass(frozen=True)
class Test:
    """What is looked at: an aspect of a column, in the newest batch or in that many newest batches together."""

    __test__ = False  # pytest takes a class of this name for its own

    column: str
    aspect: Aspect
    span: int = 1


@dataclass(frozen=True)
class Novelty:
    """A score, and how probable one at least as high is ``by_chance``, where rows are independent."""

    score: float
    by_chance: float


def compute_scores(
    reference: Reference, sketches: Sequence[Sketch], learned: int | None = None, spans: Sequence[int] = SPANS
) -> dict[Test, Novelty]:
    """Return how new the last of the ``sketches``, oldest first, is beside the first ``learned`` ones, by default all.

    ``reference`` is fitted on learned rows and gives the bins. A change that small batches hide, or that begins inside
    a batch, shows when the two newest batches are held against those before them.
    """
    learned = len(sketches) - 1 if learned is None else learned
    scores = {}
    for name, column in reference.columns.items():
        if name not in sketches[-1].columns:
            continue
        known = [one for one in sketches if name in one.columns]
        earlier = sum(name in one.columns for one in sketches[:learned])
        counts = [count_in_bins(one.columns[name], column.bins, one.rows) for one in known]
        for span in spans:
            first = min(earlier, len(known) - span)
            if first > 0:
                before = [np.sum(counts[:first], axis=0), *group_batches(counts[:first])]
                newest = np.sum(counts[-span:], axis=0)
                for aspect, novelty in _compare(column, reference.rows, before, newest):
                    scores[Test(name, aspect, span)] = novelty
                levels = [cells for one in known if isinstance(cells := one.columns[name], LevelSketch)]
                if levels:
                    scores[Test(name, Aspect.UNSEEN, span)] = _count_unseen(levels[:first], levels[-span:])
    return scores


def group_batches(counts: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the counts (n_bins,) of consecutive batches added up, so that each group but the oldest is large enough.

    >>> [int(group.sum()) for group in group_batches([np.array([500])] * 9)]
    [2000, 2500]
    """
    groups: list[np.ndarray] = []
    room = 0.0
    for one in counts[::-1]:
        if room > 0:
            groups[-1] = groups[-1] + one
        else:
            groups.append(one)
            room = LEAST_GROUP
        room -= one.sum()
    if len(groups) > 1 and room > 0:
        oldest = groups.pop()
        groups[-1] = groups[-1] + oldest
    return groups


def _compare(
    column: ColumnReference, rows: int, before: Sequence[np.ndarray], newest: np.ndarray
) -> Iterator[tuple[Aspect, Novelty]]:
    unseen = np.zeros(len(newest))
    unseen[list(column.bins.unseen)] = 1 / len(column.bins.unseen)
    fresh = float(np.array(column.expected)[list(column.bins.unseen)].sum() / rows)
    expected = [(1 - fresh) * counts + fresh * counts.sum() * unseen for counts in before]
    yield Aspect.SPREAD, min((_compare_spreads(counts, newest) for counts in expected), key=_score)
    if isinstance(column.bins, NumericBins):
        order = column.bins.order
        yield Aspect.LOCATION, min((_compare_ranks(counts[order], newest[order]) for counts in before), key=_score)


def _score(novelty: Novelty) -> float:
    return novelty.score


def _compare_spreads(before: np.ndarray, after: np.ndarray) -> Novelty:
    """Return the squared Jensen-Shannon distance of counts (n_bins,) in multiples of that of independent rows."""
    p, q = before / before.sum(), after / after.sum()
    scale = (1 / before.sum() + 1 / after.sum()) / (8 * np.log(2))
    freedom = max(1, int(((p > 0) | (q > 0)).sum()) - 1)
    divergence = compute_distance(p, q) ** 2 / scale
    return Novelty(divergence / freedom, float(stats.chi2.sf(divergence, freedom)))


def _compare_ranks(before: np.ndarray, after: np.ndarray) -> Novelty:
    """Return the rank-sum statistic of counts (n_bins,) in order, without its sign (Wilcoxon 1945, with ties)."""
    total = before.sum() + after.sum()
    if not before.sum() or not after.sum():
        return Novelty(0.0, 1.0)
    shares = (before + after) / total
    ranks = np.cumsum(shares) - shares / 2
    variance = (shares @ (ranks - 0.5) ** 2) * (1 / before.sum() + 1 / after.sum())
    moved = abs(after @ ranks / after.sum() - before @ ranks / before.sum())
    statistic = float(moved / np.sqrt(variance)) if variance > 0 else 0.0
    return Novelty(statistic, float(2 * stats.norm.sf(statistic)))


def _count_unseen(before: Sequence[LevelSketch], newest: Sequence[LevelSketch]) -> Novelty:
    """Return the excess of cells of unseen levels in Poisson standard deviations, 0 where there is none.

    As many are to be expected as there are levels with a single cell before (Good 1953), one cell more, and a share
    that counts as usual.
    """
    known: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for one in before:
        known.update(one.levels)
    for one in newest:
        found.update(one.levels)
    rows = found.total() + sum(one.others for one in newest)
    fresh = sum(count == 1 for count in known.values()) / max(1, known.total())
    expected = rows * (fresh + NEGLIGIBLE) + 1
    unseen = sum(count for level, count in found.items() if level not in known)
    return Novelty(max(0.0, (unseen - expected) / np.sqrt(expected)), float(stats.poisson.sf(unseen - 1, expected)))


@dataclass(frozen=True)
class Usual:
    """What scores are like in stable batches: their mean, squared coefficient of variation, and how many tell it."""

    mean: float
    spread: float
    known: float

    @property
    def freedom(self) -> float:
        """Degrees of freedom of a chi-squared variable of that spread."""
        return float(np.clip(2 / max(self.spread, 1e-9), 1.0, 1e3))

    def compute_p_value(self, novelty: Novelty) -> float:
        """Return how probable a score at least as high is in a stable batch.

        What chance alone may do is never unusual, however still earlier batches were.
        """
        by_past = stats.f.sf(novelty.score / self.mean, self.freedom, self.freedom * self.known)
        return float(max(by_past, novelty.by_chance))

    def find_limit(self, chance: float) -> float:
        """Return the score that a stable batch exceeds by ``chance``."""
        return float(self.mean * stats.f.isf(chance, self.freedom, self.freedom * self.known))


def learn_usual(past: Mapping[Test, Sequence[float]]) -> dict[Test, Usual]:
    """Return what is usual by column and aspect, from the scores of earlier batches, oldest first.

    Those with too few of them are left out. Scores of batches that raised an alarm are to be cut to their limit.
    """
    own = {test: _describe(scores) for test, scores in past.items() if len(scores) >= LEAST_PAST}
    usual = {}
    for test, one in own.items():
        common = float(
            np.median(
                [other.spread for key, other in own.items() if (key.aspect, key.span) == (test.aspect, test.span)]
            )
        )
        spread = (one.known * one.spread + OWN_WEIGHT * common) / (one.known + OWN_WEIGHT)
        usual[test] = replace(one, spread=spread)
    return usual


def _describe(scores: Sequence[float]) -> Usual:
    ages = np.arange(len(scores))[::-1]
    weights = np.append(0.5 ** (ages / HALF_LIFE), 0.5)
    weights /= weights.sum()
    cells = np.append(scores, EXPECTED)
    mean = float(weights @ cells)
    return Usual(mean, float(weights @ (cells - mean) ** 2) / mean**2, float(1 / (weights @ weights)))
