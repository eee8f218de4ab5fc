"""What the report is written from: the catalogue's rows, handed over by the flow, and questions asked of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, cast

import pandas as pd

from common.metrics import Metric
from common.task import Task
from registry.generations import Alias, Cause, Generation

FALLBACK_FAMILY = "prior"
"""The family whose versions are the baseline of every comparison in the report."""


@dataclass(frozen=True)
class Marker:
    """A known event of the stream, to be marked on charts over time; both days are included."""

    name: str
    start: date
    end: date
    description: str


@dataclass(frozen=True, eq=False)
class History:
    """The rows of each table, named and ordered as the catalogue has them; ``metric`` is None before any schema.

    Generations, their members, aliases and events are those that led to the live one. ``quarantined`` counts rows by
    batch, reason and status; ``accounts`` has where the rows of each batch are, and ``associations`` the rules mined
    last; ``importances`` are shares by family and setting, largest first.
    """

    generation: Generation
    metric: Metric | None
    generations: pd.DataFrame
    members: pd.DataFrame
    aliases: pd.DataFrame
    events: pd.DataFrame
    versions: pd.DataFrame
    batches: pd.DataFrame
    quality: pd.DataFrame
    profiles: pd.DataFrame
    quarantined: pd.DataFrame
    quarantine_decisions: pd.DataFrame
    accounts: pd.DataFrame
    associations: pd.DataFrame
    drift: pd.DataFrame
    drift_tests: pd.DataFrame
    alarms: pd.DataFrame
    responses: pd.DataFrame
    scores: pd.DataFrame
    comparisons: pd.DataFrame
    bouts: pd.DataFrame
    backtests: pd.DataFrame
    trials: pd.DataFrame
    runs: pd.DataFrame
    importances: pd.DataFrame
    feature_gains: pd.DataFrame
    grades: pd.DataFrame
    decisions: pd.DataFrame
    regrets: pd.DataFrame
    estimates: pd.DataFrame
    settlements: pd.DataFrame
    served_months: pd.DataFrame
    live_records: pd.DataFrame
    record_rows: pd.DataFrame
    records: pd.DataFrame
    performance: pd.DataFrame
    markers: tuple[Marker, ...] = ()
    seed: int = 0
    false_alarms: float = 0.01
    mode: str = "all"

    @property
    def task(self) -> Task | None:
        """What is predicted, once a batch has shown it."""
        return self.generation.schema.task if self.generation.schema else None

    @cached_property
    def champions(self) -> dict[int, str]:
        """The champion's version by generation."""
        crowned = self.members[self.members["role"] == "champion"]
        return dict(zip(crowned["generation"].astype(int), crowned["version"], strict=True))

    @cached_property
    def productions(self) -> dict[int, str]:
        """By generation, the version that serves typical requests; the champion where none was named."""
        named = self.aliases[self.aliases["alias"] == Alias.PRODUCTION.value]
        return self.champions | dict(zip(named["generation"].astype(int), named["version"], strict=True))

    @cached_property
    def lines(self) -> dict[str, str]:
        """The line of every version."""
        return dict(zip(self.versions["id"], self.versions["line"], strict=True))

    @cached_property
    def families(self) -> dict[str, str]:
        """The family of every version."""
        return dict(zip(self.versions["id"], self.versions["family"], strict=True))

    @cached_property
    def newest_learned(self) -> int | None:
        """The number of the newest batch that was accepted."""
        accepted = self.batches.loc[self.batches["status"] == "accepted", "number"]
        return int(accepted.max()) if len(accepted) else None

    @cached_property
    def serving(self) -> dict[int, str]:
        """By batch, the champion when the batch arrived: that of the generation before it."""
        return self._find_before(self.champions)

    @cached_property
    def in_production(self) -> dict[int, str]:
        """By batch, what served typical requests when the batch arrived."""
        return self._find_before(self.productions)

    def _find_before(self, named: Mapping[int, str]) -> dict[int, str]:
        """Return by batch the version that is named for the generation before it."""
        return {
            int(row["batch"]): named[int(row["parent"])]
            for row in list_rows(self.generations.dropna(subset=["batch", "parent"]))
            if Cause(row["cause"]).takes_batch and int(row["parent"]) in named
        }

    def lineage(self) -> list[int]:
        """Return the numbers of the generations that led to the live one, oldest first."""
        parents = dict(zip(self.generations["number"], self.generations["parent"], strict=True))
        chain: list[int] = []
        number: float | None = self.generation.number
        while number is not None and not pd.isna(number) and int(number) in parents and int(number) not in chain:
            chain.append(int(number))
            number = parents[int(number)]
        return chain[::-1]


def list_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as dictionaries by column name."""
    return cast(list[dict[str, Any]], table.to_dict("records"))
