"""Queries about versions that serve and the requests that they answered."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import in_parts, read_rows
from pointsman.common.storage.state import State
from pointsman.experiments.tables import runs_table
from pointsman.meta.tables import decisions_table
from pointsman.pipeline.validation.tables import scores_table
from pointsman.registry.tables import versions_table
from pointsman.registry.versions import Version

PREQUENTIAL = "prequential"


def load_run(state: State, version: str) -> dict[str, Any] | None:
    """Return the row of the run that fitted a version, None where none was recorded."""
    return next(iter(read_rows(state.engine, sa.select(runs_table).where(runs_table.c.version == version))), None)


def load_prequential(state: State, version: Version) -> dict[str, float]:
    """Return the newest prequential scores of a version's model by metric; {} before it was evaluated on a batch."""
    of_line = sa.select(versions_table.c.id).where(versions_table.c.line == version.line)
    table = scores_table.c
    query = sa.select(scores_table).where(table.version.in_(of_line), table.kind == PREQUENTIAL)
    rows = read_rows(state.engine, query)
    newest = max((row["batch"] for row in rows), default=None)
    return {f"prequential_{row['metric']}": float(row["observed"]) for row in rows if row["batch"] == newest}


def find_booked(state: State, asked: Sequence[str]) -> set[str]:
    """Return which of the given requests have a decision."""
    table = decisions_table.c
    return {
        row["id"]
        for part in in_parts(asked)
        for row in read_rows(state.engine, sa.select(table.id).where(table.id.in_(part)))
    }
