"""Preprocessing variants: the ways to turn a feature table into the numbers a family learns from.

A variant is half of every candidate and is stored with every version, so it lives beside the families, below the
stages that fit and serve it. Each is a recipe of scikit-learn transformers; all of them are fitted on the past only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pointsman.common.errors import ConfigError
from pointsman.common.task import Task
from pointsman.model_zoo.target_folds import split_target

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

RARE_SHARE = 0.005
"""Levels with a smaller share of the training rows are pooled."""
MAX_ONEHOT_LEVELS = 30
MAX_NATIVE_LEVELS = 200
SPELLING_COMPONENTS = 10


@dataclass(frozen=True, eq=False)
class Recipe:
    """What a variant is made for: columns by kind, those with many levels apart, the target of the rows and a seed.

    ``target`` (n_rows,) holds the same rows ``copies`` times, one after another.
    """

    numeric: Sequence[str]
    few_levels: Sequence[str]
    many_levels: Sequence[str]
    task: Task
    target: np.ndarray
    copies: int
    seed: int

    @property
    def n_rows(self) -> int:
        """How many rows it is fitted on, copies included."""
        return len(self.target)

    @property
    def categorical(self) -> list[str]:
        """Every categorical column, in the order in which the variants encode them."""
        return [*self.few_levels, *self.many_levels]

    @property
    def n_classes(self) -> int:
        """How many classes levels are encoded by; 0 where it is by a mean: of numbers, or of hardly any rows.

        It counts the classes that occur, which may be fewer than the stream has.
        """
        if not self.task.is_classification:
            return 0
        counts = np.unique(self.target, return_counts=True)[1]
        return len(counts) if len(counts) > 1 and counts.max() > self.copies else 0


@dataclass(frozen=True)
class Variant:
    """A named recipe.

    keeps_missing:     whether it leaves NaN in
    category_codes:    whether what it makes of ``levels`` are codes, one column each
    needs_many_levels: whether it equals another variant where no column has more levels than one-hot keeps
    reads_text:        whether what it makes of columns with many levels depends on their text
    """

    name: str
    build: Callable[[Recipe], "ColumnTransformer"]
    keeps_missing: bool = False
    category_codes: bool = False
    needs_many_levels: bool = False
    reads_text: bool = False


def build_onehot(recipe: Recipe) -> "ColumnTransformer":
    """Numbers imputed (with an indicator) and scaled; levels one-hot, rare ones pooled."""
    return _columns(
        ("numeric", _scaled_numbers(), recipe.numeric), ("levels", _onehot(recipe.n_rows), recipe.categorical)
    )


def build_target(recipe: Recipe) -> "ColumnTransformer":
    """Numbers imputed and scaled; levels as the smoothed mean of the target, out of fold while fitting.

    Source: Micci-Barreca (2001). The folds are our own, since scikit-learn's default is not reproducible.
    """
    return _columns(
        ("numeric", _scaled_numbers(), recipe.numeric), ("means", _target_means(recipe), recipe.categorical)
    )


def build_native(recipe: Recipe) -> "ColumnTransformer":
    """Numbers as they are, missing ones too; levels as codes, rare ones pooled, unseen ones missing."""
    levels = _level_codes(recipe.n_rows)
    return _columns(("numeric", "passthrough", recipe.numeric), ("levels", levels, recipe.categorical))


def build_lookback(recipe: Recipe) -> "ColumnTransformer":
    """As native, but a column with many levels tells what earlier rows of a level were like, and how many they were."""
    from pointsman.model_zoo.lookback import LookBackEncoder

    return _columns(
        ("numeric", "passthrough", recipe.numeric),
        ("levels", _level_codes(recipe.n_rows), recipe.few_levels),
        ("lookback", LookBackEncoder(recipe.task.is_classification, recipe.copies), recipe.many_levels),
    )


def count_codes(fitted: "ColumnTransformer") -> int:
    """Return how many columns of a fitted variant hold category codes; they come right after the numbers."""
    return sum(len(columns) for name, _, columns in fitted.transformers_ if name == "levels")


def build_spelling(recipe: Recipe) -> "ColumnTransformer":
    """As one-hot for columns with few levels; columns with many are encoded by how their levels are spelled."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from pointsman.model_zoo.spelling_encoder import SpellingEncoder

    spelled = [
        (f"spelling_{name}", make_pipeline(SpellingEncoder(SPELLING_COMPONENTS, recipe.seed), StandardScaler()), [name])
        for name in recipe.many_levels
    ]
    numbers = ("numeric", _scaled_numbers(), recipe.numeric)
    return _columns(numbers, ("levels", _onehot(recipe.n_rows), recipe.few_levels), *spelled)


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("onehot", build_onehot),
        Variant("target", build_target),
        Variant("native", build_native, keeps_missing=True, category_codes=True),
        Variant("spelling", build_spelling, needs_many_levels=True, reads_text=True),
        Variant(
            "lookback", build_lookback, keeps_missing=True, category_codes=True, needs_many_levels=True, reads_text=True
        ),
    )
}


def get_variant(name: str) -> Variant:
    """Return the variant of that name; ConfigError lists the known ones."""
    if name not in VARIANTS:
        raise ConfigError(f"The variant '{name}' is unknown; search.variants may name {', '.join(VARIANTS)}.")
    return VARIANTS[name]


def _columns(*parts: tuple[str, Any, Sequence[str]]) -> "ColumnTransformer":
    from sklearn.compose import ColumnTransformer

    filled = [(name, transformer, list(columns)) for name, transformer, columns in parts if columns]
    return ColumnTransformer(filled, sparse_threshold=0, verbose_feature_names_out=False)


def _scaled_numbers() -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
    )


def _onehot(n_rows: int) -> Any:
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=_min_count(n_rows),
        max_categories=MAX_ONEHOT_LEVELS,
        sparse_output=False,
        dtype=np.float32,
    )


def _level_codes(n_rows: int) -> Any:
    from sklearn.preprocessing import OrdinalEncoder

    return OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        min_frequency=_min_count(n_rows),
        max_categories=MAX_NATIVE_LEVELS,
    )


def _target_means(recipe: Recipe) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler, TargetEncoder

    # by the classes that are there: scikit-learn cannot encode two of them as "multiclass"
    kind = {0: "continuous", 2: "binary"}.get(recipe.n_classes, "multiclass")
    folds = split_target(recipe.target, recipe.copies, stratified=recipe.n_classes > 0, seed=recipe.seed)
    return make_pipeline(TargetEncoder(target_type=kind, cv=folds), StandardScaler())


def _min_count(n_rows: int) -> int:
    return max(2, round(RARE_SHARE * n_rows))
