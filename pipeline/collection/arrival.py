"""Times for rows that have none, by their order of arrival: a day for each file and a millisecond for each row.

They are not real moments, only an order that every stage can work with: models never see them, and nothing that needs
the calendar (seasons, ``batch.period``, the delay of labels) is derived from them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from pointsman.common.config import ARRIVAL
from pointsman.pipeline.collection.part import Part

FIRST_DAY = pd.Timestamp("2000-01-01")
COST = (
    "schema.time is null: the order of files and rows is the time, so that there are no seasons, batches are cut by "
    "rows alone, and folds trust that earlier rows were known earlier; name a time column if there is one."
)
"""What the log says once of a stream without a time."""


def number_parts(parts: Sequence[Part], known: Mapping[str, object]) -> list[Part]:
    """Return the parts with times of arrival, a day each: parts seen before come first and keep their order."""
    days = {key: day for day, key in enumerate(known)}
    for part in parts:
        days.setdefault(part.key, len(days))
    return [replace(part, load=partial(_load, part, FIRST_DAY + pd.Timedelta(days=days[part.key]))) for part in parts]


def follow(part: Part, newest: pd.Timestamp | None) -> Part:
    """Return a part that arrives on the day after the newest row."""
    start = FIRST_DAY if newest is None else newest.normalize() + pd.Timedelta(days=1)
    return replace(part, load=partial(_load, part, start))


def _load(part: Part, start: pd.Timestamp) -> pd.DataFrame:
    table = part.load()
    moments = start.to_datetime64() + np.arange(len(table)).astype("timedelta64[ms]")
    return table.assign(**{ARRIVAL: moments.astype("datetime64[us]")})
