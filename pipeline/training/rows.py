"""The rows that models learn from: the newest ones of the stored batches, in the order in which they arrived."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class TrainingRows:
    """Features (n_rows, n_features), targets (n_rows,) and times of consecutive rows; the newest batch comes last."""

    features: pd.DataFrame
    target: np.ndarray
    times: pd.Series
    first_batch: int
    last_batch: int
    newest_rows: int

    def __len__(self) -> int:
        return len(self.target)

    def take(self, positions: np.ndarray) -> "TrainingRows":
        """Return some of the rows; ``newest_rows`` counts those of the newest batch among them."""
        newest = int((positions >= len(self) - self.newest_rows).sum())
        return TrainingRows(
            features=self.features.iloc[positions].reset_index(drop=True),
            target=self.target[positions],
            times=self.times.iloc[positions].reset_index(drop=True),
            first_batch=self.first_batch,
            last_batch=self.last_batch,
            newest_rows=newest,
        )

    def newest(self) -> "TrainingRows":
        """Return the rows of the newest batch alone."""
        return self.take(np.arange(len(self) - self.newest_rows, len(self)))


def join_rows(batches: Sequence[tuple[int, pd.DataFrame, np.ndarray, pd.Series]], max_rows: int) -> TrainingRows:
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
        first_batch=kept[0][0],
        last_batch=kept[-1][0],
        newest_rows=len(kept[-1][2]),
    )
