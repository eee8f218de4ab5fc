"""Sketches: how the inputs of one batch are spread, small enough to be kept for good and counted in any bins later."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.common.errors import DataError
from pointsman.common.schema import Schema
from pointsman.pipeline.drift.bins import LevelBins, NumericBins
from pointsman.pipeline.drift.reference import list_compared

PROTOCOL = 1

MOST_NUMBERS = 1_000
"""Of more known numbers, this many evenly spaced ones in order of size are kept: shares are then right to 0.1 %."""
MOST_LEVELS = 1_000
"""Levels that are kept by name, the most frequent ones; the others are only counted together."""


@dataclass(frozen=True)
class NumberSketch:
    """Numbers of a column: how many are ``known``, and some of them sorted, each standing for as many as another."""

    known: int
    numbers: tuple[float, ...]


@dataclass(frozen=True)
class LevelSketch:
    """Levels of a column with their counts; ``others`` cells hold levels that are not listed."""

    levels: Mapping[str, int]
    others: int


@dataclass(frozen=True)
class Sketch:
    """A batch of ``rows`` rows, column by column. Dates are days after the row's own time."""

    rows: int
    columns: Mapping[str, NumberSketch | LevelSketch]

    def to_bytes(self) -> bytes:
        """Return the sketch as canonical JSON, compressed."""
        columns = {
            name: [one.known, list(one.numbers)] if isinstance(one, NumberSketch) else [one.others, dict(one.levels)]
            for name, one in self.columns.items()
        }
        described = {"protocol": PROTOCOL, "rows": self.rows, "columns": columns}
        return zlib.compress(json.dumps(described, allow_nan=False).encode())

    @classmethod
    def from_bytes(cls, content: bytes) -> "Sketch":
        """Return the sketch that ``to_bytes`` described; DataError for a protocol that is not known."""
        stored = json.loads(zlib.decompress(content))
        if stored["protocol"] != PROTOCOL:
            raise DataError(
                f"The sketch of a batch has protocol {stored['protocol']} and this release reads {PROTOCOL}; open the "
                "state with the release that wrote it."
            )
        columns = {
            name: LevelSketch(cells, count) if isinstance(cells, dict) else NumberSketch(count, tuple(cells))
            for name, (count, cells) in stored["columns"].items()
        }
        return cls(stored["rows"], columns)


def sketch_inputs(inputs: pd.DataFrame, schema: Schema) -> Sketch:
    """Return the sketch of (n_rows, n_inputs) typed inputs; the order of the rows does not matter."""
    return Sketch(
        len(inputs),
        {
            name: _sketch_levels(cells) if role == "categorical" else _sketch_numbers(cells)
            for name, role, cells in list_compared(inputs, schema)
        },
    )


def count_in_bins(sketch: NumberSketch | LevelSketch, bins: NumericBins | LevelBins, rows: int) -> np.ndarray:
    """Return how many cells of a batch of ``rows`` rows fall into each bin, shape (n_bins,); not all are whole numbers.

    Levels that the sketch does not list by name count as rare ones.
    """
    if isinstance(sketch, LevelSketch) and isinstance(bins, LevelBins):
        counts = np.zeros(len(bins.labels))
        places = {level: place for place, level in enumerate(bins.frequent)}
        rare, n_frequent = set(bins.rare), len(bins.frequent)
        for level, count in sketch.levels.items():
            counts[places.get(level, n_frequent if level in rare else n_frequent + 1)] += count
        counts[n_frequent] += sketch.others
        known = float(counts.sum())
    elif isinstance(sketch, NumberSketch) and isinstance(bins, NumericBins):
        found = bins.count(pd.Series(sketch.numbers, dtype="float64")).astype("float64")
        counts = found * (sketch.known / max(1, len(sketch.numbers)))
        known = float(sketch.known)
    else:
        raise DataError("A sketch of numbers cannot be counted in bins of levels; the column changed its type.")
    counts[-1] = rows - known  # the sum of shares is off by rounding, and a count below 0 has no distance
    return counts


def _sketch_numbers(cells: pd.Series) -> NumberSketch:
    known = np.sort(cells.dropna().to_numpy(dtype="float64"))
    places = ((np.arange(MOST_NUMBERS) + 0.5) * len(known) / MOST_NUMBERS).astype(int)
    kept = known if len(known) <= MOST_NUMBERS else known[places]
    return NumberSketch(len(known), tuple(kept.tolist()))


def _sketch_levels(cells: pd.Series) -> LevelSketch:
    counts = cells.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    kept = counts.head(MOST_LEVELS)
    return LevelSketch({str(level): int(count) for level, count in kept.items()}, int(counts.sum() - kept.sum()))
