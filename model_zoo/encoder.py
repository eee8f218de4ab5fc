"""A fitted preprocessing variant: turns the feature table of any rows into the numbers its family learned on."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.task import Task
from pointsman.model_zoo.arrays import dump_arrays, load_arrays
from pointsman.model_zoo.cells import Cells, Levels, read_levels
from pointsman.model_zoo.compilation import compile_transformer, name_levels
from pointsman.model_zoo.compiled import CLIP, Compiled
from pointsman.model_zoo.encoded import LARGEST, EncodedTable
from pointsman.model_zoo.variants import MAX_ONEHOT_LEVELS, Recipe, count_codes, get_variant


@dataclass(frozen=True)
class Encoder:
    """A variant fitted on past rows. ``compiled`` is None where there is no column to encode.

    ``n_codes`` columns right behind the numbers are category codes.
    """

    variant: str
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    compiled: Compiled | None
    n_codes: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the encoded columns."""
        return self.compiled.names if self.compiled else ()

    @property
    def origins(self) -> tuple[str, ...]:
        """The feature that each encoded column comes from."""
        return self.compiled.origins if self.compiled else ()

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the transformers that it was made of, in their order."""
        return self.compiled.stages if self.compiled else ()

    def encode(self, features: pd.DataFrame | Cells) -> EncodedTable:
        """Return the encoded rows (n_rows, n_encoded).

        Columns are taken by name: others are ignored, and one that is absent counts as missing in every row.
        """
        cells = Cells.of(features)
        if self.compiled is None:
            return EncodedTable(np.zeros((len(cells), 0), dtype=np.float32), ())
        levels = [cells.read_levels(name) for name in self.categorical]
        return EncodedTable(self.compiled.encode(cells.read_numbers(self.numeric), levels), self.names, self._coded)

    def dump(self) -> dict[str, bytes]:
        """Return the encoder as files: readable JSON and, where there is something to encode, arrays."""
        return dict(self._dumped)

    @cached_property
    def _dumped(self) -> dict[str, bytes]:
        """The files, made once for all models that share the encoder."""
        described: dict[str, Any] = {"variant": self.variant, "numeric": self.numeric, "categorical": self.categorical}
        if self.compiled is None:
            return {"encoder.json": json.dumps(described, sort_keys=True).encode()}
        described |= {"n_codes": self.n_codes, **self.compiled.to_json()}
        return {
            "encoder.json": json.dumps(described, sort_keys=True).encode(),
            "encoder.npz": dump_arrays(**self.compiled.list_arrays()),
        }

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> "Encoder":
        """Return the encoder that ``dump`` described."""
        described = json.loads(parts["encoder.json"])
        arrays = parts.get("encoder.npz")
        return cls(
            variant=described["variant"],
            numeric=tuple(described["numeric"]),
            categorical=tuple(described["categorical"]),
            compiled=None if arrays is None else Compiled.build(described, load_arrays(arrays)),
            n_codes=described.get("n_codes", 0),
        )

    @cached_property
    def _coded(self) -> tuple[int, ...]:
        """Positions of columns that hold category codes."""
        return tuple(range(len(self.numeric), len(self.numeric) + self.n_codes))


def fit_encoder(
    variant: str, features: pd.DataFrame, target: np.ndarray, task: Task, seed: int, copies: int = 1
) -> tuple[Encoder, EncodedTable]:
    """Fit a variant on (n_rows, n_features) past rows; return it and those rows encoded.

    The encoded rows are not ``encoder.encode(features)`` where the variant looks at the target: there each row is
    encoded without its own target, so that nothing leaks into what the family learns. Where the same rows come
    ``copies`` times, one after another, the targets of a row's copies are left out as well.
    """
    names = [str(name) for name in features]
    numeric = [name for name in names if pd.api.types.is_numeric_dtype(features[name])]
    levels = {name: read_levels(features[name]) for name in names if name not in numeric}
    recipe = Recipe(
        numeric=numeric,
        few_levels=[name for name, column in levels.items() if len(column.known) <= MAX_ONEHOT_LEVELS],
        many_levels=[name for name, column in levels.items() if len(column.known) > MAX_ONEHOT_LEVELS],
        task=task,
        target=target.astype(int) if task.is_classification else target.astype(float),
        copies=copies,
        seed=seed,
    )
    if not len(features.columns):
        encoder = Encoder(variant, (), (), None)
        return encoder, encoder.encode(features)
    recipe_of = get_variant(variant)
    transformer = recipe_of.build(recipe)
    # Scikit-learn is slow on text, so transformers are fitted on places of levels unless they read the text itself.
    spelled = recipe.many_levels if recipe_of.reads_text else []
    known = {name: sorted(column.known) for name, column in levels.items()}
    rows = _lay_out(features, levels, known, recipe, spelled)
    learned = np.asarray(transformer.fit_transform(rows, recipe.target), dtype=np.float64)
    # Before compiling, which asks the transformer about the levels as text.
    name_levels(transformer, known)
    compiled = compile_transformer(transformer, rows[numeric], known, recipe.categorical, recipe_of.keeps_missing)
    n_codes = count_codes(transformer) if recipe_of.category_codes else 0
    encoder = Encoder(variant, tuple(recipe.numeric), tuple(recipe.categorical), compiled, n_codes)
    bounded = learned if recipe_of.keeps_missing else np.clip(learned, -CLIP, CLIP)
    return encoder, EncodedTable.build(bounded, encoder.names, encoder._coded)


def _lay_out(
    features: pd.DataFrame,
    levels: Mapping[str, Levels],
    known: Mapping[str, Sequence[str]],
    recipe: Recipe,
    spelled: Collection[str],
) -> pd.DataFrame:
    """Return the table that transformers are fitted on: numbers, then levels as their place among the sorted ones.

    Scikit-learn looks at every cell of a text column several times in Python, and at numbers in C. A missing level is
    NaN, which it sorts behind all others, as it does in text. ``spelled`` columns stay text.
    """
    # a number larger than an encoded table holds would overflow the variance, and that spoils the whole column
    laid: dict[str, Any] = {
        name: features[name].astype("float64").clip(-float(LARGEST), float(LARGEST)) for name in recipe.numeric
    }
    for name in recipe.categorical:
        if name in spelled:
            laid[name] = features[name].astype("str")
            continue
        places = {level: float(place) for place, level in enumerate(known[name])}
        found = np.array([*(places[level] for level in levels[name].known), np.nan])
        laid[name] = found[levels[name].codes]  # -1, the code of a missing cell, is the last place
    return pd.DataFrame(laid, index=features.index)


def has_many_levels(features: pd.DataFrame) -> bool:
    """Return whether a text column has more levels than one-hot keeps, so that no variant equals another."""
    text: list[Any] = [name for name in features if not pd.api.types.is_numeric_dtype(features[name])]
    return any(features[name].nunique() > MAX_ONEHOT_LEVELS for name in text)
