"""Time order within a part: when each row happened, and where it stands among the others."""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from common.config import SchemaConfig
from common.errors import DataError
from common.reading import find_missing, guess_date_format, read_dates
from pipeline.collection.naming import check_columns
from pipeline.collection.part import Part

_log = logging.getLogger(__name__)

AMBIGUOUS = {"%d/%m/%Y": "%m/%d/%Y", "%d/%m/%Y %H:%M": "%m/%d/%Y %H:%M", "%d/%m/%y": "%m/%d/%y"}
"""Notations that another one can be mistaken for while no day is above 12."""


@dataclass(frozen=True, eq=False)
class OrderedPart:
    """A part that was read. Position p is its p-th row in time order (stable: equal times keep the part's row order).

    ``rows`` (n_rows,) maps positions to rows of ``table``. ``times`` (n_rows,) are datetimes by position, NaT where a
    cell cannot be read; ``order`` has for such a row the time of the readable row before it in the part.
    """

    part: Part
    table: pd.DataFrame
    rows: np.ndarray
    times: np.ndarray
    order: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, positions: np.ndarray) -> pd.DataFrame:
        """Return the raw rows at ``positions``."""
        return self.table.iloc[self.rows[positions]]


def read_part(part: Part, schema: SchemaConfig) -> OrderedPart:
    """Load a part and put it in time order; DataError where the time or target column is absent or no time readable."""
    table = part.load()
    check_columns(table, part.label, {"schema.time": schema.time, "schema.target": schema.target})
    times = read_times(table[schema.time], part.label, schema)
    order = times.ffill().bfill().to_numpy()
    rows = np.argsort(order, kind="stable")
    return OrderedPart(part, table, rows, times.to_numpy()[rows], order[rows])


def read_times(cells: pd.Series, label: str, schema: SchemaConfig) -> pd.Series:
    """Return the time column as datetimes, NaT where unreadable; DataError where not one cell can be read."""
    distinct = pd.Series(cells.unique())
    known = distinct[~find_missing(distinct, schema.missing_values)]
    times = read_dates(cells, schema.time_format or _guess_format(known, label, schema.time))
    unreadable = int(times.isna().sum())
    if unreadable and unreadable == len(times):
        found = f"such as '{known.iloc[0]}'" if len(known) else "every one of which is missing"
        raise DataError(
            f"No cell of the time column '{schema.time}' of '{label}' can be read as a date, {found}; set "
            "schema.time_format to its notation (such as %d-%b-%y for 08-AUG-13) or correct schema.time."
        )
    if unreadable:
        _log.warning("%d of %d cells of '%s' in '%s' are no dates.", unreadable, len(times), schema.time, label)
    return times


def _guess_format(known: pd.Series, label: str, column: str) -> str | None:
    guessed = guess_date_format(known)
    other = AMBIGUOUS.get(guessed or "")
    if other and pd.to_datetime(known.astype("str").str.strip(), format=other, errors="coerce").notna().all():
        _log.warning(
            "The dates of '%s' in '%s' read as %s and as %s alike; the first is used unless schema.time_format is set.",
            column, label, guessed, other,
        )  # fmt: skip
    return guessed


class PartReader:
    """Reads parts and keeps those of the last batch, so that cutting several batches in a row parses a part once."""

    def __init__(self, schema: SchemaConfig) -> None:
        self._schema = schema
        self._kept: dict[tuple[str, str], OrderedPart] = {}

    def read(self, part: Part) -> OrderedPart:
        """Return ``part`` in time order, from memory where its digest says that it did not change."""
        if part.digest is None:
            return read_part(part, self._schema)
        name = part.key, part.digest
        if name not in self._kept:
            self._kept = {kept: ordered for kept, ordered in self._kept.items() if kept[0] != part.key}
            self._kept[name] = read_part(part, self._schema)
        return self._kept[name]

    def forget(self, part: Part) -> None:
        """Free the memory of a part that is not needed any more."""
        self._kept = {kept: ordered for kept, ordered in self._kept.items() if kept[0] != part.key}
