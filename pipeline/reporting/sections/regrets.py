"""The regret ledger: what answers to real requests turned out to cost, once their labels had come."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.meta.tables import regrets_table
from pointsman.pipeline.reporting.history import History, list_rows, read_record
from pointsman.pipeline.reporting.section import Section

MOST_ENTRIES = 15
LOSSES = ("served", "champion", "single_best", "oracle")


@dataclass(frozen=True)
class RegretEntry:
    """One request, as far as a batch brought its labels; losses are means over those rows."""

    decision: str
    batch: int
    rows: int
    served: float
    champion: float
    single_best: float | None
    oracle: float


@dataclass(frozen=True)
class RegretFigures:
    """The newest entries and, over all of them, mean losses weighted by rows; None while there is no entry."""

    requests: int
    rows: int
    served: float | None
    champion: float | None
    single_best: float | None
    oracle: float | None
    entries: tuple[RegretEntry, ...]


def read_regrets(history: History) -> pd.DataFrame:
    """Return the newest entries of the ledger, as corrected labels have them."""
    return history.read_corrected(regrets_table.c.batch)


def compute_regrets(history: History) -> RegretFigures:
    """Return the ledger, the newest batch first."""
    table = history.ask(read_regrets).sort_values(["batch", "decision"], ascending=[False, True])
    means = {name: _average(table, name) for name in LOSSES}
    entries = tuple(read_record(RegretEntry, row) for row in list_rows(table.head(MOST_ENTRIES)))
    rows = int(table["rows"].sum()) if len(table) else 0
    requests = int(table["requests"].fillna(1).sum()) if len(table) else 0
    return RegretFigures(requests, rows, entries=entries, **means)


def _average(table: pd.DataFrame, name: str) -> float | None:
    known = table.dropna(subset=[name])
    return float(np.average(known[name].astype(float), weights=known["rows"])) if len(known) else None


SECTION = Section("regrets", reads=(read_regrets,), figures={"regrets": compute_regrets})
