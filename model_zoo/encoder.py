"""A fitted preprocessing variant: turns the feature table of any rows into the numbers its family learned on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from common.task import Task
from model_zoo.encoded import LARGEST, EncodedTable
from model_zoo.variants import MAX_ONEHOT_LEVELS, Recipe, count_codes, forget_folds, get_variant

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

CLIP = 10.0
"""Scaled values are held within this many standard deviations, so that one absurd cell cannot blow up a product."""

TRUSTED_TYPES = (
    "model_zoo.lookback.LookBackEncoder",
    "model_zoo.spelling.SpellingEncoder",
    "numpy.dtype",
    "pandas.Index",
    "sklearn.compose._column_transformer.ColumnTransformer",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
)
"""Types an encoder may hold beyond what skops trusts by itself; audited by hand, never extended from a file.

Folds are no longer stored, but encoders of older states hold them.
"""


@dataclass(frozen=True)
class Encoder:
    """A variant fitted on past rows. ``transformer`` is None where there is no column to encode."""

    variant: str
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    transformer: "ColumnTransformer | None"
    names: tuple[str, ...]

    def encode(self, features: pd.DataFrame) -> EncodedTable:
        """Return the encoded rows (n_rows, n_encoded).

        Columns are taken by name: others are ignored, and one that is absent counts as missing in every row.
        """
        if self.transformer is None or not len(features):  # scikit-learn refuses a table without rows
            return self._wrap(np.zeros((len(features), len(self.names)), dtype=np.float32))
        return self._wrap(self.transformer.transform(self._select(features)))

    def dump(self) -> dict[str, bytes]:
        """Return the encoder as files: readable JSON and, where there is a transformer, a skops archive."""
        return dict(self._dumped)

    @cached_property
    def _dumped(self) -> dict[str, bytes]:
        """The files, made once for all models that share the encoder."""
        from model_zoo.skops_bytes import dump_object

        described = {"variant": self.variant, "numeric": self.numeric, "categorical": self.categorical,
                     "names": self.names}  # fmt: skip
        parts = {"encoder.json": json.dumps(described, sort_keys=True).encode()}
        return parts if self.transformer is None else parts | {"encoder.skops": dump_object(self.transformer)}

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> "Encoder":
        """Return the encoder that ``dump`` described; types outside TRUSTED_TYPES are refused unread."""
        from model_zoo.skops_bytes import load_object

        described = json.loads(parts["encoder.json"])
        archive = parts.get("encoder.skops")
        return cls(
            variant=described["variant"],
            numeric=tuple(described["numeric"]),
            categorical=tuple(described["categorical"]),
            names=tuple(described["names"]),
            transformer=None if archive is None else load_object(archive, TRUSTED_TYPES),
        )

    def _select(self, features: pd.DataFrame) -> pd.DataFrame:
        numbers = features.reindex(columns=self.numeric).astype("float64")
        levels = features.reindex(columns=self.categorical).astype("str")
        # a number larger than an encoded table holds would overflow the variance, and that spoils the whole column
        return pd.concat([numbers.clip(-float(LARGEST), float(LARGEST)), levels], axis=1)

    def _wrap(self, values: np.ndarray) -> EncodedTable:
        variant = get_variant(self.variant)
        bounded = values if variant.keeps_missing else np.clip(values, -CLIP, CLIP)
        start = len(self.numeric)
        n_codes = count_codes(self.transformer) if variant.category_codes and self.transformer else 0
        coded = tuple(range(start, start + n_codes))
        return EncodedTable.build(np.asarray(bounded, dtype=np.float64), self.names, coded)


def fit_encoder(
    variant: str, features: pd.DataFrame, target: np.ndarray, task: Task, seed: int, copies: int = 1
) -> tuple[Encoder, EncodedTable]:
    """Fit a variant on (n_rows, n_features) past rows; return it and those rows encoded.

    The encoded rows are not ``encoder.encode(features)`` where the variant looks at the target: there each row is
    encoded without its own target, so that nothing leaks into what the family learns. Where the rows are the same ones
    ``copies`` times, one after another, a copy is no way round that.
    """
    names = [str(name) for name in features]
    numeric = [name for name in names if pd.api.types.is_numeric_dtype(features[name])]
    levels = {name: features[name].nunique() for name in names if name not in numeric}
    recipe = Recipe(
        numeric=numeric,
        few_levels=[name for name, count in levels.items() if count <= MAX_ONEHOT_LEVELS],
        many_levels=[name for name, count in levels.items() if count > MAX_ONEHOT_LEVELS],
        task=task,
        target=target.astype(int) if task.is_classification else target.astype(float),
        copies=copies,
        seed=seed,
    )
    empty = Encoder(variant, tuple(numeric), tuple(recipe.categorical), None, ())
    if not len(features.columns):
        return empty, empty.encode(features)
    transformer = get_variant(variant).build(recipe)
    values = transformer.fit_transform(empty._select(features), recipe.target)
    forget_folds(transformer)
    encoded = tuple(str(name) for name in transformer.get_feature_names_out())
    encoder = Encoder(variant, empty.numeric, empty.categorical, transformer, encoded)
    return encoder, encoder._wrap(values)


def has_many_levels(features: pd.DataFrame) -> bool:
    """Return whether a text column has more levels than one-hot keeps, so that every variant is one of its own."""
    text: list[Any] = [name for name in features if not pd.api.types.is_numeric_dtype(features[name])]
    return any(features[name].nunique() > MAX_ONEHOT_LEVELS for name in text)
