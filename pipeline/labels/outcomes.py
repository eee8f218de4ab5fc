"""What becomes of labels, in words: when they arrive, and when an update takes them. The words are stored."""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import State
from pointsman.meta.label_tables import refused_labels_table

REFUSALS: Mapping[str, str] = {
    "contradicting": "another label of the row came with it, and the last one counts",
    "crowded": "no such row is logged yet, and as many labels wait for their rows as may; send it again in a minute",
    "overcorrected": "the row's label was corrected as often as it may be",
    "unlogged": "the row was not kept",
    "unknown": "no such row was served",
    "unreadable": "by the schema it is no label",
    "expired": "no such row was logged within a day",
}
"""Why a label is not taken, or let go before its row was logged."""


class Outcome(StrEnum):
    """Why a label that an update took does not count for everything."""

    LEARNED = "learned"
    IN_BATCH = "in batch"
    REPLACED = "replaced"
    UNREADABLE = "unreadable"
    NOT_KEPT = "not kept"
    GONE = "lost"


REASONS: Mapping[str, str] = {
    Outcome.LEARNED: "in the ledger, but no evidence: what served may have learned the row",
    Outcome.IN_BATCH: "a batch has the row and tells its label",
    Outcome.REPLACED: "a newer label of the row came",
    Outcome.UNREADABLE: "the present schema knows no such label",
    Outcome.NOT_KEPT: "the row was not kept",
    Outcome.GONE: "the file with the row cannot be read",
}
LOST = (Outcome.UNREADABLE, Outcome.NOT_KEPT, Outcome.GONE)
"""Outcomes of labels that taught nothing: the same label, sent again, is a new one."""


def describe_outcomes(outcomes: Iterable[str | None]) -> str:
    """Return in words how many labels have which outcome, '' where all count for everything.

    >>> describe_outcomes([None, "lost", "lost"])
    '2 lost (the file with the row cannot be read)'
    """
    counted = Counter(outcome for outcome in outcomes if outcome)
    return ", ".join(f"{counted[word]} {word} ({why})" for word, why in REASONS.items() if counted[word])


def describe_refusals(counts: Mapping[str, int]) -> str:
    """Return in words how many labels were refused for which cause, '' where none was.

    >>> describe_refusals({"unknown": 3, "expired": 0})
    '3 unknown (no such row was served)'
    """
    return ", ".join(f"{counts[word]} {word} ({why})" for word, why in REFUSALS.items() if counts.get(word))


def refusal_rows(counts: Mapping[str, int], origin: str) -> list[dict[str, Any]]:
    """Return the rows of the refused_labels table."""
    return [{"cause": word, "origin": origin, "labels": counts[word]} for word in REFUSALS if counts.get(word)]


def book_refusals(state: State, counts: Mapping[str, int], origin: str) -> None:
    """Store how many labels were refused, for the report."""
    draft = Draft()
    draft.add(refused_labels_table, refusal_rows(counts, origin))
    draft.commit(state.engine)
