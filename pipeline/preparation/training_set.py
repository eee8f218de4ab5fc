"""The rows that models learn from: the newest ones of the stored batches, in the order in which they arrived."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

COVERED = 2
"""With one round alone a part of a season cannot be told from anything else that was new at its time."""


@dataclass(frozen=True)
class TrainingRows:
    """Features (n_rows, n_features), targets, times and batch numbers (n_rows,) of consecutive rows, oldest first.

    seasons: features that say where in a season a row lies, with the season's length in days
    proven:  seasons that are learned though history has not covered them, since folds show that they help
    barred:  features that no model learns, since folds show that they harm
    """

    features: pd.DataFrame
    target: np.ndarray
    times: pd.Series
    batches: np.ndarray
    seasons: Mapping[str, float] = field(default_factory=dict)
    proven: frozenset[str] = frozenset()
    barred: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.target)

    @property
    def first_batch(self) -> int:
        """The oldest batch that has a row here."""
        return int(self.batches[0])

    @property
    def last_batch(self) -> int:
        """The newest batch that has a row here."""
        return int(self.batches[-1])

    @property
    def covered(self) -> pd.DataFrame:
        """What models learn from: no barred feature, and seasons once the rows were through them COVERED times."""
        days = (self.times.iloc[-1] - self.times.iloc[0]) / pd.Timedelta(days=1)
        hidden = {name for name, season in self.seasons.items()
                  if days < COVERED * season or self.features[name].nunique() < 2}  # fmt: skip
        return self.features.drop(columns=sorted((hidden - self.proven) | self.barred))

    def take(self, rows: np.ndarray) -> "TrainingRows":
        """Return some of the rows, by position or by mask."""
        return replace(
            self,
            features=self.features.loc[rows].reset_index(drop=True),
            target=self.target[rows],
            times=self.times.loc[rows].reset_index(drop=True),
            batches=self.batches[rows],
        )

    def last(self, n_batches: int | None) -> "TrainingRows":
        """Return the rows of the ``n_batches`` newest batches; None means all."""
        if n_batches is None:
            return self
        newest = np.unique(self.batches)[-n_batches:]
        return self.take(np.isin(self.batches, newest))

    def after(self, batch: int) -> "TrainingRows":
        """Return the rows of the batches that came after one."""
        return self.take(self.batches > batch)

    def newest(self, n_rows: int) -> "TrainingRows":
        """Return the ``n_rows`` newest rows."""
        return self if len(self) <= n_rows else self.take(np.arange(len(self) - n_rows, len(self)))


def join_rows(
    batches: Sequence[tuple[int, pd.DataFrame, np.ndarray, pd.Series]],
    max_rows: int,
    seasons: Mapping[str, float] | None = None,
) -> TrainingRows:
    """Join (number, features, target, times) of batches, oldest first, and keep the newest ``max_rows`` rows.

    The newest batch is never cut for an older one's sake, but it is cut itself where it alone is longer.
    """
    kept: list[tuple[int, pd.DataFrame, np.ndarray, pd.Series]] = []
    room = max_rows
    for number, features, target, times in reversed(batches):
        if room <= 0:
            break
        kept.append((number, features.tail(room), target[-room:], times.tail(room)))
        room -= len(target)
    kept.reverse()
    features = pd.concat([part[1] for part in kept], ignore_index=True)
    text = {name: "str" for name in features if not pd.api.types.is_numeric_dtype(features[name])}
    return TrainingRows(
        features=features.astype(text),
        target=np.concatenate([part[2] for part in kept]),
        times=pd.concat([part[3] for part in kept], ignore_index=True),
        batches=np.repeat([part[0] for part in kept], [len(part[2]) for part in kept]),
        seasons=seasons or {},
    )
