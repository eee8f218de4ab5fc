"""Time order within a part: when each row happened, and where it stands among the others."""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.common.adaptation import count_texts
from pointsman.common.cells.date_notations import EPOCH_MS, EPOCH_S, EXCEL, FORMATS, ISO, TWINS
from pointsman.common.cells.dates import decide_dates
from pointsman.common.config import SchemaConfig
from pointsman.common.errors import DataError
from pointsman.common.reading import read_any_dates, read_dates
from pointsman.pipeline.collection.naming import check_columns
from pointsman.pipeline.collection.part import Part

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class OrderedPart:
    """A part that was read. Position p is its p-th row in time order (stable: equal times keep the part's row order).

    ``rows`` (n_rows,) maps positions to rows of ``table``. ``times`` (n_rows,) are datetimes by position, NaT where a
    cell cannot be read; ``order`` has for such a row the time of the readable row before it in the part.
    ``time_format`` is the notation of the time column.
    """

    part: Part
    table: pd.DataFrame
    rows: np.ndarray
    times: np.ndarray
    order: np.ndarray
    time_format: str

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, positions: np.ndarray) -> pd.DataFrame:
        """Return the raw rows at ``positions``."""
        return self.table.iloc[self.rows[positions]]


def read_part(part: Part, schema: SchemaConfig, usual: str | None = None) -> OrderedPart:
    """Load a part and put it in time order; ``usual`` is the notation of the stream's times, where it is known.

    Raises DataError where the time or target column is absent, or its times cannot be read.
    """
    table = part.load()
    check_columns(table, part.label, {"schema.time": schema.time, "schema.target": schema.target})
    time_format = schema.time_format or decide_time_format(table[schema.time], part.label, schema, usual)
    times = read_times(table[schema.time], part.label, schema, time_format)
    order = times.ffill().bfill().to_numpy()
    rows = np.argsort(order, kind="stable")
    return OrderedPart(part, table, rows, times.to_numpy()[rows], order[rows], time_format)


def read_times(cells: pd.Series, label: str, schema: SchemaConfig, time_format: str) -> pd.Series:
    """Return the time column as datetimes, NaT where unreadable; DataError where not one cell can be read."""
    times = read_dates(cells, time_format, schema.missing_values)
    unreadable = int(times.isna().sum())
    if unreadable and unreadable == len(times):
        raise DataError(_explain_unreadable(cells, label, schema))
    if unreadable:
        example = cells[times.isna()].iloc[0]
        _log.warning(
            "%d of %d cells of '%s' in '%s' are no dates, such as '%s'; schema.time_format gives their notation.",
            unreadable,
            len(times),
            schema.time,
            label,
            example,
        )
    return times


def decide_time_format(cells: pd.Series, label: str, schema: SchemaConfig, usual: str | None = None) -> str:
    """Return the notation of a time column, on the evidence of all its cells; a guess is logged.

    Raises DataError where its cells contradict each other, or are numbers that the configuration has to name as times.
    """
    if pd.api.types.is_datetime64_any_dtype(cells):
        return usual or ISO
    texts, counts = count_texts(cells, schema.missing_values)
    decided = decide_dates(texts, counts, usual, digits=True)
    # Times order the stream and cut its batches, so a wrong guess would put rows into batches that are not theirs.
    if decided.contradicted:
        one, other = decided.contradicted
        raise DataError(
            f"The times '{schema.time}' of '{label}' are in two notations ('{one}' and '{other}'), so that no other "
            "one can be trusted; write them as YYYY-MM-DD, or set schema.time_format to the one that counts "
            f"({decided.date_format} or {TWINS[decided.date_format]})."
        )
    # Five digits may as well be a number of a policy or an amount.
    if decided.date_format == EXCEL and usual != EXCEL:
        raise DataError(
            f"The times '{schema.time}' of '{label}' are numbers, such as '{texts.iloc[0]}'; set schema.time_format to "
            "excel if they are Excel's days, or correct schema.time."
        )
    if decided.rival:
        _log.warning(
            "The dates of '%s' in '%s', such as '%s', read as %s and as %s alike; the first is used unless "
            "schema.time_format is set.",
            schema.time,
            label,
            texts.iloc[0],
            decided.date_format,
            decided.rival,
        )
    elif decided.date_format != usual and (usual or decided.date_format not in FORMATS) and decided.reads.any():
        first = read_any_dates(texts[decided.reads].head(1), decided.date_format).iloc[0]
        before = f" and not as {usual}" if usual else ""
        _log.warning(
            "The times '%s' of '%s' are read as %s%s: '%s' is %s; schema.time_format states another notation.",
            schema.time,
            label,
            decided.date_format,
            before,
            texts[decided.reads].iloc[0],
            first,
        )
    return decided.date_format


def _explain_unreadable(cells: pd.Series, label: str, schema: SchemaConfig) -> str:
    texts, _ = count_texts(cells, schema.missing_values)
    found = f"such as '{texts.iloc[0]}'" if len(texts) else "every one of which is missing"
    notations = f"a notation such as %d-%b-%y for 08-AUG-13, %Y%m for 202301, {EPOCH_S}, {EPOCH_MS} or {EXCEL}"
    return (
        f"No cell of the time column '{schema.time}' of '{label}' can be read as a date, {found}; set "
        f"schema.time_format to {notations}, or correct schema.time."
    )


class PartReader:
    """Reads parts and keeps those of the last batch, so that cutting several batches in a row parses a part once."""

    def __init__(self, schema: SchemaConfig, usual: str | None = None) -> None:
        self._schema = schema
        self.usual = usual
        """The notation of the stream's times, once it is known."""
        self._kept: dict[tuple[str, str], OrderedPart] = {}

    def read(self, part: Part) -> OrderedPart:
        """Return ``part`` in time order, from memory where its digest says that it did not change."""
        if part.digest is None:
            return read_part(part, self._schema, self.usual)
        name = part.key, part.digest
        if name not in self._kept:
            self._kept = {kept: ordered for kept, ordered in self._kept.items() if kept[0] != part.key}
            self._kept[name] = read_part(part, self._schema, self.usual)
        return self._kept[name]

    def forget(self, part: Part) -> None:
        """Free the memory of a part that is not needed any more."""
        self._kept = {kept: ordered for kept, ordered in self._kept.items() if kept[0] != part.key}
