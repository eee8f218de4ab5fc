"""Where encoded columns come from: the feature behind every column that an encoder makes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from common.errors import StateError
from model_zoo.encoder import Encoder


def find_origins(encoder: Encoder) -> tuple[str, ...]:
    """Return the feature that each encoded column comes from, in the order of ``encoder.names``.

    The fitted transformers say how many columns each feature became; names are never parsed, since the column
    'MAKE_0' may be a feature, a level of 'MAKE' or one number of its spelling. Raises StateError where an encoder
    holds a transformer whose columns cannot be followed.
    """
    if encoder.transformer is None:
        return ()
    origins: list[str] = []
    for _name, transformer, features in encoder.transformer.transformers_:
        columns = list(features)
        for step in _list_steps(transformer):
            columns = _follow(step, columns)
        origins += columns
    if len(origins) != len(encoder.names):
        raise StateError(
            f"The encoder '{encoder.variant}' makes {len(encoder.names)} columns and {len(origins)} can be followed to "
            "a feature; teach pipeline/reporting/explanation/origins.py its transformers."
        )
    return tuple(origins)


def sum_by_origin(values: np.ndarray, origins: Sequence[str], features: Sequence[str]) -> np.ndarray:
    """Return contributions by feature (n_rows, n_features, ...) from those by column (n_rows, n_columns, ...).

    Adding up keeps every row's total, so what was additive by column is additive by feature.

    >>> sum_by_origin(np.array([[1.0, 2.0, 4.0]]), ["b", "a", "b"], ["a", "b", "c"]).tolist()
    [[2.0, 5.0, 0.0]]
    """
    place = {name: position for position, name in enumerate(features)}
    summed = np.zeros((len(values), len(features), *values.shape[2:]))
    for column, origin in enumerate(origins):
        summed[:, place[origin]] += values[:, column]
    return summed


def _list_steps(transformer: Any) -> list[Any]:
    if isinstance(transformer, str):  # 'drop' takes its columns away, 'passthrough' leaves them
        return [transformer]
    return [step for _name, step in getattr(transformer, "steps", [("", transformer)])]


def _follow(step: Any, columns: list[str]) -> list[str]:
    """Return the origins behind a step from those before it; a step without a case of its own keeps its columns."""
    if isinstance(step, str):
        return [] if step == "drop" else columns
    indicator = getattr(step, "indicator_", None)
    if indicator is not None:
        return columns + [columns[position] for position in indicator.features_]
    if hasattr(step, "infrequent_categories_") and type(step).__name__ == "OneHotEncoder":
        pooled = step.infrequent_categories_
        kept = [len(levels) for levels in step.categories_]
        widths = [width if rare is None else width - len(rare) + 1 for width, rare in zip(kept, pooled, strict=True)]
        return [column for column, width in zip(columns, widths, strict=True) for _ in range(width)]
    if hasattr(step, "encodings_"):  # one number a feature, or one a feature and class
        return [column for column in columns for _ in range(len(step.encodings_) // len(columns))]
    if hasattr(step, "tables_"):  # the means of one feature and its count
        return [column for column in columns for _ in range(step.n_means_ + 1)]
    if hasattr(step, "projection_"):  # the spelling of one feature
        return columns * step.components
    return columns
