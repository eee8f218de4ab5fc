"""Where a search starts: with what the searches before it found best."""

import sqlalchemy as sa

from common.database import read_rows
from common.state import State
from experiments.tables import trials_table
from model_zoo.candidate import Candidate

RECENT_BATCHES = 4
BEST = 6


def load_warm_candidates(state: State) -> list[Candidate]:
    """Return the best finalists of the last searches, one a family and variant, best first; [] before the first."""
    newest = read_rows(state.engine, sa.select(sa.func.max(trials_table.c.batch).label("batch")))[0]["batch"]
    if newest is None:
        return []
    query = (
        sa.select(trials_table)
        .where(trials_table.c.batch > newest - RECENT_BATCHES, trials_table.c.finalist)
        .order_by(trials_table.c.batch.desc(), trials_table.c.loss, trials_table.c.number)
    )
    best: dict[tuple[str, str], Candidate] = {}
    for row in read_rows(state.engine, query):
        best.setdefault((row["family"], row["variant"]), Candidate(row["family"], row["variant"], row["params"]))
    return list(best.values())[:BEST]
