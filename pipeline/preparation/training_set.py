"""The rows that models learn from: the newest ones of the stored batches, in the order in which they arrived."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from pointsman.common.kept import Kept
from pointsman.common.task import Task
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.fitting import PreparedRows, find_params, fit_prepared, prepare_rows
from pointsman.model_zoo.model import Model
from pointsman.registry.versions import LearnedBatch

COVERED = 2
"""With one round alone a part of a season cannot be told from anything else that was new at its time."""


@dataclass(frozen=True)
class TrainingRows:
    """Features (n_rows, n_features), targets, times and batch numbers (n_rows,) of consecutive rows, oldest first.

    seasons: features that say where in a season a row lies, with the season's length in days
    proven:  seasons that are learned though history has not covered them, since folds show that they help
    excluded: features that no model learns, since folds show that they harm
    """

    features: pd.DataFrame
    target: np.ndarray
    times: pd.Series
    batches: np.ndarray
    seasons: Mapping[str, float] = field(default_factory=dict)
    proven: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.target)

    @property
    def first_batch(self) -> int:
        """The oldest batch that has a row here."""
        return int(self.batches[0])

    @property
    def last_batch(self) -> int:
        """The newest batch that has a row here."""
        return int(self.batches[-1])

    @property
    def covered(self) -> pd.DataFrame:
        """What models learn: no excluded feature, and seasons only if the rows went through them COVERED times."""
        days = (self.times.iloc[-1] - self.times.iloc[0]) / pd.Timedelta(days=1)
        hidden = {
            name
            for name, season in self.seasons.items()
            if days < COVERED * season or self.features[name].nunique() < 2
        }
        return self.features.drop(columns=sorted((hidden - self.proven) | self.excluded))

    def take(self, rows: np.ndarray) -> "TrainingRows":
        """Return some of the rows, by position or by mask."""
        return replace(
            self,
            features=self.features.loc[rows].reset_index(drop=True),
            target=self.target[rows],
            times=self.times.loc[rows].reset_index(drop=True),
            batches=self.batches[rows],
        )

    def last(self, n_batches: int | None) -> "TrainingRows":
        """Return the rows of the ``n_batches`` newest batches; None means all."""
        if n_batches is None:
            return self
        newest = np.unique(self.batches)[-n_batches:]
        return self.take(np.isin(self.batches, newest))

    def after(self, batch: int) -> "TrainingRows":
        """Return the rows of the batches that came after one."""
        return self.take(self.batches > batch)

    def newest(self, n_rows: int) -> "TrainingRows":
        """Return the ``n_rows`` newest rows."""
        return self if len(self) <= n_rows else self.take(np.arange(len(self) - n_rows, len(self)))


def join_rows(
    batches: Sequence[tuple[int, pd.DataFrame, np.ndarray, pd.Series]],
    max_rows: int,
    seasons: Mapping[str, float] | None = None,
) -> TrainingRows:
    """Join (number, features, target, times) of batches, oldest first, and keep the newest ``max_rows`` rows.

    Older batches are cut first; the newest one only where it alone is longer.
    """
    kept: list[tuple[int, pd.DataFrame, np.ndarray, pd.Series]] = []
    room = max_rows
    for number, features, target, times in reversed(batches):
        if room <= 0:
            break
        kept.append((number, features.tail(room), target[-room:], times.tail(room)))
        room -= len(target)
    kept.reverse()
    features = pd.concat([part[1] for part in kept], ignore_index=True)
    text = {name: "str" for name in features if not pd.api.types.is_numeric_dtype(features[name])}
    return TrainingRows(
        features=features.astype(text),
        target=np.concatenate([part[2] for part in kept]),
        times=pd.concat([part[3] for part in kept], ignore_index=True),
        batches=np.repeat([part[0] for part in kept], [len(part[2]) for part in kept]),
        seasons=seasons or {},
    )


KEPT_BYTES = 256 * 2**20
"""Bytes that the encodings of rows that are kept for more candidates, all but the newest, may take."""


def fit_in_memory(prepared: Collection[PreparedRows]) -> bool:
    """Return whether so many encodings of rows may be kept."""
    return sum(one.table.values.nbytes for one in prepared) <= KEPT_BYTES


@dataclass(frozen=True)
class TrainingSet:
    """What models are fitted on: rows up to the newest, the task and its classes. ``gap`` is the delay of labels."""

    rows: TrainingRows
    task: Task
    classes: tuple[str, ...]
    seed: int
    threads: int
    gap: str = "0s"
    _prepared: Kept[PreparedRows] = field(default_factory=lambda: Kept(fit_in_memory), repr=False, compare=False)

    def fit(self, candidate: Candidate, rows: TrainingRows) -> Model:
        """Return the candidate fitted on its window of some of the rows, oldest first."""
        return self.fit_prepared(candidate, self.prepare(candidate, rows))

    def fit_prepared(self, candidate: Candidate, rows: PreparedRows) -> Model:
        """Return the candidate fitted on rows that were prepared for it."""
        return fit_prepared(candidate, rows, self.task, self.classes, self.seed, self.threads)

    def prepare(self, candidate: Candidate, rows: TrainingRows) -> PreparedRows:
        """Return the candidate's window of some rows, oldest first, treated and encoded as it learns them.

        They are kept for other candidates of the same variant and treatment.
        """
        learn = rows.last(candidate.window)
        features = learn.covered
        treatment = (candidate.variant, candidate.masked, candidate.guarded, *features.columns)
        key = (*treatment, len(learn), learn.first_batch, learn.last_batch)
        return self._prepared.get(key, lambda: prepare_rows(candidate, features, learn.target, self.task, self.seed))

    def find_params(self, candidate: Candidate, rows: TrainingRows) -> Candidate:
        """Return the candidate with parameters that its family finds (rounds, leaves) on its window of some rows."""
        prepared = self.prepare(candidate, rows)
        return find_params(candidate, prepared, self.task, len(self.classes), self.seed, self.threads)

    @cached_property
    def digests(self) -> tuple[LearnedBatch, ...]:
        """Number and digest of each batch's rows."""
        return digest_batches(self.rows)


def digest_batches(rows: TrainingRows) -> tuple[LearnedBatch, ...]:
    """Return for each batch, oldest first, how many of the rows are of it and the SHA-256 of exactly those.

    It covers names and cells of all features, the targets and the times, in the order of the rows.
    """
    columns = [_prepare(rows.features[name]) for name in rows.features]
    numbers = [np.ascontiguousarray(rows.target, dtype="<f8"), rows.times.to_numpy("datetime64[ns]").astype("<i8")]
    header = json.dumps([str(name) for name in rows.features]).encode()
    learned = []
    for number in np.unique(rows.batches):
        mine = np.flatnonzero(rows.batches == number)
        digest = hashlib.sha256(header)
        for cells in [*columns, *numbers]:
            digest.update(_to_bytes(cells[mine]))
        learned.append(LearnedBatch(int(number), len(mine), digest.hexdigest()))
    return tuple(learned)


def _prepare(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype="<f8", na_value=np.nan)
    return column.astype(object).where(column.notna(), None).to_numpy()


def _to_bytes(cells: np.ndarray) -> bytes:
    return json.dumps(cells.tolist()).encode() if cells.dtype == object else np.ascontiguousarray(cells).tobytes()
