"""Compiling a fitted scikit-learn transformer: it is asked about every level, and the result checked by its answers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pointsman.model_zoo.cells import read_levels
from pointsman.model_zoo.compiled import CLIP, Compiled, LevelTable, Scaled
from pointsman.model_zoo.spelling import Spelling

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

CHECKED_ROWS = 50
UNKNOWN = "\x00 a level that no row has"


def compile_transformer(
    transformer: "ColumnTransformer",
    numbers: pd.DataFrame,
    known: Mapping[str, Sequence[str]],
    categorical: Sequence[str],
    keeps_missing: bool,
) -> Compiled:
    """Return what a fitted transformer does, learned from asking it.

    numbers:       (n_rows, n_numeric) of the rows that it was fitted on; ``known`` are the sorted levels of theirs
    categorical:   columns of levels in the order in which they are encoded
    keeps_missing: whether its cells are not held within CLIP

    Raises RuntimeError where the result differs from what the transformer answers.
    """
    # Variants encode column by column, so that the same rows can ask about the levels of all columns at once.
    asked = _ask_about(numbers, {name: known[name] for name in categorical})
    answered = np.asarray(transformer.transform(asked), dtype=np.float64)
    answered = (answered if keeps_missing else np.clip(answered, -CLIP, CLIP)).astype(np.float32)
    origins = trace_origins(transformer)
    parts = {name: part for name, part, _ in transformer.transformers_}
    spelled = {columns[0]: part for name, part, columns in transformer.transformers_ if name.startswith("spelling_")}
    tables = []
    for name in categorical:
        own = [place for place, origin in enumerate(origins) if origin == name]
        spelling = Spelling.read(spelled[name]) if name in spelled else None
        tables.append(_build_table(known[name], answered[:, own], spelling))
    names = tuple(str(name) for name in transformer.get_feature_names_out())
    scaled = _read_scaled(parts["numeric"]) if hasattr(parts.get("numeric"), "steps") else None
    compiled = Compiled(scaled, tuple(tables), names, origins, tuple(_list_stages(transformer)))
    _check(compiled, asked, answered, list(map(str, numbers)), categorical)
    return compiled


def name_levels(transformer: "ColumnTransformer", known: Mapping[str, Sequence[str]]) -> None:
    """Give a transformer that was fitted on places of sorted levels the levels themselves.

    ``known`` are the sorted levels by column. Its steps keep their categories sorted, a missing one last, so that one
    fitted on the text would know the same in the same order.
    """
    for _, part, columns in transformer.transformers_:
        for step in _list_steps(part):
            if hasattr(step, "categories_"):
                step.categories_ = [
                    np.array([np.nan if np.isnan(place) else known[name][int(place)] for place in places], dtype=object)
                    for name, places in zip(columns, step.categories_, strict=True)
                ]


def _ask_about(numbers: pd.DataFrame, known: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return rows that hold an unknown and a missing level of every column first, then every known one.

    Their numbers are those of training rows, with all of them missing in the second row.
    """
    length = max([CHECKED_ROWS, *(len(levels) + 2 for levels in known.values())])
    columns: dict[str, Any] = {}
    places = np.linspace(0, len(numbers) - 1, length).astype(int)
    for name in map(str, numbers):
        columns[name] = numbers[name].to_numpy(dtype=np.float64)[places]
        columns[name][1] = np.nan
    for name, levels in known.items():
        cells = [UNKNOWN, None, *levels]
        columns[name] = pd.Series(cells + [UNKNOWN] * (length - len(cells)), dtype="str")
    return pd.DataFrame(columns)


def _build_table(levels: Sequence[str], answered: np.ndarray, spelling: Spelling | None) -> LevelTable:
    """Return the table of a column from the answers to an unknown level, a missing one and each of the levels."""
    distinct: dict[bytes, int] = {}
    table, known, rows = [answered[0], answered[1]], [], []
    if spelling is None:
        distinct[answered[0].tobytes()] = 0
    for level, answer in zip(levels, answered[2:], strict=False):
        key = answer.tobytes()
        if key not in distinct:
            distinct[key] = len(table)
            table.append(answer)
        if distinct[key]:
            known.append(level)
            rows.append(distinct[key])
    return LevelTable(tuple(known), np.array(rows, dtype=np.int32), np.stack(table), spelling)


def _read_scaled(pipeline: Any) -> Scaled:
    imputer, scaler = (step for _, step in pipeline.steps)
    marked = imputer.indicator_.features_ if imputer.indicator_ is not None else []
    return Scaled(
        fills=np.nan_to_num(np.asarray(imputer.statistics_, dtype=np.float64)),
        indicators=np.asarray(marked, dtype=np.int64),
        mean=np.asarray(scaler.mean_, dtype=np.float64),
        scale=np.asarray(scaler.scale_, dtype=np.float64),
    )


def _check(
    compiled: Compiled, asked: pd.DataFrame, answered: np.ndarray, numeric: Sequence[str], categorical: Sequence[str]
) -> None:
    numbers = asked[list(numeric)].to_numpy(dtype=np.float64).reshape(len(asked), -1)
    encoded = compiled.encode(numbers, [read_levels(asked[name]) for name in categorical])
    if not np.array_equal(encoded, answered, equal_nan=True):
        differ = ~((encoded == answered) | (np.isnan(encoded) & np.isnan(answered))).all(axis=0)
        column = compiled.names[int(differ.argmax())]
        raise RuntimeError(
            f"the compiled encoder makes something else of column '{column}' than scikit-learn; "
            "install the versions that requirements.txt pins"
        )


def trace_origins(transformer: "ColumnTransformer") -> tuple[str, ...]:
    """Return the feature that each encoded column comes from, in their order.

    The fitted transformers say how many columns each feature became; names are never parsed, since the column
    'MAKE_0' may be a feature, a level of 'MAKE' or one number of its spelling.
    """
    origins: list[str] = []
    for _name, part, features in transformer.transformers_:
        columns = list(features)
        for step in _list_steps(part):
            columns = _follow(step, columns)
        origins += columns
    return tuple(origins)


def _list_steps(part: Any) -> list[Any]:
    if isinstance(part, str):  # 'drop' takes its columns away, 'passthrough' leaves them
        return [part]
    return [step for _name, step in getattr(part, "steps", [("", part)])]


def _list_stages(transformer: "ColumnTransformer") -> list[str]:
    """Return the names of the innermost steps; columns that pass through have none."""
    stages = []
    for _, part, columns in transformer.transformers_:
        passes_through = isinstance(part, str) or getattr(part, "func", part) is None
        if len(columns) and not passes_through:
            stages += [type(step).__name__ for step in _list_steps(part)]
    return stages


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
