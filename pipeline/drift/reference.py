"""The drift reference: how the rows that models were trained on are spread, against which later rows are held."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from pointsman.common.errors import DataError
from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema
from pointsman.pipeline.drift.bins import LevelBins, NumericBins, fit_level_bins, fit_numeric_bins
from pointsman.pipeline.quality.profile import compute_finite, sort_known

PROTOCOL = 1
SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True)
class ColumnReference:
    """One column of the reference: its bins, the rows in each, and (of numbers) the mean.

    ``expected`` are the rows in each bin of as many fresh rows: by chance some have a level (or an extreme number) that
    the reference lacks, about as many as there are levels that a single row of it has (Good 1953).
    """

    role: str
    bins: NumericBins | LevelBins
    counts: tuple[int, ...]
    expected: tuple[float, ...]
    mean: float | None = None


@dataclass(frozen=True)
class Reference:
    """How ``rows`` rows are spread, column by column. Dates are measured from ``time``, the row's own time."""

    rows: int
    time: str
    columns: Mapping[str, ColumnReference]

    def to_json(self) -> bytes:
        """Return the reference as canonical JSON."""
        columns = {name: asdict(column) for name, column in self.columns.items()}
        described = {"protocol": PROTOCOL, "rows": self.rows, "time": self.time, "columns": columns}
        return json.dumps(described, allow_nan=False).encode()

    @classmethod
    def from_json(cls, content: bytes) -> "Reference":
        """Return the reference that ``to_json`` described; DataError for a protocol that is not known."""
        described = json.loads(content)
        if described["protocol"] != PROTOCOL:
            raise DataError(
                f"The drift reference has protocol {described['protocol']} and this release reads {PROTOCOL}; open the "
                "state with the release that wrote it."
            )
        columns = {name: _read_column(stored) for name, stored in described["columns"].items()}
        return cls(described["rows"], described["time"], columns)


def fit_reference(inputs: pd.DataFrame, schema: Schema) -> Reference:
    """Learn the reference from (n_rows, n_inputs) typed inputs; DataError where there is no row.

    A date is taken as days after the row's time: dates themselves move on with every batch. The time itself is left
    out, as are all dates where it is not an input.
    """
    if inputs.empty:
        raise DataError("A drift reference needs rows and columns and was given none; train on a batch first.")
    columns = {
        name: _fit_levels(cells) if role == "categorical" else _fit_numbers(role, cells)
        for name, role, cells in list_compared(inputs, schema)
    }
    return Reference(len(inputs), schema.time, columns)


def list_compared(inputs: pd.DataFrame, schema: Schema) -> Iterator[tuple[str, str, pd.Series]]:
    """Yield name, role and cells of every column that is compared."""
    for name in schema.numeric:
        yield name, "numeric", inputs[name]
    for name in schema.categorical:
        yield name, "categorical", inputs[name]
    for name in schema.dates if schema.time in schema.dates else ():
        if name != schema.time:
            yield name, "date", compute_days_after(inputs, name, schema.time)


def read_column(inputs: pd.DataFrame, name: str, reference: Reference) -> pd.Series:
    """Return the cells that are compared: numbers, levels, or days after the row's time."""
    if reference.columns[name].role == "date":
        return compute_days_after(inputs, name, reference.time)
    return inputs[name]


def compute_days_after(inputs: pd.DataFrame, name: str, time: str) -> pd.Series:
    """Return the days from a row's time to its date, NaN where either is missing."""
    return (inputs[name] - inputs[time]).dt.total_seconds() / SECONDS_A_DAY


def compute_mean(cells: pd.Series) -> float | None:
    """Return the mean of the known cells, or None where there is none or it overflows."""
    known = sort_known(cells)
    return compute_finite(known.mean) if len(known) else None


def _fit_numbers(role: str, cells: pd.Series) -> ColumnReference:
    lowest, highest = cells == cells.min(), cells == cells.max()
    lone = cells[(lowest & (lowest.sum() == 1)) | (highest & (highest.sum() == 1))]
    return _fit_column(role, fit_numeric_bins(cells), cells, lone, compute_mean(cells))


def _fit_levels(cells: pd.Series) -> ColumnReference:
    lone = cells[cells.notna() & ~cells.duplicated(keep=False)]
    return _fit_column("categorical", fit_level_bins(cells), cells, lone)


def _fit_column(
    role: str, bins: NumericBins | LevelBins, cells: pd.Series, lone: pd.Series, mean: float | None = None
) -> ColumnReference:
    counts = bins.count(cells)
    expected = (counts - bins.count(lone)).astype("float64")
    expected[list(bins.unseen)] += len(lone) / len(bins.unseen)
    return ColumnReference(role, bins, tuple(counts.tolist()), tuple(expected.tolist()), mean)


def _read_column(stored: dict[str, Any]) -> ColumnReference:
    kind = LevelBins if stored["role"] == "categorical" else NumericBins
    bins = kind(**{name: tuple(cells) for name, cells in stored["bins"].items()})
    lists = {name: tuple(stored[name]) for name in ("counts", "expected")}
    return ColumnReference(**{**stored, **lists, "bins": bins})


def describe_window(schema: Schema, window: Sequence[LabelledBatch]) -> Reference:
    """Return the drift reference: how the inputs of the window are spread."""
    types = dict.fromkeys(schema.categorical, "str")
    return fit_reference(pd.concat([one.inputs for one in window], ignore_index=True).astype(types), schema)
