"""Rows as models read them: encoded once for all models that share an encoder and a guard."""

import pandas as pd

from model_zoo.encoded import EncodedTable
from model_zoo.model import Model


class Readings:
    """One feature table (n_rows, n_features) and its encodings so far."""

    def __init__(self, features: pd.DataFrame) -> None:
        self.features = features
        self._made: dict[tuple[int, int], tuple[Model, EncodedTable]] = {}

    def of(self, model: Model) -> EncodedTable:
        """Return the rows as a model's estimator reads them."""
        key = (id(model.encoder), id(model.normal))
        if key not in self._made:
            self._made[key] = (model, model.encode(self.features))  # the model keeps what the ids stand for alive
        return self._made[key][1]
