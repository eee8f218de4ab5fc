"""What the checks look at: a batch as it came, as it was read and as it was cleaned, the past, and what follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from pointsman.common.adaptation import CellChange, find_far_cells
from pointsman.common.config import Config, OrderRule
from pointsman.common.reading import encode_target, find_missing, read_labels
from pointsman.common.records import RawBatch
from pointsman.common.schema import Schema, find_strangers
from pointsman.pipeline.quality.associations import ItemTable
from pointsman.pipeline.quality.fingerprints import ColumnLevels, digest_rows, list_levels
from pointsman.pipeline.quality.past import QualityPast
from pointsman.pipeline.quality.pooling import LabelledRows, Pool, widen_rows
from pointsman.pipeline.quality.thresholds import LearnedThresholds, choose_threshold


@dataclass(frozen=True, eq=False)
class CheckedBatch:
    """A batch under examination. Every mask is (n_rows,) bool by row position in the raw batch.

    ``put_aside`` are rows that checks of severity 'quarantine' found at fault, by their reason; ``changes`` are the
    columns that are written differently from the stream's; ``schema`` has the notations of this batch.
    """

    raw: RawBatch
    inputs: pd.DataFrame
    cleaned: pd.DataFrame
    schema: Schema
    config: Config
    past: QualityPast = field(default_factory=QualityPast)
    put_aside: Mapping[str, np.ndarray] = field(default_factory=dict)
    changes: tuple[CellChange, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of the raw batch."""
        return len(self.raw)

    @property
    def name(self) -> str:
        """The batch in messages."""
        return f"batch {self.raw.number}"

    def threshold(self, key: str) -> float | LearnedThresholds:
        """Return the share that has to pass by a key of the quality section."""
        return choose_threshold(self.config.quality, key)

    def present(self, columns: tuple[str, ...]) -> list[str]:
        """Return those of ``columns`` that the raw batch has."""
        return [name for name in columns if name in self.raw.frame]

    @property
    def strangers(self) -> list[str]:
        """Columns of the raw batch that the stream does not know."""
        return find_strangers(self.raw.frame.columns, self.schema)

    @property
    def other_dates(self) -> tuple[str, ...]:
        """Date inputs besides the time of the row."""
        return tuple(name for name in self.schema.dates if name != self.schema.time)

    @cached_property
    def missing(self) -> dict[str, np.ndarray]:
        """Which raw cells hold nothing, for every input that the batch has; a date beyond reach counts as nothing."""
        frame, schema = self.raw.frame, self.schema
        missing = {
            name: find_missing(frame[name], schema.missing_of(name)).to_numpy(dtype=bool)
            for name in self.present(schema.inputs)
        }
        return {name: cells | self.far[name] if name in self.far else cells for name, cells in missing.items()}

    @cached_property
    def far(self) -> dict[str, np.ndarray]:
        """Which cells of the date inputs besides the time are dates beyond reach, where there are any."""
        found = {
            name: find_far_cells(self.raw.frame[name], name, self.schema)
            for name in self.present(self.other_dates)
            if self.inputs[name].isna().any()
        }
        return {name: far for name, far in found.items() if far.any()}

    @cached_property
    def unreadable(self) -> dict[str, np.ndarray]:
        """Which raw cells hold something that is not of the column's type, for every input that the batch has."""
        return {name: ~missing & self.inputs[name].isna().to_numpy() for name, missing in self.missing.items()}

    def count_known(self, column: str) -> int:
        """Return in how many rows an input that the batch has is not missing."""
        return int((~self.missing[column]).sum())

    @cached_property
    def target(self) -> np.ndarray:
        """Targets (n_rows,) as class codes or numbers; NaN where the label is missing or unknown."""
        return encode_target(read_labels(self.raw.frame[self.schema.target], self.schema), self.schema)

    @cached_property
    def target_missing(self) -> np.ndarray:
        """Rows without a label, unless ``schema.missing_target`` says what that means."""
        if self.schema.missing_target is not None:
            return np.zeros(self.rows, dtype=bool)
        texts = self.schema.missing_of(self.schema.target)
        return find_missing(self.raw.frame[self.schema.target], texts).to_numpy(dtype=bool)

    @cached_property
    def target_unknown(self) -> np.ndarray:
        """Rows that have a label which is not a known class, or not a number."""
        return np.isnan(self.target) & ~self.target_missing

    @cached_property
    def labelled(self) -> Pool:
        """Rows with a usable label: those of this batch and, for checks that need more, those of batches before it."""
        rows, names = np.flatnonzero(~np.isnan(self.target)), self.present(self.schema.inputs)
        own = LabelledRows(
            self.name,
            self.inputs[names].iloc[rows],
            pd.DataFrame({name: self.missing[name][rows] for name in names}),
            self.raw.times.iloc[rows],
            self.target[rows],
        )
        return Pool(widen_rows(self.raw.number, own, self.past.read_earlier))

    @cached_property
    def time_unreadable(self) -> np.ndarray:
        """Rows without a known time."""
        return self.raw.times.isna().to_numpy()

    @cached_property
    def copies(self) -> np.ndarray:
        """Rows that repeat an earlier one cell by cell."""
        return self.raw.frame.duplicated().to_numpy()

    @cached_property
    def digests(self) -> np.ndarray:
        """A digest (n_rows,) uint64 of each row: its id, inputs as read, time and target."""
        ids = self.raw.frame.get(self.schema.id) if self.schema.id else None
        return digest_rows(self.inputs, self.raw.times, self.target, ids)

    @cached_property
    def levels(self) -> dict[str, ColumnLevels]:
        """The levels of every categorical input that the batch has."""
        return {name: list_levels(self.inputs[name]) for name in self.present(self.schema.categorical)}

    @cached_property
    def items(self) -> ItemTable:
        """What association rules look at: the cleaned cells."""
        return ItemTable(self.cleaned)

    def operand(self, column: str) -> pd.Series:
        """Return the cells of a column that an order rule names, after cleaning: dates or numbers."""
        if column == self.schema.time:
            return self.raw.times.reset_index(drop=True)
        return self.cleaned[column].reset_index(drop=True)

    def find_disordered(self, rule: OrderRule) -> np.ndarray:
        """Return which rows have ``rule.later`` before ``rule.earlier``; a missing cell breaks no order."""
        return (self.operand(rule.later) < self.operand(rule.earlier)).to_numpy()
