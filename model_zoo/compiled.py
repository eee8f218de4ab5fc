"""Fitted preprocessing as tables and arrays: what scikit-learn's transformers make of rows, to the bit.

A ColumnTransformer spends nine tenths of a one-row prediction on checks of its input. Each variant works column
by column, so what it makes of a level is a row of a table, found by asking the fitted transformer once about each level
that it may know, one it cannot know and a missing one; numbers are filled, scaled and marked as missing by its own
parameters. Its own answers to seeded rows of its training are the check.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from pointsman.model_zoo.cells import Levels
from pointsman.model_zoo.encoded import LARGEST
from pointsman.model_zoo.spelling import Spelling

CLIP = 10.0
"""Scaled values are held within this many standard deviations, so that one absurd cell cannot blow up a product."""


@dataclass(frozen=True, eq=False)
class Scaled:
    """Numbers that are filled, marked and scaled.

    fills:      (n_numeric,) what stands for a missing cell
    indicators: (n_marked,) positions of columns with one more column, which is 1 where the cell was missing
    mean, scale: (n_numeric + n_marked,)
    """

    fills: np.ndarray
    indicators: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    def apply(self, numbers: np.ndarray) -> np.ndarray:
        """Return what (n_rows, n_numeric) numbers become: (n_rows, n_numeric + n_marked)."""
        missing = np.isnan(numbers)
        filled = np.where(missing, self.fills, numbers)
        if len(self.indicators):
            filled = np.concatenate([filled, missing[:, self.indicators]], axis=1)
        return np.clip((filled - self.mean) / self.scale, -CLIP, CLIP)


@dataclass(frozen=True, eq=False)
class LevelTable:
    """What the levels of one column become.

    known: levels that are encoded differently from unknown ones
    rows:  (n_known,) the row of each in ``table``
    table: (n_distinct, n_encoded) float32; the first row is for unknown levels, the second for missing cells
    spelling: encodes unknown levels, where that depends on how they are spelled
    """

    known: tuple[str, ...]
    rows: np.ndarray
    table: np.ndarray
    spelling: Spelling | None = None

    @cached_property
    def _places(self) -> dict[str, int]:
        return dict(zip(self.known, self.rows.tolist(), strict=True))

    def look_up(self, levels: Levels) -> np.ndarray:
        """Return what the rows of a column become: (n_rows, n_encoded) float32, or (n_encoded,) of one row."""
        if len(levels.codes) == 1 and self.spelling is None:
            code = levels.codes[0]
            return self.table[1 if code < 0 else self._places.get(levels.known[code], 0)]
        found = [self._places.get(level, 0) for level in levels.known]
        table = self.table
        if self.spelling is not None and 0 in found:
            unknown = [place for place, row in enumerate(found) if row == 0]
            spelled = self.spelling.spell([levels.known[place] for place in unknown])
            for row, place in enumerate(unknown, start=len(table)):
                found[place] = row
            table = np.concatenate([table, bound(spelled)])
        found.append(1)  # -1, the code of a missing cell, is the last place
        return table[np.array(found)[levels.codes]]


@dataclass(frozen=True, eq=False)
class Compiled:
    """A fitted variant: its ``numbers``, None where they pass as they are, then a table for each column of levels.

    names:   of the encoded columns
    origins: the feature behind each of them
    stages:  names of the transformers that it was made of
    """

    numbers: Scaled | None
    levels: tuple[LevelTable, ...]
    names: tuple[str, ...]
    origins: tuple[str, ...]
    stages: tuple[str, ...]

    def encode(self, numbers: np.ndarray, levels: Sequence[Levels]) -> np.ndarray:
        """Return encoded rows (n_rows, n_encoded) float32 from their numbers (n_rows, n_numeric) and level columns."""
        # a number larger than an encoded table holds would overflow
        held = np.clip(numbers, -float(LARGEST), float(LARGEST))
        scaled = self.numbers.apply(held) if self.numbers is not None else held
        encoded = np.empty((len(numbers), len(self.names)), dtype=np.float32)
        end = scaled.shape[1]
        encoded[:, :end] = scaled
        for table, column in zip(self.levels, levels, strict=True):
            start, end = end, end + table.table.shape[1]
            encoded[:, start:end] = table.look_up(column)
        return encoded

    def list_arrays(self) -> dict[str, np.ndarray]:
        """Return every array by a name; those of all level tables are one, since reading each array has a cost."""
        arrays = {f"numbers.{name}": array for name, array in vars(self.numbers).items()} if self.numbers else {}
        if self.levels:
            arrays["levels.rows"] = np.concatenate([table.rows for table in self.levels])
            arrays["levels.tables"] = np.concatenate([table.table.ravel() for table in self.levels])
            arrays["levels.shapes"] = np.array([table.table.shape for table in self.levels], dtype=np.int64)
        for place, table in enumerate(self.levels):
            if table.spelling is not None:
                arrays |= {f"spelling.{place}.{name}": one for name, one in table.spelling.list_arrays().items()}
        return arrays

    def to_json(self) -> dict[str, Any]:
        """Return everything but the arrays as JSON types."""
        spelled = [None if table.spelling is None else table.spelling.grams for table in self.levels]
        return {
            "names": self.names,
            "origins": self.origins,
            "stages": self.stages,
            "grams": spelled,
            "known": [table.known for table in self.levels],
            "scaled": self.numbers is not None,
        }

    @classmethod
    def build(cls, described: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Compiled":
        """Return what ``to_json`` and ``list_arrays`` described; ValueError where they do not fit together."""
        numbers = None
        if described["scaled"]:
            numbers = Scaled(**{one.name: arrays[f"numbers.{one.name}"] for one in fields(Scaled)})
        names, origins, stages = (tuple(described[name]) for name in ("names", "origins", "stages"))
        return cls(numbers, _build_tables(described["known"], described["grams"], arrays), names, origins, stages)


def _build_tables(
    known: Sequence[Sequence[str]], spelled: Sequence[Sequence[str] | None], arrays: Mapping[str, np.ndarray]
) -> tuple[LevelTable, ...]:
    """Return the tables of columns with ``known`` levels, of which some are ``spelled`` in n-grams."""
    if not known:
        return ()
    shapes, cells, rows = (arrays[f"levels.{name}"] for name in ("shapes", "tables", "rows"))
    fits = shapes.shape == (len(known), 2) and bool((shapes >= 0).all())
    ends, counts = np.cumsum(shapes.prod(axis=-1)), np.cumsum([len(levels) for levels in known])
    if not fits or len(cells) != ends[-1] or len(rows) != counts[-1]:
        raise ValueError("a stored encoder has tables that do not fit together")
    tables = []
    parts = zip(known, spelled, np.split(rows, counts[:-1]), np.split(cells, ends[:-1]), shapes.tolist(), strict=True)
    for place, (levels, grams, own, table, shape) in enumerate(parts):
        # Two rows at least: those for unknown levels and for missing cells.
        if shape[0] < 2 or (len(own) and not 0 <= own.min() <= own.max() < shape[0]):
            raise ValueError("a stored encoder leads out of its own tables")
        prefix = f"spelling.{place}."
        of_grams = {name.removeprefix(prefix): one for name, one in arrays.items() if name.startswith(prefix)}
        spelling = None if grams is None else Spelling.build(tuple(grams), of_grams)
        tables.append(LevelTable(tuple(levels), own, table.reshape(shape), spelling))
    return tuple(tables)


def bound(encoded: np.ndarray) -> np.ndarray:
    """Return encoded cells as float32 within CLIP."""
    return np.clip(np.asarray(encoded, dtype=np.float64), -CLIP, CLIP).astype(np.float32)
