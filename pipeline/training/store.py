"""What the catalogue knows of trials and runs."""

from typing import Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.experiments.tables import runs_table, trials_table
from pointsman.registry.tables import versions_table


def load_trials(state: State, batch: int | None) -> list[dict[str, Any]]:
    """Return the trials of one batch or of all, oldest first."""
    query = sa.select(trials_table).order_by(trials_table.c.batch, trials_table.c.number)
    return read_rows(state.engine, query if batch is None else query.where(trials_table.c.batch == batch))


def load_runs(state: State, batch: int | None) -> list[dict[str, Any]]:
    """Return the runs of one batch or of all, oldest first, with how each version learns."""
    how = [versions_table.c[name] for name in ("family", "variant", "window", "params", "origin", "threshold")]
    joined = sa.select(runs_table, *how).join(versions_table, versions_table.c.id == runs_table.c.version)
    query = joined.order_by(versions_table.c.number)
    return read_rows(state.engine, query if batch is None else query.where(runs_table.c.batch == batch))
