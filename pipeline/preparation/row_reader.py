"""Rows of a request without a DataFrame: cell by cell from JSON to what models read.

pandas takes some ten milliseconds to type, clean and engineer one row of thirty columns, more than its models need.
Here a cell is read by itself, as ``common.reading`` reads a column; what needs more than a glance is read by that very
code, once, and remembered.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from pointsman.common.cells.date_notations import ISO
from pointsman.common.cells.notation import Notation
from pointsman.common.cells.numbers import make_pattern
from pointsman.common.config import FeaturesConfig, QualityConfig
from pointsman.common.reading import read_dates, read_level, read_missing_codes, read_numbers
from pointsman.common.rules import check_rules
from pointsman.common.schema import Schema, canonical_level
from pointsman.model_zoo.cells import Cells, Levels
from pointsman.pipeline.preparation.features import FeatureRecipe, resolve_features

T = TypeVar("T")

REMEMBERED = 65_536
"""Distinct texts of each kind that are remembered."""
LONGEST = 100
"""Characters of a text that is remembered; longer ones are rarely met again, and would fill the memory."""

EXACT_DIGITS = 15
"""A number of so many characters is read to the same bits by every reader."""
PLAIN_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
PLAIN_DATE = re.compile(r"(?:17|18|19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?", re.ASCII)
NO_DATE = np.datetime64("NaT", "us")


@dataclass(frozen=True, eq=False)
class TypedRows:
    """Typed and cleaned rows as arrays: numbers (n_rows,) float64, levels, and dates (n_rows,) datetime64[us]."""

    n_rows: int
    numbers: Mapping[str, np.ndarray]
    levels: Mapping[str, Levels]
    dates: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return self.n_rows

    def to_frame(self) -> pd.DataFrame:
        """Return what ``read_inputs`` and ``clean_inputs`` return of the same rows."""
        texts = {
            name: pd.Series([column.known[code] if code >= 0 else None for code in column.codes], dtype="str")
            for name, column in self.levels.items()
        }
        return pd.DataFrame({**self.numbers, **texts, **self.dates}, index=pd.RangeIndex(self.n_rows))

    @classmethod
    def join(cls, parts: "Sequence[TypedRows]") -> "TypedRows":
        """Return rows of the same columns one after another; a table of many requests is then made once."""
        if len(parts) == 1:
            return parts[0]
        first = parts[0]
        return cls(
            sum(one.n_rows for one in parts),
            {name: np.concatenate([one.numbers[name] for one in parts]) for name in first.numbers},
            {name: Levels.join([one.levels[name] for one in parts]) for name in first.levels},
            {name: np.concatenate([one.dates[name] for one in parts]) for name in first.dates},
        )


class RowReader:
    """Reads rows that are mappings of column names to numbers, texts, booleans or None."""

    def __init__(self, schema: Schema, quality: QualityConfig, features: FeaturesConfig) -> None:
        check_rules(quality, schema)
        self.schema, self.quality = schema, quality
        self.recipe: FeatureRecipe = resolve_features(schema, features)
        self._numbers = {name: _find_reader(make_number_reader, schema, name) for name in schema.numeric}
        self._levels = {name: _find_reader(make_level_reader, schema, name) for name in schema.categorical}
        self._dates = {name: _find_reader(make_date_reader, schema, name) for name in schema.dates}

    def read(self, rows: Sequence[Mapping[str, Any]]) -> TypedRows:
        """Return typed and cleaned rows; an absent cell is missing."""
        numbers = {name: self._read_numbers(name, [row.get(name) for row in rows]) for name in self.schema.numeric}
        levels = {name: self._read_levels(name, [row.get(name) for row in rows]) for name in self.schema.categorical}
        dates = {
            name: np.array([read(row.get(name)) for row in rows], dtype="datetime64[us]")
            for name, read in self._dates.items()
        }
        return TypedRows(len(rows), numbers, levels, dates)

    def find_lost(self, rows: Sequence[Mapping[str, Any]], typed: TypedRows) -> list[str]:
        """Return the numeric and date columns with cells that are there and could not be read."""
        numbers = (name for name, cells in typed.numbers.items() if np.isnan(cells).any())
        dates = (name for name, cells in typed.dates.items() if np.isnat(cells).any())
        lost = [name for name in (*numbers, *dates) if self._has_text(name, rows)]
        return [*lost, *(name for name in self._percents if name not in lost and any(name in row for row in rows))]

    @cached_property
    def _percents(self) -> tuple[str, ...]:
        """Columns with percent signs, which a request may leave out."""
        return tuple(name for name in self.schema.numeric if self.schema.notation(name).percent)

    def _has_text(self, name: str, rows: Sequence[Mapping[str, Any]]) -> bool:
        missing, read = self.schema.missing_of(name), self._numbers.get(name) or self._dates[name]
        cells = (row.get(name) for row in rows)
        kinds = (str, int, float) if name in self._dates else str
        return any(
            isinstance(cell, kinds) and str(cell).strip() not in missing and pd.isna(read(cell)) for cell in cells
        )

    def engineer(self, typed: TypedRows) -> Cells:
        """Return the features of typed rows."""
        made = self.recipe.make(typed.numbers, typed.dates)
        numbers = np.stack(list(made.values()), axis=1) if made else np.zeros((typed.n_rows, 0))
        return Cells(tuple(made), numbers, typed.levels)

    def _read_numbers(self, name: str, cells: Sequence[Any]) -> np.ndarray:
        read = self._numbers[name]
        numbers = np.array([read(cell) for cell in cells], dtype=np.float64)
        for low, high in self._ranges.get(name, ()):
            numbers = np.where((numbers < low) | (numbers > high), np.nan, numbers)
        for allowed in self._allowed_numbers.get(name, ()):
            numbers = np.where(np.isin(numbers, allowed), numbers, np.nan)
        return numbers

    def _read_levels(self, name: str, cells: Sequence[Any]) -> Levels:
        known: dict[str, int] = {}
        codes = []
        read, allowed = self._levels[name], self._allowed_levels.get(name)
        for cell in cells:
            level = read(cell)
            if level is None or (allowed is not None and level not in allowed):
                codes.append(-1)
            else:
                codes.append(known.setdefault(level, len(known)))
        return Levels(np.array(codes, dtype=np.intp), tuple(known))

    @cached_property
    def _ranges(self) -> dict[str, list[tuple[float, float]]]:
        ranges: dict[str, list[tuple[float, float]]] = {}
        for rule in self.quality.ranges:
            low = -math.inf if rule.min is None else float(rule.min)
            high = math.inf if rule.max is None else float(rule.max)
            ranges.setdefault(rule.column, []).append((low, high))
        return ranges

    @cached_property
    def _allowed_numbers(self) -> dict[str, list[np.ndarray]]:
        allowed: dict[str, list[np.ndarray]] = {}
        for rule in self.quality.allowed:
            if rule.column in self.schema.numeric:
                numbers = read_numbers(pd.Series(rule.allowed, dtype="object")).to_numpy()
                allowed.setdefault(rule.column, []).append(numbers)
        return allowed

    @cached_property
    def _allowed_levels(self) -> dict[str, frozenset[str]]:
        allowed: dict[str, frozenset[str]] = {}
        for rule in self.quality.allowed:
            if rule.column in self.schema.categorical:
                levels = frozenset(canonical_level(level) for level in rule.allowed)
                allowed[rule.column] = allowed.get(rule.column, levels) & levels
        return allowed


def remember(read: Callable[[str], T]) -> Callable[[str], T]:
    """Return a reader of texts that remembers what the newest short ones were read as."""
    remembered = lru_cache(REMEMBERED)(read)
    return lambda text: remembered(text) if len(text) <= LONGEST else read(text)


def _find_reader(make: Callable[[tuple[str, ...], Notation], T], schema: Schema, name: str) -> T:
    """Return the reader of a column; columns that are written alike share it and what it remembers."""
    return make(schema.missing_of(name), replace(schema.notation(name), missing=(), labels=()))


@lru_cache
def make_number_reader(missing: tuple[str, ...], notation: Notation) -> Callable[[Any], float]:
    """Return what reads a cell as ``read_numbers`` does."""
    codes = read_missing_codes(missing)
    plain = re.compile(make_pattern(notation.decimal, notation.thousands), re.ASCII)

    @remember
    def read_text(text: str) -> float:
        if len(text) <= EXACT_DIGITS and text not in missing:
            if notation.is_plain and PLAIN_NUMBER.fullmatch(text):
                number = float(text)
                return math.nan if number in codes else number
            if not notation.is_plain and plain.fullmatch(text):
                digits = text.replace(notation.thousands, "") if notation.thousands else text
                number = float(digits.replace(notation.decimal, "."))
                return math.nan if number in codes or not math.isfinite(number) else number
        return float(read_numbers(pd.Series([text], dtype="str"), missing, notation).iloc[0])

    def read(cell: Any) -> float:
        if cell is None:
            return math.nan
        if isinstance(cell, str):
            return read_text(cell)
        number = float(cell)
        return number if math.isfinite(number) and number not in codes else math.nan

    return read


@lru_cache
def make_level_reader(missing: tuple[str, ...], notation: Notation) -> Callable[[Any], str | None]:
    """Return what reads a cell as ``read_levels`` does: a level, or None for a missing one."""
    codes = read_missing_codes(missing)

    @remember
    def read_text(text: str) -> str | None:
        return None if text.strip() in missing else read_level(text, notation)

    def read(cell: Any) -> str | None:
        if cell is None or (isinstance(cell, float) and math.isnan(cell)):
            return None
        if isinstance(cell, str):
            return read_text(cell)
        return None if cell in codes else read_text(str(cell))

    return read


@lru_cache
def make_date_reader(missing: tuple[str, ...], notation: Notation) -> Callable[[Any], np.datetime64]:
    """Return what reads a cell as ``read_dates`` does."""
    any_notation = notation.date_format in (None, ISO)

    @remember
    def read_text(text: str) -> np.datetime64:
        if any_notation and PLAIN_DATE.fullmatch(text) and text not in missing:
            with suppress(ValueError):
                return np.datetime64(text.replace(" ", "T"), "us")
        read = read_dates(pd.Series([text], dtype="str"), notation.date_format, missing, notation.latest_year)
        return np.datetime64(read.to_numpy(dtype="datetime64[us]")[0], "us")

    def read(cell: Any) -> np.datetime64:
        if cell is None:
            return NO_DATE
        return read_text(cell if isinstance(cell, str) else str(cell).removesuffix(".0"))

    return read
