"""Is there something that no earlier batch had: levels, many more levels, numbers far outside?"""

from collections.abc import Iterator

import numpy as np

from pointsman.pipeline.quality.check import Finding, find_example, measure_share, skip
from pointsman.pipeline.quality.checked_batch import CheckedBatch

FALLBACK_LEVELS = 1_000
"""Levels of one column that are not a finding while no earlier batch is known ..."""

LEVEL_GROWTH = 2.0
"""... and, later, how many times as many as the most before, allowing for more rows."""

FEWEST_LEVELS = 20
"""So many levels are never too many."""

FENCE = 3.0
"""An outlier lies further outside the middle four fifths of the past than this many times their breadth."""

LOW_DECILE, HIGH_DECILE = 1, 9

MOST_ODD = 4
"""Of more batches, the one furthest to either side is left out: it may have been broken itself."""


def measure_unseen(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every categorical input, the share of known cells whose level an earlier batch had."""
    for name in evidence.present(evidence.schema.categorical):
        yield _measure_unseen_levels(evidence, name)


def measure_cardinality(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every categorical input, the likely number of levels as a share of the actual one, at most 1."""
    for name in evidence.present(evidence.schema.categorical):
        yield _measure_levels(evidence, name)


def measure_outliers(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every numeric input, the share of known cells within robust bounds learned from earlier batches."""
    for name in evidence.present(evidence.schema.numeric):
        yield _measure_outlying(evidence, name)


def find_fences(evidence: CheckedBatch, name: str) -> tuple[float, float] | None:
    """Return the bounds outside which a number is an outlier; None where the past has no number or no spread."""
    deciles = [profile.quantiles for _, profile in evidence.past.profiles.get(name, ()) if profile.quantiles]
    if not deciles:
        return None
    lows, highs = np.sort([one[LOW_DECILE] for one in deciles]), np.sort([one[HIGH_DECILE] for one in deciles])
    odd = int(len(deciles) > MOST_ODD)
    low, high = lows[odd], highs[-1 - odd]
    if not high > low:
        return None
    return float(low - FENCE * (high - low)), float(high + FENCE * (high - low))


def _measure_unseen_levels(evidence: CheckedBatch, name: str) -> Finding:
    threshold, known = evidence.threshold("max_unseen"), evidence.past.levels.get(name)
    if known is None or not len(known):
        return skip(name, threshold, f"no earlier batch has a level of '{name}'")
    levels = evidence.levels[name]
    unseen = np.append(~np.isin(levels.digests, known), False)[levels.codes]
    count, total = int(unseen.sum()), int((levels.codes >= 0).sum())
    return measure_share(
        name,
        count,
        total,
        threshold,
        lambda: (
            f"{count} of {total} known cells of '{name}' in {evidence.name} have a level that no earlier batch had, "
            f"such as {find_example(evidence.raw.frame[name], unseen)}; {_advise(evidence, name)}."
        ),
        lambda: unseen,
    )


def _advise(evidence: CheckedBatch, name: str) -> str:
    """Return what to do about unseen levels; in a column where most batches had some, they are hardly misspellings."""
    past = evidence.past.shares.get(("DQ022", name, 0), ())
    if len(past) > 1 and sum(one.share < 1 for one in past) > len(past) / 2:
        return "most batches before began new levels of it, so raise quality.max_unseen, or list it under schema.drop"
    return "correct the spelling, or set quality.max_unseen"


def _measure_levels(evidence: CheckedBatch, name: str) -> Finding:
    stated, past = evidence.config.quality.max_levels, evidence.past.profiles.get(name, ())
    distinct = len(evidence.levels[name].names)
    if not distinct:
        return skip(name, 1.0, f"there is no known cell of '{name}'")
    grown = [profile.distinct * max(1.0, evidence.rows / max(1, rows)) for rows, profile in past if profile.distinct]
    likely = max(FEWEST_LEVELS, LEVEL_GROWTH * max(grown)) if grown else FALLBACK_LEVELS
    most = stated or likely
    return Finding(
        name,
        min(1.0, most / distinct),
        1.0,
        lambda: (
            f"'{name}' has {distinct} levels in the {evidence.rows} rows of {evidence.name}, more than the {most:.0f} "
            f"that are likely; list it under schema.drop where it names single things, or set quality.max_levels."
        ),
    )


def _measure_outlying(evidence: CheckedBatch, name: str) -> Finding:
    threshold, fences = evidence.threshold("max_outliers"), find_fences(evidence, name)
    if fences is None:
        return skip(name, threshold, f"earlier batches have no spread of '{name}'")
    low, high = fences
    numbers = evidence.inputs[name].to_numpy(dtype="float64")
    outlying = (numbers < low) | (numbers > high)
    count, known = int(outlying.sum()), int(np.isfinite(numbers).sum())
    return measure_share(
        name,
        count,
        known,
        threshold,
        lambda: (
            f"{count} of {known} known cells of '{name}' in {evidence.name} lie far outside what earlier batches had "
            f"({low:.4g} to {high:.4g}), such as {find_example(evidence.raw.frame[name], outlying)}; check their unit, "
            "or set quality.max_outliers."
        ),
        lambda: outlying,
    )
