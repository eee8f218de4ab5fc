"""Labelled rows to judge a column by: those of this batch and, where they are too few, of the batches before it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pointsman.common.records import LabelledBatch
from pointsman.common.sampling import spread_rows

SAMPLED_ROWS = 5_000
"""Enough to know a rank statistic to within 0.02."""

MOST_ROWS = 50_000
"""With so many rows no further batch is read."""


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Rows with a label, and their name in messages: typed inputs, whether a cell is missing, times, targets."""

    name: str
    inputs: pd.DataFrame
    missing: pd.DataFrame
    times: pd.Series
    target: np.ndarray

    def __len__(self) -> int:
        return len(self.target)


@dataclass(eq=False)
class Pool:
    """Growing sets of labelled rows, newer batches being joined first; each set is made once, when it is needed."""

    widen: Iterator[LabelledRows]
    made: list[LabelledRows] = field(default_factory=list)

    def __iter__(self) -> Iterator[LabelledRows]:
        place = 0
        while True:
            if place == len(self.made):
                wider = next(self.widen, None)
                if wider is None:
                    return
                self.made.append(wider)
            yield self.made[place]
            place += 1


def widen_rows(
    number: int, batch: LabelledRows, read_earlier: Callable[[], Iterator[LabelledBatch]]
) -> Iterator[LabelledRows]:
    """Yield a sample of batch ``number``, then all of it, then it with 1, 3, 7, ... of the batches before.

    ``read_earlier`` yields these, newest first. A sample may miss a class that the batch has, as a batch may miss one
    that the stream has.
    """
    sample = spread_rows(len(batch), SAMPLED_ROWS)
    if len(sample) < len(batch):
        yield LabelledRows(
            batch.name,
            batch.inputs.iloc[sample],
            batch.missing.iloc[sample],
            batch.times.iloc[sample],
            batch.target[sample],
        )
    yield batch
    first, rows, parts, joined = number, len(batch), [batch], 1
    for earlier in read_earlier():
        inputs = earlier.inputs[list(batch.inputs)]
        parts.append(LabelledRows(f"batch {earlier.number}", inputs, inputs.isna(), earlier.times, earlier.target))
        first, rows = earlier.number, rows + len(earlier)
        # Joined when their number has doubled: a set for every batch would copy and judge the newest rows each time.
        if len(parts) == 2 * joined:
            joined = len(parts)
            yield _join(parts, first, number)
        if rows >= MOST_ROWS:
            break
    if len(parts) > joined:
        yield _join(parts, first, number)


def _join(parts: Sequence[LabelledRows], first: int, last: int) -> LabelledRows:
    """Return the rows of all parts, which come newest first, in the order of time."""
    ordered = parts[::-1]
    return LabelledRows(
        f"batches {first} to {last}",
        pd.concat([one.inputs for one in ordered], ignore_index=True),
        pd.concat([one.missing for one in ordered], ignore_index=True),
        pd.concat([one.times for one in ordered], ignore_index=True),
        np.concatenate([one.target for one in ordered]),
    )
