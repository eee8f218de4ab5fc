"""The account of every batch: where each of its rows is. Nothing is lost, so the parts add up to the rows that came."""

from dataclasses import dataclass

from pointsman.common.storage.state import State
from pointsman.pipeline.collection.store import load_batches
from pointsman.pipeline.quality.quarantine.store import count_quarantined, load_decisions, load_retaken
from pointsman.pipeline.quality.tables import DISCARDED, HELD, RELEASED


@dataclass(frozen=True)
class RowCounts:
    """Rows of one batch: learned at once, released and learned later, held, discarded, rejected, or moved on.

    Rows of a rejected batch are ``rejected``, or ``discarded``, or, once the released batch was taken again as batch
    ``retaken_as``, ``moved``: they are accounted for there. ``usable`` are those that have a label and a time and break
    no rule; ``decision`` is what was decided on a rejected batch last, or ''.
    """

    batch: int
    rows: int
    learned: int = 0
    released: int = 0
    held: int = 0
    discarded: int = 0
    rejected: int = 0
    moved: int = 0
    usable: int = 0
    is_rejected: bool = False
    decision: str = ""
    retaken_as: int | None = None

    @property
    def status(self) -> str:
        """What became of a rejected batch, '' for an accepted one."""
        if not self.is_rejected:
            return ""
        return f"taken again as batch {self.retaken_as}" if self.retaken_as else self.decision or HELD


def load_row_counts(state: State) -> dict[int, RowCounts]:
    """Return the account of every batch, by number, oldest first."""
    counts, retaken, decisions = count_quarantined(state), load_retaken(state), load_decisions(state)
    accounts = {}
    for row in load_batches(state):
        number = row["number"]
        by_status = {status: counts.get((number, status), 0) for status in (HELD, RELEASED, DISCARDED)}
        if row["status"] == "rejected":
            accounts[number] = _enter_rejected(
                number, row["rows"], sum(by_status.values()), decisions.get(number, ""), retaken.get(number)
            )
        else:
            accounts[number] = enter_accepted(number, row["rows"], by_status)
    return accounts


def enter_accepted(number: int, rows: int, by_status: dict[str, int]) -> RowCounts:
    """Return the account of an accepted batch from the number of quarantined rows by status.

    >>> enter_accepted(7, 100, {"held": 5, "released": 2, "discarded": 1}).learned
    92
    """
    learned = rows - sum(by_status.values())
    return RowCounts(number, rows, learned, by_status[RELEASED], by_status[HELD], by_status[DISCARDED], usable=learned)


def _enter_rejected(number: int, rows: int, unusable: int, decision: str, retaken_as: int | None) -> RowCounts:
    place = "moved" if retaken_as else "discarded" if decision == DISCARDED else "rejected"
    return RowCounts(
        number,
        rows,
        usable=rows - unusable,
        is_rejected=True,
        decision=decision,
        retaken_as=retaken_as,
        **{place: rows},
    )
