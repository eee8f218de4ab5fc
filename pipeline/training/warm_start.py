"""What earlier searches found, for the next one to start from."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.experiments.tables import trials_table
from pointsman.model_zoo.candidate import Candidate
from pointsman.pipeline.training.trials import Trial, TrialState

RECENT_BATCHES = 4
"""Older searches ran on other rows, and their windows meant other ones."""


def load_known_trials(state: State) -> list[Trial]:
    """Return the complete trials of the newest searches, oldest first; [] before the first."""
    newest = read_rows(state.engine, sa.select(sa.func.max(trials_table.c.batch).label("batch")))[0]["batch"]
    if newest is None:
        return []
    query = (
        sa.select(trials_table)
        .where(trials_table.c.batch > newest - RECENT_BATCHES, trials_table.c.state == TrialState.COMPLETE.value)
        .order_by(trials_table.c.batch, trials_table.c.number)
    )
    return [read_trial(row) for row in read_rows(state.engine, query)]


def read_trial(row: Mapping[str, Any]) -> Trial:
    """Return the trial that a row of the trials table describes."""
    return Trial(
        number=row["number"],
        candidate=Candidate(row["family"], row["variant"], row["params"], row["window"]),
        state=TrialState(row["state"]),
        loss=row["loss"],
        baseline=row["baseline"],
        fold_losses=tuple(row["fold_losses"]),
        steps=tuple(row["steps"]),
        train=row["train"],
        test=row["test"],
        failure=row["failure"],
        seconds=row["seconds"],
    )
