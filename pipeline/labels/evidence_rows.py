"""Which served rows are honest evidence: those later, by the stream's own time, than all that what served had learned.

A row that is compared by its inputs is told from a learned one by any small change of a cell, and a model knows it all
the same. So time decides: a row that is no later than the newest one learned may be a learned one, and so may a row
without a time.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.pipeline.collection.cursor import Cursor
from pointsman.pipeline.collection.tables import batches
from pointsman.registry.generations import Generation, load_generation
from pointsman.registry.lineage import load_lineage

EXCLUDED = "are no evidence of what served, since their rows are"


def find_learned_until(state: State, generation: Generation) -> datetime | None:
    """Return the newest time of any row that the models of a generation may have learned; None before they did.

    Batches of a generation that a rollback left are no longer among those of the state, so of it everything counts that
    the stream had brought by then.
    """
    last = max((member.version.last_batch for member in generation.members), default=0)
    table = batches.c
    query = sa.select(sa.func.max(table.end).label("end")).where(table.number <= last, table.status == "accepted")
    newest = [row["end"] for row in read_rows(state.engine, query)]
    if generation.number not in load_lineage(state, load_generation(state).number) and generation.cursor:
        brought = Cursor.from_json(generation.cursor).newest
        newest.append(None if brought is None else brought.to_pydatetime())
    return max((one for one in newest if one is not None), default=None)


def find_later(times: pd.Series, learned_until: datetime | None) -> np.ndarray:
    """Return which rows (n_rows,) bool are later than all that was learned; ``times`` are their own, NaT for none.

    >>> days = pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02", None]))
    >>> find_later(days, datetime(2020, 1, 1)).tolist(), find_later(days, None).tolist()
    ([False, True, False], [True, True, True])
    """
    if learned_until is None:
        return np.ones(len(times), dtype=bool)
    return (times > pd.Timestamp(learned_until)).to_numpy()


def describe_learned(counts: Sequence[tuple[int, datetime | None]]) -> str:
    """Return in words how many labelled rows are no evidence, from counts and the newest time learned, by generation.

    >>> describe_learned([(3, datetime(2020, 1, 1)), (0, None)])
    '3 of them are no evidence of what served, since their rows are no later than what that had learned (2020-01-01)'
    """
    total = sum(count for count, _ in counts)
    known = [until for count, until in counts if count and until is not None]
    if not total or not known:
        return ""
    which = "is no evidence of what served, since its row is" if total == 1 else EXCLUDED
    return f"{total} of them {which} no later than what that had learned ({max(known):%Y-%m-%d})"
