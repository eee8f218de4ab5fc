"""Encodings of the folds: each (variant, fold, window) is made once and kept as long as the cache has room."""

import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pointsman.common.task import Task
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.encoder import fit_encoder
from pointsman.pipeline.preparation.training_set import TrainingRows
from pointsman.pipeline.training.problem import Fold

MAX_BYTES = 512 * 2**20


@dataclass(frozen=True, eq=False)
class EncodedFold:
    """The rows of a fold as a family reads them."""

    learned: EncodedTable
    target: np.ndarray
    validated: EncodedTable

    @property
    def nbytes(self) -> int:
        """Bytes of the two tables."""
        return self.learned.values.nbytes + self.validated.values.nbytes


@dataclass
class Encodings:
    """A cache that drops what was used longest ago when it holds more than ``max_bytes``.

    folder: where processes that search together lay their encodings down for each other; None for one process. One on
            another machine has no such folder and encodes for itself.
    """

    folds: Sequence[Fold]
    task: Task
    seed: int
    max_bytes: int = MAX_BYTES
    folder: Path | None = None
    _kept: OrderedDict[tuple[str, int, int | None], EncodedFold] = field(default_factory=OrderedDict)

    def get(self, variant: str, fold: int, window: int | None) -> EncodedFold:
        """Return a fold encoded by a variant that was fitted on the newest ``window`` batches it learns from."""
        key = (variant, fold, window)
        if key not in self._kept:
            self._kept[key] = self._load(key) or self._encode(key)
            while len(self._kept) > 1 and sum(one.nbytes for one in self._kept.values()) > self.max_bytes:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def rows(self, fold: int, window: int | None) -> TrainingRows:
        """Return the rows that a candidate with this window learns from in a fold."""
        return self.folds[fold].learn.last(window)

    def _encode(self, key: tuple[str, int, int | None]) -> EncodedFold:
        variant, fold, window = key
        rows = self.rows(fold, window)
        encoder, learned = fit_encoder(variant, rows.covered, rows.target, self.task, self.seed)
        encoded = EncodedFold(learned, rows.target, encoder.encode(self.folds[fold].validate.features))
        if self.folder is not None and self.folder.is_dir():
            self._save(key, encoded)
        return encoded

    def _path(self, key: tuple[str, int, int | None]) -> Path:
        assert self.folder is not None
        variant, fold, window = key
        return self.folder / f"{variant}-{fold}-{window or 'all'}.npz"

    def _save(self, key: tuple[str, int, int | None], encoded: EncodedFold) -> None:
        path = self._path(key)
        half_done = path.with_suffix(f".{os.getpid()}.tmp")
        with half_done.open("wb") as file:
            np.savez(
                file,
                learned=encoded.learned.values,
                validated=encoded.validated.values,
                target=encoded.target,
                names=np.array(encoded.learned.names),
                categorical=np.array(encoded.learned.categorical, dtype=int),
            )
        half_done.replace(path)

    def _load(self, key: tuple[str, int, int | None]) -> EncodedFold | None:
        if self.folder is None or not self._path(key).exists():
            return None
        with np.load(self._path(key), allow_pickle=False) as stored:
            names, categorical = tuple(stored["names"].tolist()), tuple(stored["categorical"].tolist())
            learned, validated = (EncodedTable(stored[name], names, categorical) for name in ("learned", "validated"))
            return EncodedFold(learned, stored["target"], validated)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the kept encodings out: another process makes or loads its own."""
        return {**self.__dict__, "_kept": OrderedDict()}
