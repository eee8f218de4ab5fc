"""The regret ledger: what answers to real requests turned out to cost, once their labels had come."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pointsman.common.task import Task
from pointsman.meta.tables import regrets_table
from pointsman.pipeline.reporting.health.answers import NEWEST_BATCHES
from pointsman.pipeline.reporting.history import History, list_rows, read_record
from pointsman.pipeline.reporting.loss_scale import measure_gain, pool, to_unit
from pointsman.pipeline.reporting.section import Section

MOST_ENTRIES = 15
LOSSES = ("served", "champion", "single_best", "oracle")


@dataclass(frozen=True)
class RegretEntry:
    """One request, as far as a batch brought its labels; losses are over those rows, in the unit that readers see.

    ``gain`` is by which share what served lost less than the champion would have.
    """

    decision: str
    batch: int
    rows: int
    served: float
    champion: float
    single_best: float | None
    oracle: float
    gain: float | None


@dataclass(frozen=True)
class RegretFigures:
    """The newest entries and losses over all rows of all of them; None while there is no entry.

    ``newest_gain`` is of the entries of the newest batches alone, as the first screen judges them.
    """

    requests: int
    rows: int
    served: float | None
    champion: float | None
    single_best: float | None
    oracle: float | None
    gain: float | None
    newest_gain: float | None
    entries: tuple[RegretEntry, ...]


def read_regrets(history: History) -> pd.DataFrame:
    """Return the newest entries of the ledger, as corrected labels have them."""
    return history.read_corrected(regrets_table.c.batch)


def compute_regrets(history: History) -> RegretFigures:
    """Return the ledger, the newest batch first."""
    table = history.ask(read_regrets).sort_values(["batch", "decision"], ascending=[False, True])
    task = history.task
    if task is None or not len(table):
        return RegretFigures(0, 0, None, None, None, None, None, None, ())
    newest = table[table["batch"] > table["batch"].max() - NEWEST_BATCHES]
    return RegretFigures(
        requests=int(table["requests"].fillna(1).sum()),
        rows=int(table["rows"].sum()),
        **{name: _average(table, name, task) for name in LOSSES},
        gain=_measure(table, task),
        newest_gain=_measure(newest, task),
        entries=tuple(_read_entry(row, task) for row in list_rows(table.head(MOST_ENTRIES))),
    )


def _read_entry(row: Mapping[str, Any], task: Task) -> RegretEntry:
    losses = {name: None if pd.isna(row[name]) else to_unit(float(row[name]), task) for name in LOSSES}
    return read_record(RegretEntry, row, **losses, gain=measure_gain(row["served"], row["champion"], task))


def _average(table: pd.DataFrame, name: str, task: Task) -> float | None:
    known = table.dropna(subset=[name])
    return to_unit(pool(known[name].tolist(), known["rows"].tolist()), task) if len(known) else None


def _measure(table: pd.DataFrame, task: Task) -> float | None:
    own, other = (pool(table[name].tolist(), table["rows"].tolist()) for name in ("served", "champion"))
    return measure_gain(own, other, task)


SECTION = Section("regrets", reads=(read_regrets,), figures={"regrets": compute_regrets})
