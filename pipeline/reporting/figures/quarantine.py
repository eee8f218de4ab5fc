"""What was refused and what became of it: the account of all rows, rejected batches and decisions."""

from dataclasses import dataclass
from datetime import datetime

from pointsman.pipeline.reporting.history import History, list_rows

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


def compute_quarantine(history: History) -> QuarantineFigures:
    """Return what was refused and decided."""
    accounts = history.accounts
    places = {place: int(accounts[place].sum()) for place in PLACES}
    rows = int((accounts["rows"] - accounts["moved"]).sum())
    reasons = dict(zip(history.batches["number"], history.batches["reason"], strict=True))
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
    for _, group in history.quarantine_decisions.groupby(keys, sort=False):
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
