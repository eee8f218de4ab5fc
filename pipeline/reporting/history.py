"""What the report is about: everything the catalogue holds, as tables, frozen between reading and drawing."""

from dataclasses import dataclass
from datetime import date

import pandas as pd

from registry.generations import Generation


@dataclass(frozen=True)
class History:
    """The catalogue's tables as frames with their own column names, and the live generation."""

    generation: Generation
    metric: str
    batches: pd.DataFrame
    quality: pd.DataFrame
    profiles: pd.DataFrame
    quarantine: pd.DataFrame
    drift: pd.DataFrame
    scores: pd.DataFrame
    comparisons: pd.DataFrame
    trials: pd.DataFrame
    versions: pd.DataFrame
    members: pd.DataFrame
    events: pd.DataFrame
    generations: pd.DataFrame
    grades: pd.DataFrame
    decisions: pd.DataFrame
    performance: pd.DataFrame
    known_events: tuple[tuple[date, str], ...] = ()
    """Published events of a demo stream: when each begins, and what it is."""

    @property
    def labels(self) -> list[str]:
        """A short label for every batch: its number and the month in which it begins."""
        return [
            f"{row.number} · {row.start:%b %y}" if pd.notna(row.start) else str(row.number)
            for row in self.batches.itertuples()
        ]

    def event_positions(self) -> list[tuple[int, str]]:
        """Return the position among the batches at which each known event begins."""
        found = []
        for when, name in self.known_events:
            inside = [place for place, row in enumerate(self.batches.itertuples())
                      if pd.notna(row.start) and row.start.date() <= when <= row.end.date()]  # fmt: skip
            found += [(place, name) for place in inside[:1]]
        return found
