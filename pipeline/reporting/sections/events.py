"""Events: what happened to versions, and why."""

from dataclasses import dataclass

import pandas as pd

from pointsman.pipeline.reporting.history import History, list_rows, read_whole
from pointsman.pipeline.reporting.section import Section
from pointsman.registry.tables import events_table
from pointsman.registry.words import show_word

MOST_EVENTS = 40
ROUTINE = ("updated", "refitted", "blended", "challenger", "production")
"""Events that happen to nearly every version at every update."""


@dataclass(frozen=True)
class EventFigures:
    """Something that happened to a version."""

    generation: int
    batch: int | None
    version: str
    event: str
    reason: str


def read_events(history: History) -> pd.DataFrame:
    """Return the events of the generations that led to the live one."""
    return history.read_past(events_table.c.generation)


def list_events(history: History) -> tuple[EventFigures, ...]:
    """Return what happened to versions, the newest first and bounded; routine events of the newest generation alone."""
    batches = history.generations.set_index("number")["batch"].to_dict()
    rows = history.ask(read_events).sort_values(["generation", "position"], ascending=[False, True])
    rows = rows[~rows["event"].isin(ROUTINE) | (rows["generation"] == history.generation.number)]
    return tuple(
        EventFigures(
            int(row["generation"]),
            read_whole(batches.get(row["generation"])),
            row["version"],
            show_word(row["event"]),
            row["reason"],
        )
        for row in list_rows(rows.head(MOST_EVENTS))
    )


SECTION = Section("events", reads=(read_events,), figures={"events": list_events})
