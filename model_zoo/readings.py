"""Rows as models read them: encoded once for all models that share an encoder and a guard."""

from collections.abc import Hashable

import pandas as pd

from model_zoo.cell_flags import find_drifting
from model_zoo.cells import Cells
from model_zoo.encoded import EncodedTable
from model_zoo.model import Model
from model_zoo.reference import InputReference


class Drifts:
    """What drifts as a whole in a request, for everything that judges its cells; found once, in a sample of its rows.

    Parts of a request are then read alike, however it is cut.
    """

    def __init__(self, sample: Cells) -> None:
        self.sample = sample
        self._found: dict[int, tuple[InputReference, frozenset[str]]] = {}

    def of(self, reference: InputReference) -> frozenset[str]:
        """Return the features that lie outside a reference as a whole."""
        if id(reference) not in self._found:
            self._found[id(reference)] = (reference, find_drifting(self.sample, reference))
        return self._found[id(reference)][1]


class Readings:
    """One feature table (n_rows, n_features) and its encodings so far; ``drifts`` where it is a part of a request."""

    def __init__(self, features: pd.DataFrame | Cells, drifts: Drifts | None = None) -> None:
        self.cells = Cells.of(features)
        self.drifts = drifts
        self._made: dict[Hashable, tuple[Model, EncodedTable]] = {}

    def of(self, model: Model) -> EncodedTable:
        """Return the rows as a model's estimator reads them."""
        key = (id(model.encoder), id(model.normal))
        if key not in self._made:
            drifting = self.drifts.of(model.normal) if self.drifts and model.normal else None
            # the model keeps what the ids stand for alive
            self._made[key] = (model, model.encode(self.cells, drifting))
        return self._made[key][1]
