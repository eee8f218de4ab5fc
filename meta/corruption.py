"""Seeded damage: copies of clean rows with the faults that real feeds have. Records need them.

Without damaged copies to learn from, regret on damaged requests was five times as high in measurements on real
streams, so the copies cover every family of damage, each with an intensity that is drawn anew for every batch.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

UNSEEN_LEVEL = "a level never seen"

Damage = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


@dataclass(frozen=True)
class Corruption:
    """A named kind of damage. ``needs`` is 'numeric' or 'categorical' where it touches such features alone."""

    name: str
    apply: Damage
    needs: str = ""

    def applies_to(self, features: pd.DataFrame) -> bool:
        """Return whether the table has a feature that this damages."""
        numeric = [pd.api.types.is_numeric_dtype(features[name]) for name in features]
        return {"numeric": any(numeric), "categorical": not all(numeric), "": bool(numeric)}[self.needs]


def remove_cells(least: float, most: float) -> Damage:
    """Return damage that empties a share of all cells at random, the share drawn between ``least`` and ``most``."""

    def apply(features: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
        return features.mask(generator.random(features.shape) < generator.uniform(least, most))

    return apply


def scale_numbers(factor: float, least: float = 0.05, most: float = 0.4) -> Damage:
    """Return damage that multiplies a share of the numeric cells by ``factor``, as a wrong unit does."""

    def apply(features: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
        return _change_numbers(features, generator, generator.uniform(least, most), lambda cells: cells * factor)

    return apply


def add_noise(least: float = 0.1, most: float = 0.5) -> Damage:
    """Return damage that adds normal noise of a column's own spread to a share of its numbers."""

    def apply(features: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
        def disturb(cells: pd.Series) -> pd.Series:
            return cells + generator.normal(size=len(cells)) * float(np.nan_to_num(cells.std()))

        return _change_numbers(features, generator, generator.uniform(least, most), disturb)

    return apply


def replace_levels(least: float, most: float) -> Damage:
    """Return damage that puts an unseen level into a share of the categorical cells."""

    def apply(features: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
        text = [name for name in features if not pd.api.types.is_numeric_dtype(features[name])]
        hit = generator.random((len(features), len(text))) < generator.uniform(least, most)
        return features.assign(
            **{str(name): features[name].mask(hit[:, position], UNSEEN_LEVEL) for position, name in enumerate(text)}
        )

    return apply


def remove_columns(count: int) -> Damage:
    """Return damage that empties ``count`` columns chosen at random, as a feed outage does."""

    def apply(features: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
        width = features.shape[1]
        lost = generator.choice(width, size=min(count, width), replace=False)
        hidden = np.isin(np.arange(width), lost)
        return features.mask(np.broadcast_to(hidden, features.shape))

    return apply


def _change_numbers(
    features: pd.DataFrame, generator: np.random.Generator, share: float, change: Callable[[pd.Series], pd.Series]
) -> pd.DataFrame:
    numeric = [name for name in features if pd.api.types.is_numeric_dtype(features[name])]
    hit = generator.random((len(features), len(numeric))) < share
    return features.assign(
        **{
            str(name): features[name].where(~hit[:, position], change(features[name]))
            for position, name in enumerate(numeric)
        }
    )


CORRUPTIONS = (
    Corruption("missing 10-30 %", remove_cells(0.1, 0.3)),
    Corruption("missing 30-55 %", remove_cells(0.3, 0.55)),
    Corruption("missing 55-80 %", remove_cells(0.55, 0.8)),
    Corruption("missing 10-80 %", remove_cells(0.1, 0.8)),
    Corruption("1 column missing", remove_columns(1)),
    Corruption("2 columns missing", remove_columns(2)),
    Corruption("3 columns missing", remove_columns(3)),
    Corruption("unit x 10", scale_numbers(10.0), "numeric"),
    Corruption("unit x 100", scale_numbers(100.0), "numeric"),
    Corruption("unit x 1000", scale_numbers(1000.0), "numeric"),
    Corruption("unit x 0.01", scale_numbers(0.01), "numeric"),
    Corruption("noise", add_noise(), "numeric"),
    Corruption("unseen 10-30 %", replace_levels(0.1, 0.3), "categorical"),
    Corruption("unseen 30-60 %", replace_levels(0.3, 0.6), "categorical"),
)
