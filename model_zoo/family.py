"""The contract of a model family: learn from an encoded table, predict, update, be stored.

``Family`` owns what every family must cope with (a target of one class, a table without columns, a class that is
absent, infinite cells), so that a family's file holds its idea alone: five hooks and a search space. The contract
itself is code, in ``checks.py``.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, ClassVar

import numpy as np

from pointsman.common.errors import ConfigError, DataError, StateError
from pointsman.common.extras import has_extra
from pointsman.common.seeding import derive_seed
from pointsman.common.task import Task
from pointsman.model_zoo.baseline import Baseline, fit_baseline
from pointsman.model_zoo.encoded import LARGEST, EncodedTable
from pointsman.model_zoo.estimator import Estimator, Sample, Size, check_weights, scale_weights
from pointsman.model_zoo.search import Params, Space, Suggester, read_params
from pointsman.model_zoo.terms import Terms

PROTOCOL = 1
"""Version of the files that ``dump`` writes; it rises when an older reader could not understand them."""

CHUNK_ROWS = 16_384
"""Rows predicted at a time, which bounds the memory of float64 copies and neighbour lists."""


class Family(ABC):
    """One kind of model.

    name:            as in configuration files and catalogues
    tasks:           what it can predict
    settings:        record of its parameters, whose defaults are sound ones
    variants:        preprocessing variants whose tables it can use, the best suited first
    handles_missing: whether it reads NaN cells; a family that does not refuses them
    uses_weights:    whether row weights change what it learns
    can_update:      whether it can learn new rows without the old ones
    library:         optional library that it needs, "" for none
    shap:            how ``explain`` finds exact SHAP values, in words; "" where the family has no way to
    """

    name: ClassVar[str]
    tasks: ClassVar[frozenset[Task]] = frozenset(Task)
    settings: ClassVar[type]
    variants: ClassVar[tuple[str, ...]]
    handles_missing: ClassVar[bool] = False
    uses_weights: ClassVar[bool] = True
    can_update: ClassVar[bool] = False
    library: ClassVar[str] = ""
    shap: ClassVar[str] = ""

    @property
    def installed(self) -> bool:
        """Whether the optional library that it needs, if any, is at hand."""
        return not self.library or has_extra(self.library)

    @abstractmethod
    def draw(self, space: Space) -> Params:
        """Return parameters drawn from the search space."""

    @abstractmethod
    def learn(self, sample: Sample, settings: Any, *, seed: int, threads: int) -> Any:
        """Return a frozen record of what a sample with at least one column and two target values teaches."""

    @abstractmethod
    def answer(self, estimator: Estimator, values: np.ndarray) -> np.ndarray:
        """Return numbers (n_rows,) or probabilities of ``estimator.classes`` (n_rows, len(classes))."""

    @abstractmethod
    def dump_learned(self, learned: Any) -> dict[str, bytes]:
        """Return ``learned`` as named files, the same bytes for the same fit."""

    @abstractmethod
    def load_learned(self, parts: Mapping[str, bytes]) -> Any:
        """Return what ``dump_learned`` stored."""

    def explain(self, estimator: Estimator, values: np.ndarray) -> Terms | None:
        """Return what each column adds to the margins of rows (n_rows, n_columns); None where the family cannot say.

        They are exact SHAP values unless ``shap`` is "".
        """
        return None

    def link(self, estimator: Estimator, margins: np.ndarray) -> np.ndarray:
        """Return the answers (n_rows, n_outputs) that margins (n_rows, n_margins) of ``explain`` stand for."""
        return margins

    def relearn(self, estimator: Estimator, sample: Sample, settings: Any, *, seed: int, threads: int) -> Any:
        """Return what ``estimator.learned`` becomes with a new sample; only where ``can_update``."""
        raise ConfigError(f"Family '{self.name}' cannot be updated with new rows; fit it again on all of them.")

    def find_params(
        self,
        table: EncodedTable,
        target: np.ndarray,
        *,
        task: Task,
        n_classes: int,
        params: Params,
        seed: int,
        threads: int = 1,
    ) -> Params:
        """Return the parameters with what the family finds out on rows in time order before it learns them."""
        return params

    def find_classes(self, sample: Sample) -> tuple[int, ...]:
        """Return the class codes that ``learn`` will know: those the sample holds; () for a numeric target."""
        return tuple(np.unique(sample.target).tolist()) if sample.task.is_classification else ()

    def default_params(self, task: Task) -> Params:
        """Return sound parameters, a point of the search space: the first trial of the family."""
        return asdict(self.settings())

    def measure(self, estimator: Estimator) -> Size:
        """Return the size of an estimator that has learned something."""
        return Size()

    def lighten(self, params: Params, share: float) -> Params:
        """Return parameters that need about a ``share`` of the time, for a first impression."""
        return params

    def suggest(self, trial: Suggester, task: Task, n_rows: int, n_columns: int) -> Params:
        """Return parameters drawn through an Optuna trial; bounds may depend on the size of the training table.

        The trial knows a parameter ``p`` as ``NAME.p``, so that one study can hold every family.
        """
        return self.draw(Space(trial, self.name, task, n_rows, n_columns))

    def fit(
        self,
        table: EncodedTable,
        target: np.ndarray,
        *,
        task: Task,
        n_classes: int,
        params: Params,
        seed: int,
        threads: int = 1,
        weights: np.ndarray | None = None,
    ) -> Estimator:
        """Learn rows that are in time order.

        The record of these rows, ``Sample``, is what this method checks and makes of them; so it takes them one by one.

        table:     (n_rows, n_columns), at least one row
        target:    (n_rows,) class codes 0..n_classes-1, of which some may be absent, or numbers
        n_classes: number of classes; ignored for regression
        weights:   (n_rows,) non-negative, not all zero; their scale does not matter

        Raises DataError for a table, target or weights that do not fit together.
        """
        weights, weight_scale = scale_weights(weights, len(table))
        sample = self._check_sample(table, target, weights, task, n_classes)
        baseline = fit_baseline(sample.target, sample.weights, task, n_classes)
        learned = self._learn_if_possible(sample, params, seed, threads)
        return Estimator(
            self.name,
            task,
            n_classes,
            table.names,
            dict(params),
            baseline,
            self.find_classes(sample),
            weight_scale,
            learned,
        )

    def update(
        self,
        estimator: Estimator,
        table: EncodedTable,
        target: np.ndarray,
        *,
        seed: int,
        threads: int = 1,
        weights: np.ndarray | None = None,
    ) -> Estimator:
        """Return an estimator that also learned new rows; the old one is unchanged.

        Raises ConfigError where the family cannot be updated, DataError where the rows do not fit the estimator.
        """
        task, n_classes = estimator.task, estimator.n_classes
        self._check_columns(estimator, table)
        scaled = None if weights is None else np.asarray(weights, dtype=np.float64) * estimator.weight_scale
        sample = self._check_sample(table, target, scaled, task, n_classes)
        baseline = estimator.baseline + fit_baseline(sample.target, sample.weights, task, n_classes)
        if estimator.learned is None and self.can_update:
            learned = self._learn_if_possible(sample, estimator.params, seed, threads)
            return replace(estimator, baseline=baseline, classes=self.find_classes(sample), learned=learned)
        seed = derive_seed(seed, "model_zoo", self.name, "update")
        settings: Any = read_params(self.settings, estimator.params)
        learned = self.relearn(estimator, sample, settings, seed=seed, threads=threads)
        return replace(estimator, baseline=baseline, learned=learned)

    def predict(self, estimator: Estimator, table: EncodedTable) -> np.ndarray:
        """Return numbers (n_rows,), or probabilities (n_rows, n_classes) of which every row sums to 1.

        Raises DataError for other columns than the estimator learned.
        """
        self._check_columns(estimator, table)
        if estimator.learned is None or not len(table):
            return estimator.baseline.predict(len(table))
        values = self._check_cells(table).values
        starts = range(0, len(values), CHUNK_ROWS)
        answers = [self.answer(estimator, values[start : start + CHUNK_ROWS]) for start in starts]
        answer = np.concatenate(answers).astype(np.float64, copy=False)
        return estimator.baseline.complete(answer, estimator.classes) if estimator.classes else answer

    def dump(self, estimator: Estimator) -> dict[str, bytes]:
        """Return the estimator as named files; equal fits give equal bytes, and nothing is pickled."""
        header = {
            "protocol": PROTOCOL,
            "family": self.name,
            "task": estimator.task,
            "n_classes": estimator.n_classes,
            "names": estimator.names,
            "params": estimator.params,
            "baseline": estimator.baseline.to_json(),
            "classes": estimator.classes,
            "weight_scale": estimator.weight_scale,
            "learned": estimator.learned is not None,
        }
        text = json.dumps(header, sort_keys=True, separators=(",", ":"))
        learned = {} if estimator.learned is None else self.dump_learned(estimator.learned)
        return {"estimator.json": text.encode(), **learned}

    def load(self, parts: Mapping[str, bytes]) -> Estimator:
        """Return the estimator that ``dump`` stored. Raises StateError for another family's or a newer protocol's."""
        header = json.loads(parts["estimator.json"])
        if (header["protocol"], header["family"]) != (PROTOCOL, self.name):
            raise StateError(
                f"The stored estimator has protocol {header['protocol']} of family '{header['family']}', but protocol "
                f"{PROTOCOL} of '{self.name}' was expected; load it with the Pointsman that wrote it."
            )
        task = Task(header["task"])
        baseline = Baseline.from_json(task, header["baseline"])
        learned = self.load_learned(parts) if header["learned"] else None
        return Estimator(
            self.name,
            task,
            header["n_classes"],
            tuple(header["names"]),
            header["params"],
            baseline,
            tuple(header["classes"]),
            header["weight_scale"],
            learned,
        )

    def _learn_if_possible(self, sample: Sample, params: Params, seed: int, threads: int) -> Any:
        settings: Any = read_params(self.settings, params)
        if not sample.table.names or np.ptp(sample.target) == 0:
            return None
        return self.learn(sample, settings, seed=derive_seed(seed, "model_zoo", self.name), threads=threads)

    def _check_sample(
        self, table: EncodedTable, target: np.ndarray, weights: np.ndarray | None, task: Task, n_classes: int
    ) -> Sample:
        if task not in self.tasks:
            raise ConfigError(f"Family '{self.name}' does not support task '{task}'; leave it out of search.families.")
        if not len(table) or target.shape != (len(table),):
            raise DataError(f"A table of {len(table)} rows has a target of shape {target.shape}; give one a row.")
        if not np.isfinite(target).all():
            raise DataError("The target holds missing or infinite cells; drop these rows before training.")
        target = target.astype(np.int64 if task.is_classification else np.float64)
        if task.is_classification and not 0 <= target.min() <= target.max() < n_classes:
            worst = int(target.max() if target.max() >= n_classes else target.min())
            raise DataError(f"The target holds class code {worst}, but codes run from 0 to {n_classes - 1}.")
        if weights is not None:
            check_weights(weights, len(table))
        return Sample(self._check_cells(table), target, weights, task, n_classes)

    def _check_cells(self, table: EncodedTable) -> EncodedTable:
        if not self.handles_missing and np.isnan(table.values).any():
            name = table.names[int(np.isnan(table.values).any(axis=0).argmax())]
            raise DataError(
                f"Column '{name}' holds missing cells, which family '{self.name}' cannot read; "
                f"use one of the variants {', '.join(self.variants)}."
            )
        if not np.isinf(table.values).any():
            return table
        return replace(table, values=np.clip(table.values, -LARGEST, LARGEST))

    def _check_columns(self, estimator: Estimator, table: EncodedTable) -> None:
        if table.names != estimator.names:
            differing = sorted(set(table.names) ^ set(estimator.names)) or ["their order"]
            raise DataError(
                f"The table has {len(table.names)} columns and family '{self.name}' learned {len(estimator.names)}; "
                f"they differ in '{differing[0]}': encode with the version's own encoder."
            )
