"""What the catalogue knows of batches and where it has their raw rows."""

from typing import Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.pipeline.collection.tables import batches


def find_batch_file(state: State, number: int) -> str:
    """Return the name of the file that holds a batch's raw rows."""
    name: str = read_rows(state.engine, sa.select(batches.c.file).where(batches.c.number == number))[0]["file"]
    return name


def find_newest_file(state: State) -> str | None:
    """Return the name of the file of the newest batch, None where there is no batch."""
    rows = read_rows(state.engine, sa.select(batches.c.file).order_by(batches.c.number.desc()).limit(1))
    return rows[0]["file"] if rows else None


def load_batches(state: State, status: str | None = None) -> list[dict[str, Any]]:
    """Return the rows of all batches, or of those with a status, oldest first."""
    query = sa.select(batches).order_by(batches.c.number)
    return read_rows(state.engine, query if status is None else query.where(batches.c.status == status))
