"""Preprocessing variants: the ways to turn a feature table into the numbers a family learns from.

A variant is half of every candidate and is stored with every version, so it lives beside the families, below the
stages that fit and serve it. Each is a recipe of scikit-learn transformers; all of them are fitted on the past only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.errors import ConfigError
from common.task import Task

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

RARE_SHARE = 0.005
"""Levels with a smaller share of the training rows are pooled."""
MAX_ONEHOT_LEVELS = 30
MAX_NATIVE_LEVELS = 200
SPELLING_COMPONENTS = 10


@dataclass(frozen=True)
class Recipe:
    """What a variant is made for: columns by kind, those with many levels apart, the task and a seed.

    ``n_classes`` is how many classes the rows hold, which may be fewer than the stream has; 0 for a regression.
    ``target_folds`` is how many folds the target can be encoded in; 0 where it holds one class only.
    """

    numeric: Sequence[str]
    few_levels: Sequence[str]
    many_levels: Sequence[str]
    task: Task
    n_classes: int
    target_folds: int
    n_rows: int
    seed: int

    @property
    def categorical(self) -> list[str]:
        """Every categorical column, in the order in which the variants encode them."""
        return [*self.few_levels, *self.many_levels]

    @property
    def encodes_classes(self) -> bool:
        """Whether levels are encoded by classes, and not (one class, or a regression) by a mean."""
        return self.task.is_classification and self.target_folds > 1


@dataclass(frozen=True)
class Variant:
    """A named recipe. ``keeps_missing`` variants leave NaN in; ``category_codes`` mark their levels as codes."""

    name: str
    build: Callable[[Recipe], "ColumnTransformer"]
    keeps_missing: bool = False
    category_codes: bool = False
    needs_many_levels: bool = False


def build_onehot(recipe: Recipe) -> "ColumnTransformer":
    """Numbers imputed (with an indicator) and scaled; levels one-hot, rare ones pooled."""
    return _columns(
        ("numeric", _scaled_numbers(), recipe.numeric), ("levels", _onehot(recipe.n_rows), recipe.categorical)
    )


def build_target(recipe: Recipe) -> "ColumnTransformer":
    """Numbers imputed and scaled; levels as the smoothed mean of the target, out of fold while fitting.

    Source: Micci-Barreca (2001). The folds are seeded, since scikit-learn's default is not reproducible.
    """
    return _columns(
        ("numeric", _scaled_numbers(), recipe.numeric), ("levels", _target_means(recipe), recipe.categorical)
    )


def build_native(recipe: Recipe) -> "ColumnTransformer":
    """Numbers as they are, missing ones too; levels as codes, rare ones pooled, unseen ones missing."""
    import numpy as np
    from sklearn.preprocessing import OrdinalEncoder

    levels = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        min_frequency=_min_count(recipe.n_rows),
        max_categories=MAX_NATIVE_LEVELS,
    )
    return _columns(("numeric", "passthrough", recipe.numeric), ("levels", levels, recipe.categorical))


def build_spelling(recipe: Recipe) -> "ColumnTransformer":
    """As one-hot for columns with few levels; columns with many are encoded by how their levels are spelled."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from model_zoo.spelling import SpellingEncoder

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
        Variant("spelling", build_spelling, needs_many_levels=True),
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
    import numpy as np
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=_min_count(n_rows),
        max_categories=MAX_ONEHOT_LEVELS,
        sparse_output=False,
        dtype=np.float32,
    )


def _target_means(recipe: Recipe) -> Any:
    from sklearn.model_selection import KFold, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler, TargetEncoder

    kind = "continuous"
    if recipe.encodes_classes:  # by the classes that are there: scikit-learn cannot encode two as "multiclass"
        kind = "binary" if recipe.n_classes == 2 else "multiclass"
    folds = StratifiedKFold if recipe.encodes_classes else KFold
    cv = folds(max(2, recipe.target_folds), shuffle=True, random_state=recipe.seed)
    encoder = TargetEncoder(target_type=kind, cv=cv)
    return make_pipeline(encoder, StandardScaler())


def _min_count(n_rows: int) -> int:
    return max(2, round(RARE_SHARE * n_rows))
