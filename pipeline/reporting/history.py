"""What the report asks of a state: stored tables, and what follows from them, each read or computed once."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache, cached_property
from typing import Any, TypeVar, cast

import pandas as pd
import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.metrics import Metric, get_metric
from pointsman.common.storage.catalogue import read_tuples
from pointsman.common.storage.state import State
from pointsman.common.task import Task
from pointsman.meta.corrections import CORRECTED, load_corrections, put_in
from pointsman.registry.generations import Alias, Cause, Generation
from pointsman.registry.lineage import load_past
from pointsman.registry.tables import aliases_table, generations_table, members_table, versions_table

FALLBACK_FAMILY = "prior"
"""The family whose versions are the baseline of every comparison in the report."""

NEWEST_ROWS = 20_000
"""Decisions and costs are read up to this many rows, the newest ones: they grow with every request."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class History:
    """A state at its live ``generation``; ``known`` are the answers given so far, by the table or function asked."""

    config: Config
    state: State
    generation: Generation
    written_at: datetime
    known: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def load(self, reads: Iterable["Read"]) -> None:
        """Read tables in one go, so that all figures are of the same moment."""
        for one in (read_generations, read_members, read_aliases, versions_table, *reads):
            if isinstance(one, sa.Table):
                self.read(one)
            else:
                self.ask(one)

    def ask(self, answer: Callable[["History"], Answer]) -> Answer:
        """Return what a function makes of this history."""
        if answer not in self.known:
            self.known[answer] = answer(self)
        return cast(Answer, self.known[answer])

    def read(self, table: sa.Table) -> pd.DataFrame:
        """Return every row of a table, named and ordered as the catalogue has them."""
        if table not in self.known:
            self.known[table] = self.select(sa.select(table))
        return cast(pd.DataFrame, self.known[table])

    def read_newest(self, column: sa.Column[Any]) -> pd.DataFrame:
        """Return the rows of a column's table that are newest by it, at most NEWEST_ROWS of them."""
        return self.select(sa.select(column.table).order_by(column.desc()).limit(NEWEST_ROWS))

    def read_corrected(self, column: sa.Column[Any]) -> pd.DataFrame:
        """Return the rows of ``read_newest`` as they are after all corrections of labels."""
        newest = self.read_newest(column)
        corrections, keys = load_corrections(self.state, column.table), CORRECTED[column.table][1]
        if not corrections:
            return newest
        return pd.DataFrame(put_in(list_rows(newest), corrections, keys), columns=newest.columns)

    def read_past(self, generation: sa.Column[Any]) -> pd.DataFrame:
        """Return the rows of a column's table whose generation led to the live one."""
        return self.select(sa.select(generation.table).where(generation.in_(self._led_here)))

    def select(self, query: sa.Select[Any]) -> pd.DataFrame:
        """Return the rows of a query; without any, its columns are there all the same."""
        names, rows = read_tuples(self.state.engine, query)
        return pd.DataFrame(rows, columns=names)

    @property
    def metric(self) -> Metric | None:
        """The headline metric; None before a batch has shown the task."""
        return get_metric(self.config.metric, self.task) if self.task else None

    @property
    def task(self) -> Task | None:
        """What is predicted, once a batch has shown it."""
        return self.generation.schema.task if self.generation.schema else None

    @property
    def mode(self) -> str:
        """The mode of selection in force."""
        return self.config.selection.mode

    @property
    def generations(self) -> pd.DataFrame:
        """The generations that led to the live one."""
        return self.ask(read_generations)

    @cached_property
    def champions(self) -> dict[int, str]:
        """The champion's version by generation."""
        members = self.ask(read_members)
        champions = members[members["role"] == "champion"]
        return dict(zip(champions["generation"].astype(int), champions["version"], strict=True))

    @cached_property
    def productions(self) -> dict[int, str]:
        """By generation, the version that serves typical requests; the champion where none was named."""
        aliases = self.ask(read_aliases)
        named = aliases[aliases["alias"] == Alias.PRODUCTION.value]
        return self.champions | dict(zip(named["generation"].astype(int), named["version"], strict=True))

    @cached_property
    def lines(self) -> dict[str, str]:
        """The line of every version."""
        versions = self.read(versions_table)
        return dict(zip(versions["id"], versions["line"], strict=True))

    @cached_property
    def families(self) -> dict[str, str]:
        """The family of every version."""
        versions = self.read(versions_table)
        return dict(zip(versions["id"], versions["family"], strict=True))

    @cached_property
    def serving(self) -> dict[int, str]:
        """By batch, the champion when the batch arrived: that of the generation before it."""
        return self._find_before(self.champions)

    @cached_property
    def in_production(self) -> dict[int, str]:
        """By batch, what served typical requests when the batch arrived."""
        return self._find_before(self.productions)

    @cached_property
    def lineage(self) -> list[int]:
        """The numbers of the generations that led to the live one, oldest first."""
        parents = dict(zip(self.generations["number"], self.generations["parent"], strict=True))
        chain: list[int] = []
        number: float | None = self.generation.number
        while number is not None and not pd.isna(number) and int(number) in parents and int(number) not in chain:
            chain.append(int(number))
            number = parents[int(number)]
        return chain[::-1]

    @cached_property
    def _led_here(self) -> set[int]:
        return set(load_past(self.state, self.generation.number))

    def _find_before(self, named: Mapping[int, str]) -> dict[int, str]:
        """Return by batch the version that is named for the generation before it."""
        return {
            int(row["batch"]): named[int(row["parent"])]
            for row in list_rows(self.generations.dropna(subset=["batch", "parent"]))
            if Cause(row["cause"]).takes_batch and int(row["parent"]) in named
        }


Read = sa.Table | Callable[[History], Any]
"""What a section reads: a table as it is stored, or a function that asks for a part of one, or for more than one."""


def read_generations(history: History) -> pd.DataFrame:
    """Return the generations that led to the live one."""
    return history.read_past(generations_table.c.number)


def read_members(history: History) -> pd.DataFrame:
    """Return the members of these generations."""
    return history.read_past(members_table.c.generation)


def read_aliases(history: History) -> pd.DataFrame:
    """Return the aliases of these generations."""
    return history.read_past(aliases_table.c.generation)


def list_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as dictionaries by column name."""
    return cast(list[dict[str, Any]], table.to_dict("records"))


Figure = TypeVar("Figure")


def read_record(kind: type[Figure], row: Mapping[str, Any], **computed: Any) -> Figure:
    """Return a record whose fields are ``computed``, or else the row's cells of the same names, as their types say."""
    stored = {name: read(row[name]) for name, read in _list_readers(cast(Any, kind)) if name not in computed}
    return kind(**stored, **computed)


def read_float(cell: Any) -> float | None:
    """Return a cell as a number, None where there is none."""
    return None if pd.isna(cell) else float(cell)


def read_whole(cell: Any) -> int | None:
    """Return a cell as a whole number, None where there is none."""
    return None if pd.isna(cell) else int(cell)


def read_moment(cell: Any) -> datetime | None:
    """Return a cell as a moment, None where there is none."""
    return None if pd.isna(cell) else pd.Timestamp(cell).to_pydatetime()


READERS: Mapping[Any, Callable[[Any], Any]] = {
    int: int,
    float: float,
    bool: bool,
    int | None: read_whole,
    float | None: read_float,
    datetime: read_moment,
    datetime | None: read_moment,
}
"""How a cell becomes a field of a type; others take it as it is."""


@cache
def _list_readers(kind: Any) -> list[tuple[str, Callable[[Any], Any]]]:
    return [(one.name, READERS.get(one.type, lambda cell: cell)) for one in fields(kind)]
