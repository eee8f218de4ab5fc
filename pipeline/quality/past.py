"""What the checks know of the stream's own past: earlier accepted batches, never the batch under examination."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pointsman.common.records import ColumnProfile, LabelledBatch
from pointsman.pipeline.quality.associations import AssociationRule
from pointsman.pipeline.quality.thresholds import LearnedThresholds, PastShare, learn_bound, list_usual

PAST_BATCHES = 24
"""How many of the newest accepted batches show what is usual."""

CheckKey = tuple[str, str, int]
"""A check's code, its column, and which of several rules on that column it is."""


@dataclass(frozen=True)
class PastBatch:
    """An earlier batch: its number, its rows, and the time of its newest row (NaT where none can be read)."""

    number: int
    rows: int
    end: pd.Timestamp


def read_nothing() -> Iterator[LabelledBatch]:
    """Yield nothing: there is no earlier batch."""
    return iter(())


@dataclass(frozen=True, eq=False)
class QualityPast:
    """The newest accepted batches, oldest first.

    shares:   what each check found in them
    profiles: of each column, with the rows of the batch
    levels:   digests of every level that any earlier batch had, sorted, by column
    digests:  digests (n_rows,) of the rows of each batch, by its number
    rules:    association rules mined from them
    read_earlier: yields the clean batches themselves, the newest first, for what one batch is too small to tell
    """

    batches: tuple[PastBatch, ...] = ()
    shares: Mapping[CheckKey, tuple[PastShare, ...]] = field(default_factory=dict)
    profiles: Mapping[str, tuple[tuple[int, ColumnProfile], ...]] = field(default_factory=dict)
    levels: Mapping[str, np.ndarray] = field(default_factory=dict)
    digests: Mapping[int, np.ndarray] = field(default_factory=dict)
    rules: tuple[AssociationRule, ...] = ()
    read_earlier: Callable[[], Iterator[LabelledBatch]] = read_nothing

    @property
    def newest(self) -> pd.Timestamp | None:
        """The time of the newest row stored so far."""
        return max((batch.end for batch in self.batches if not pd.isna(batch.end)), default=None)

    def learn(
        self, key: CheckKey, cells: int, threshold: LearnedThresholds, confidence: float, tolerance: float
    ) -> tuple[float, int]:
        """Return the bound that the past sets on a share of ``cells``, and how many batches it is learned from."""
        usual = list_usual(self.shares.get(key, ()), threshold.recurs)
        if threshold.strict and all(one.share == 1 for one in usual):
            return threshold.fallback, 0
        bound = learn_bound(usual, cells, confidence, tolerance)
        return (threshold.fallback, 0) if bound is None else (min(bound, threshold.most), len(usual))
