"""The time axis that charts share: one place a batch, dates below, the stream's known events marked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd

from pointsman.pipeline.collection.demo.schedule import SCHEDULE
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.reporting.formats import MONTHS
from pointsman.pipeline.reporting.history import History, list_rows

MOST_BATCHES = 120
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Marker:
    """A known event of the stream, to be marked on charts over time; both days are included."""

    name: str
    start: date
    end: date
    description: str


@dataclass(frozen=True)
class Span:
    """Where a marker lies on the axis: the places of its first and last batch."""

    letter: str
    marker: Marker
    first: int
    last: int


@dataclass(frozen=True)
class Timeline:
    """The batches that charts show, oldest first, with the month in which each ended, and the marked spans."""

    batches: tuple[int, ...]
    months: Mapping[int, str]
    spans: tuple[Span, ...]
    left_out: int

    def __contains__(self, batch: object) -> bool:
        """Return whether charts show a batch of this number."""
        return batch in self.batches

    @property
    def note(self) -> str:
        """What charts leave out, if anything."""
        return (
            f"The newest {len(self.batches)} batches; {self.left_out} older ones are left out." if self.left_out else ""
        )

    @property
    def events(self) -> list[dict[str, Any]]:
        """The marked spans as charts have them: from ``left`` to ``right`` in batch numbers."""
        return [
            {
                "left": self.batches[span.first] - 0.5,
                "right": self.batches[span.last] + 0.5,
                "letter": span.letter,
                "name": span.marker.name,
            }
            for span in self.spans
        ]


def lay_timeline(history: History) -> Timeline:
    """Return the time axis of all batches; a marker that touches none of them is not on it."""
    every = list_rows(history.read(batches).sort_values("number"))
    shown = every[-MOST_BATCHES:]
    spans = []
    for letter, marker in zip(LETTERS, history.ask(list_markers), strict=False):
        touched = [place for place, batch in enumerate(shown) if _touches(batch["start"], batch["end"], marker)]
        if touched:
            spans.append(Span(letter, marker, touched[0], touched[-1]))
    return Timeline(
        batches=tuple(int(batch["number"]) for batch in shown),
        months={int(batch["number"]): _say_month(batch["end"]) for batch in shown},
        spans=tuple(spans),
        left_out=len(every) - len(shown),
    )


def list_markers(history: History) -> tuple[Marker, ...]:
    """Return the published events of the demo stream; of another stream nothing is known beforehand."""
    if history.config.source.kind != "demo":
        return ()
    return tuple(Marker(event.name, event.start, event.end, event.description) for event in SCHEDULE)


def _touches(start: datetime | None, end: datetime | None, marker: Marker) -> bool:
    if pd.isna(start) or pd.isna(end):
        return False
    return start.date() <= marker.end and marker.start <= end.date()


def _say_month(moment: datetime | None) -> str:
    return "" if pd.isna(moment) else f"{MONTHS[moment.month - 1]} {moment.year % 100:02d}"
