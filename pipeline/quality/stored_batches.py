"""The batches of a state as they came: what is needed to take them once more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.rows import read_record
from pointsman.common.storage.state import State
from pointsman.pipeline.collection.store import load_batches
from pointsman.pipeline.quality.quarantine.store import load_decisions, load_retaken


@dataclass(frozen=True)
class StoredBatch:
    """A raw batch by its file, and what became of it.

    time_format: the notation of its times; None where it is the stream's
    retakes:    the rejected batch whose rows it holds; None for others
    retaken_as: the batch as which it was taken again, where it was rejected and released
    decision:   what was decided last about it as a whole, '' for nothing
    """

    number: int
    origin: str
    file: str
    by_hand: bool
    late_rows: int
    time_format: str | None
    accepted: bool
    reason: str
    created_at: datetime
    retakes: int | None = None
    retaken_as: int | None = None
    decision: str = ""


def list_stored(state: State) -> list[StoredBatch]:
    """Return every batch of the live state, oldest first."""
    decisions, retaken_as = load_decisions(state), load_retaken(state)
    retakes = {batch: rejected for rejected, batch in retaken_as.items()}
    return [
        read_record(
            StoredBatch,
            row
            | {
                "accepted": row["status"] == "accepted",
                "retakes": retakes.get(row["number"]),
                "retaken_as": retaken_as.get(row["number"]),
                "decision": decisions.get(row["number"], ""),
            },
        )
        for row in load_batches(state)
    ]


def read_of_batches(state: State, table: sa.Table, numbers: Sequence[int]) -> pd.DataFrame:
    """Return the rows that a table of the catalogue has of some batches."""
    found = read_rows(state.engine, sa.select(table).where(table.c.batch.in_(numbers)))
    return pd.DataFrame(found, columns=[column.name for column in table.columns])
