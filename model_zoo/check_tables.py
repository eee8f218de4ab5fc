"""Seeded random tables with something to learn, on which the contract of the families is checked."""

from dataclasses import dataclass, replace

import numpy as np

from pointsman.common.seeding import random_generator
from pointsman.common.task import Task
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.estimator import Estimator
from pointsman.model_zoo.family import Family
from pointsman.model_zoo.search import Params


@dataclass(frozen=True)
class Rows:
    """A table with its target, and what to fit on them."""

    table: EncodedTable
    target: np.ndarray
    task: Task
    n_classes: int

    def __len__(self) -> int:
        return len(self.table)

    def take(self, rows: np.ndarray | slice) -> "Rows":
        """Return some of the rows."""
        return replace(self, table=self.table.take(rows), target=self.target[rows])

    def with_column(self, name: str, cells: np.ndarray | float) -> "Rows":
        """Return the rows with a column set, or appended where it is new."""
        names = self.table.names if name in self.table.names else (*self.table.names, name)
        values = np.zeros((len(self), len(names)), dtype=np.float32)
        values[:, : len(self.table.names)] = self.table.values
        values[:, names.index(name)] = cells
        return replace(self, table=EncodedTable(values, names, self.table.categorical))

    def without_columns(self) -> "Rows":
        """Return the rows with the target alone."""
        return replace(self, table=EncodedTable(np.zeros((len(self), 0), dtype=np.float32), ()))

    def fit(
        self, family: Family, *, params: Params | None = None, seed: int = 5, weights: np.ndarray | None = None
    ) -> Estimator:
        """Fit a family, with its default parameters unless others are given."""
        chosen = family.default_params(self.task) if params is None else params
        return family.fit(
            self.table, self.target, task=self.task, n_classes=self.n_classes, params=chosen, seed=seed, weights=weights
        )

    def update(self, family: Family, estimator: Estimator, *, seed: int = 5) -> Estimator:
        """Update an estimator with these rows."""
        return family.update(estimator, self.table, self.target, seed=seed)


def make_rows(family: Family, task: Task, n_rows: int = 240, name: str = "train") -> Rows:
    """Return learnable rows with columns ``signal``, ``helper``, ``noise`` and ``group``.

    A family that reads missing cells gets some in ``signal``, and ``group`` as category codes. ``name`` tells apart
    tables of the same kind.
    """
    random = random_generator(11, "checks", task, name)
    signal, helper, noise, error = random.normal(size=(4, n_rows))
    group = random.integers(0, 3, size=n_rows)
    outcome = 1.5 * signal + helper + (group == 1) + 0.4 * error
    hidden = family.handles_missing & (random.random(n_rows) < 0.1)
    values = np.column_stack([np.where(hidden, np.nan, signal), helper, noise, group])
    table = EncodedTable.build(values, ("signal", "helper", "noise", "group"), (3,) if family.handles_missing else ())
    n_classes = {Task.BINARY: 2, Task.MULTICLASS: 3, Task.REGRESSION: 0}[task]
    target = np.digitize(outcome, [0.5] if n_classes == 2 else [-0.8, 1.2]) if n_classes else outcome
    return Rows(table, target, task, n_classes)
