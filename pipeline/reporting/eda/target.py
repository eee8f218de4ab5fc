"""The target of a table: its level, over time and by batch, and how it goes with each input."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from pointsman.common.task import Task
from pointsman.pipeline.reporting.formats import format_date, format_number

BLOCKS = 24
LEAST_BLOCK = 20
"""Rows of a table are put into up to BLOCKS blocks of time with at least this many rows each."""

GROUPS = 8
"""Numbers and dates are put into this many groups of equal size; of the levels, as many are told apart."""

MISSING, OTHER = "missing", "other levels"


@dataclass(frozen=True, eq=False)
class TargetFigure:
    """The known answers of a table's rows.

    shown:  (n_rows, n_shown) what is averaged: the numbers, whether a row is positive, or a column for each class; NaN
            in rows whose label is not known
    names:  (n_shown,) what each column is called
    """

    task: Task
    shown: np.ndarray
    names: tuple[str, ...]


@dataclass(frozen=True)
class Level:
    """The target's level in a block of rows: ``rows`` in all, ``unknown`` without label, one mean for each name."""

    label: str
    rows: int
    unknown: int
    means: tuple[float, ...]
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class ColumnRelation:
    """One input against the target. ``explained`` is None where the target or the input does not vary."""

    column: str
    explained: float | None
    groups: tuple[Level, ...]


def code_target(labels: pd.Series, task: Task, classes: Sequence[str]) -> TargetFigure:
    """Return the target of labels (n_rows,) as ``read_labels`` gives them; a label that is not a class is unknown."""
    if not task.is_classification:
        return TargetFigure(task, labels.to_numpy(dtype="float64")[:, None], ("mean",))
    known = labels.isin(list(classes)).to_numpy()
    told = classes[-1:] if len(classes) == 2 else classes
    shown = np.column_stack([labels.eq(name).fillna(False).to_numpy(dtype="float64") for name in told])
    shown[~known] = np.nan
    return TargetFigure(task, shown, tuple(told))


def compute_level(target: TargetFigure, rows: np.ndarray, label: str, times: pd.Series | None = None) -> Level:
    """Return the target's level in some rows, by position; NaN where no label is known."""
    shown = target.shown[rows]
    known = ~np.isnan(shown[:, 0])
    means = shown[known].mean(axis=0) if known.any() else np.full(len(target.names), np.nan)
    moments = pd.Series(dtype="datetime64[us]") if times is None else times.iloc[rows].dropna()
    start, end = (moments.min(), moments.max()) if len(moments) else (None, None)
    return Level(label, len(rows), int((~known).sum()), tuple(means.tolist()), start, end)


def compute_course(target: TargetFigure, times: pd.Series) -> tuple[Level, ...]:
    """Return the level in blocks of time of equal size, oldest first; rows without a time are left out."""
    order = np.argsort(times.to_numpy(), kind="stable")[: int(times.notna().sum())]
    blocks = max(1, min(BLOCKS, len(order) // LEAST_BLOCK))
    return tuple(
        compute_level(target, rows, str(place + 1), times)
        for place, rows in enumerate(np.array_split(order, blocks))
        if len(rows)
    )


def join_levels(levels: Sequence[Level]) -> Level:
    """Return the level of all rows of several blocks."""
    known = np.array([level.rows - level.unknown for level in levels])
    means = np.array([level.means for level in levels])[known > 0]
    joined = known[known > 0] @ means / known.sum() if known.any() else np.full(len(levels[0].means), np.nan)
    rows, unknown = sum(level.rows for level in levels), sum(level.unknown for level in levels)
    return Level("", rows, unknown, tuple(joined.tolist()))


def compute_relation(column: str, cells: pd.Series, target: TargetFigure) -> ColumnRelation:
    """Return how the target's level differs between groups of an input's cells (n_rows,).

    ``explained`` is the share of the target's variance that lies between the groups, less what chance puts there (the
    adjusted correlation ratio); for classes the variances of their indicators are summed (Goodman & Kruskal's tau).
    """
    codes, labels = group_cells(cells)
    groups = tuple(compute_level(target, np.flatnonzero(codes == code), label) for code, label in enumerate(labels))
    return ColumnRelation(column, _compute_explained(codes, target.shown), groups)


def compute_relations(table: pd.DataFrame, target: TargetFigure) -> tuple[ColumnRelation, ...]:
    """Return the relation of every column of a typed table (n_rows, n_columns), the closest first."""
    relations = [compute_relation(str(name), table[name], target) for name in table]
    return tuple(sorted(relations, key=lambda one: -1.0 if one.explained is None else one.explained, reverse=True))


def group_cells(cells: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Return the group of every cell (n_rows,) and the groups' names; missing cells are a group of their own."""
    if pd.api.types.is_numeric_dtype(cells) or pd.api.types.is_datetime64_any_dtype(cells):
        known, names = _group_ordered(cells)
    else:
        known, names = _group_levels(cells)
    missing = cells.isna().to_numpy()
    codes = np.where(missing, len(names), known)
    return codes, [*names, MISSING] if missing.any() else names


def _group_ordered(cells: pd.Series) -> tuple[np.ndarray, list[str]]:
    distinct = np.sort(cells.dropna().unique())
    if len(distinct) <= GROUPS:
        return np.searchsorted(distinct, cells.to_numpy()), [_say(cell) for cell in distinct]
    ordered = np.sort(cells.dropna().to_numpy())
    places = np.ceil(np.arange(1, GROUPS) / GROUPS * len(ordered)).astype(int) - 1
    upper = np.unique(ordered[places])
    upper = upper[upper < ordered[-1]]  # each group holds its upper edge
    codes = np.searchsorted(upper, cells.to_numpy(), side="left")
    names = [f"≤ {_say(edge)}" for edge in upper]
    if upper[0] == ordered[0]:
        names[0] = _say(upper[0])
    return codes, [*names, f"> {_say(upper[-1])}"]


def _group_levels(cells: pd.Series) -> tuple[np.ndarray, list[str]]:
    counts = cells.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    names = [str(level) for level in counts.index]
    if len(names) > GROUPS:
        names = [*names[: GROUPS - 1], OTHER]
    places = {name: place for place, name in enumerate(names)}
    return cells.map(places).fillna(len(names) - 1).to_numpy(dtype="int64"), names


def _say(cell: object) -> str:
    if isinstance(cell, np.datetime64):
        return format_date(pd.Timestamp(cell).date())
    return format_number(float(str(cell)))


def _compute_explained(codes: np.ndarray, shown: np.ndarray) -> float | None:
    known = ~np.isnan(shown[:, 0])
    codes, shown = codes[known], shown[known]
    groups = len(np.unique(codes))
    spread = float(((shown - shown.mean(axis=0)) ** 2).sum()) if len(shown) else 0.0
    if groups < 2 or groups >= len(shown) or spread <= 0:
        return None
    within = sum(_spread_of(shown[codes == code]) for code in np.unique(codes))
    return max(0.0, 1 - within / spread * (len(shown) - 1) / (len(shown) - groups))


def _spread_of(shown: np.ndarray) -> float:
    return float(((shown - shown.mean(axis=0)) ** 2).sum())
