"""Rows as models read them: encoded once for all models that share an encoder and a guard."""

import pandas as pd

from pointsman.common.kept import Kept
from pointsman.model_zoo.cell_flags import CellFlags, flag_cells
from pointsman.model_zoo.cells import Cells
from pointsman.model_zoo.column_verdicts import ColumnVerdict, judge_columns
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.model import Model
from pointsman.model_zoo.reference import InputReference


class Verdicts:
    """What was decided on whole columns of a request, for everything that judges its cells; once, on a sample of rows.

    Parts of a request are then read alike, however it is cut.
    """

    def __init__(self, sample: Cells) -> None:
        self.sample = sample
        self._found: dict[int, tuple[InputReference, ColumnVerdict]] = {}
        self._flagged: dict[int, CellFlags] = {}

    def of(self, reference: InputReference) -> ColumnVerdict:
        """Return the verdict on the columns held against a reference."""
        if id(reference) not in self._found:
            self._found[id(reference)] = (reference, judge_columns(self.sample, reference))
        return self._found[id(reference)][1]

    def flag(self, cells: Cells, reference: InputReference) -> CellFlags:
        """Return the flags of some rows of the request; those of the sample itself are made once.

        A request that fits into a sample is one table of cells, which selection and the answer both ask about.
        """
        if cells is not self.sample:
            return flag_cells(cells, reference, self.of(reference))
        if id(reference) not in self._flagged:
            self._flagged[id(reference)] = flag_cells(cells, reference, self.of(reference))
        return self._flagged[id(reference)]


class Readings:
    """One feature table (n_rows, n_features) and its encodings so far; ``verdicts`` where it is a part of a request."""

    def __init__(self, features: pd.DataFrame | Cells, verdicts: Verdicts | None = None) -> None:
        self.cells = Cells.of(features)
        self.verdicts = verdicts
        self._made: Kept[tuple[Model, EncodedTable]] = Kept(lambda _: True)

    def of(self, model: Model) -> EncodedTable:
        """Return the rows as a model's estimator reads them."""

        def encode() -> tuple[Model, EncodedTable]:
            verdict = self.verdicts.of(model.normal) if self.verdicts and model.normal else None
            # the model keeps what the ids stand for alive
            return model, model.encode(self.cells, verdict)

        return self._made.get((id(model.encoder), id(model.normal)), encode)[1]
