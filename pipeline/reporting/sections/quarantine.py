"""What was refused and what became of it: the account of all rows, rejected batches and decisions."""

from dataclasses import dataclass, fields
from datetime import datetime

import pandas as pd

from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.quality.quarantine.row_counts import RowCounts, load_row_counts
from pointsman.pipeline.quality.tables import quarantine_decisions_table
from pointsman.pipeline.reporting.history import History, list_rows
from pointsman.pipeline.reporting.section import Section

MOST_DECISIONS = 20
PLACES = ("learned", "released", "held", "discarded", "rejected")


@dataclass(frozen=True)
class RejectedBatch:
    """A batch that was refused as a whole; ``status`` says what became of it."""

    batch: int
    rows: int
    status: str
    reason: str


@dataclass(frozen=True)
class DecisionEntry:
    """What a user decided on ``rows`` quarantined rows of a batch, or on the batch where ``rows`` is None."""

    batch: int
    rows: int | None
    action: str
    who: str
    why: str
    when: datetime


@dataclass(frozen=True)
class QuarantineFigures:
    """Where all rows are: ``places`` add up to ``rows`` unless ``adds_up`` is False. Lists are the newest first."""

    rows: int
    places: dict[str, int]
    adds_up: bool
    rejected: tuple[RejectedBatch, ...]
    decisions: tuple[DecisionEntry, ...]


def read_quarantine_decisions(history: History) -> pd.DataFrame:
    """Return the newest decisions on quarantined rows."""
    return history.read_newest(quarantine_decisions_table.c.generation)


def list_accounts(history: History) -> pd.DataFrame:
    """Return where the rows of every batch are, with the status of those that were rejected."""
    names = [*(field.name for field in fields(RowCounts)), "status"]
    counts = load_row_counts(history.state).values()
    return pd.DataFrame([vars(one) | {"status": one.status} for one in counts], columns=names)


def compute_quarantine(history: History) -> QuarantineFigures:
    """Return what was refused and decided."""
    accounts, known = history.ask(list_accounts), history.read(batches)
    places = {place: int(accounts[place].sum()) for place in PLACES}
    rows = int((accounts["rows"] - accounts["moved"]).sum())
    reasons = dict(zip(known["number"], known["reason"], strict=True))
    refused = accounts[accounts["is_rejected"].astype(bool)].sort_values("batch", ascending=False)
    return QuarantineFigures(
        rows=rows,
        places={place: count for place, count in places.items() if count},
        adds_up=rows == sum(places.values()),
        rejected=tuple(
            RejectedBatch(int(row["batch"]), int(row["rows"]), row["status"], reasons[row["batch"]])
            for row in list_rows(refused)
        ),
        decisions=_list_decisions(history),
    )


def _list_decisions(history: History) -> tuple[DecisionEntry, ...]:
    """Return decisions with the rows that one command decided on together."""
    found: list[DecisionEntry] = []
    keys = ["generation", "batch"]
    for _, group in history.ask(read_quarantine_decisions).groupby(keys, sort=False):
        first = list_rows(group)[0]
        of_rows = int(group["row"].notna().sum())
        found.append(
            DecisionEntry(
                int(first["batch"]),
                of_rows or None,
                first["action"],
                first["who"],
                first["why"],
                first["created_at"].to_pydatetime(),
            )
        )
    return tuple(found[:MOST_DECISIONS])


SECTION = Section(
    "quarantine", reads=(batches, list_accounts, read_quarantine_decisions), figures={"quarantine": compute_quarantine}
)
