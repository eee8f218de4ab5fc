"""Queries about versions that serve and the requests that they answered."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import in_parts, read_rows
from pointsman.common.storage.state import State
from pointsman.experiments.tables import runs_table
from pointsman.meta.corrections import load_corrected
from pointsman.meta.tables import decisions_table, estimates_table
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


def load_decisions(state: State, begins: str, most: int) -> list[dict[str, Any]]:
    """Return the rows of at most so many decisions whose id begins so, in the order of their ids."""
    table = decisions_table.c
    query = sa.select(decisions_table).where(table.id.startswith(begins, autoescape=True))
    return read_rows(state.engine, query.order_by(table.id).limit(most))


def list_newest(state: State, most: int) -> list[str]:
    """Return the ids of the newest decisions, newest first."""
    query = sa.select(decisions_table.c.id).order_by(decisions_table.c.created_at.desc()).limit(most)
    return [row["id"] for row in read_rows(state.engine, query)]


def load_grades_of(state: State, request: str) -> list[dict[str, Any]]:
    """Return what labels showed of the estimate that a request was answered with."""
    query = sa.select(estimates_table).where(estimates_table.c.request == request)
    return load_corrected(state, estimates_table, query)


def list_serving_generations(state: State) -> set[int]:
    """Return the generations that answered a request."""
    return {row["generation"] for row in read_rows(state.engine, sa.select(decisions_table.c.generation).distinct())}
