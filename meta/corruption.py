"""Seeded damage: copies of clean rows with the faults that real feeds have. Meta-examples need them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

UNSEEN_LEVEL = "a level never seen"


@dataclass(frozen=True)
class Corruption:
    """A named kind of damage. ``condition`` is what its rows mostly become: sparse or anomalous."""

    name: str
    condition: str
    apply: Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def remove_cells(share: float) -> Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]:
    """Return damage that empties ``share`` of all cells at random."""

    def apply(features: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
        return features.mask(generator.random(features.shape) < share)

    return apply


def scale_numbers(factor: float, share: float) -> Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]:
    """Return damage that multiplies ``share`` of the numeric cells by ``factor``, as a wrong unit does."""

    def apply(features: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
        numeric = [name for name in features if pd.api.types.is_numeric_dtype(features[name])]
        hit = generator.random((len(features), len(numeric))) < share
        return features.assign(**{
            str(name): features[name].where(~hit[:, position], features[name] * factor)
            for position, name in enumerate(numeric)
        })  # fmt: skip

    return apply


def replace_levels(share: float) -> Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]:
    """Return damage that puts an unseen level into ``share`` of the categorical cells."""

    def apply(features: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
        text = [name for name in features if not pd.api.types.is_numeric_dtype(features[name])]
        hit = generator.random((len(features), len(text))) < share
        return features.assign(**{
            str(name): features[name].mask(hit[:, position], UNSEEN_LEVEL) for position, name in enumerate(text)
        })  # fmt: skip

    return apply


def remove_columns(count: int) -> Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]:
    """Return damage that empties ``count`` columns chosen at random, as a feed outage does."""

    def apply(features: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
        width = features.shape[1]
        lost = generator.choice(width, size=min(count, width), replace=False)
        keep = ~np.isin(np.arange(width), lost)
        return features.where(np.broadcast_to(keep, features.shape))

    return apply


CORRUPTIONS = (
    Corruption("remove_10", "sparse", remove_cells(0.1)),
    Corruption("remove_30", "sparse", remove_cells(0.3)),
    Corruption("remove_60", "sparse", remove_cells(0.6)),
    Corruption("outage_1", "sparse", remove_columns(1)),
    Corruption("outage_3", "sparse", remove_columns(3)),
    Corruption("unit_x100", "anomalous", scale_numbers(100.0, 0.2)),
    Corruption("unit_x1000", "anomalous", scale_numbers(1000.0, 0.1)),
    Corruption("unit_x0.01", "anomalous", scale_numbers(0.01, 0.2)),
    Corruption("unseen_30", "anomalous", replace_levels(0.3)),
)
