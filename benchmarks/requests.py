"""Requests cut from a labelled batch, whose labels are held back: whole, small, segments, damaged as in training, and
damaged as never in training."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.common.seeding import random_generator
from pointsman.meta.corruption import remove_columns

WHOLE, SMALL, CORRUPTED, UNSEEN = "whole", "small", "corrupted", "unseen damage"
CLASSES = (WHOLE, SMALL, CORRUPTED, UNSEEN)
SIZES = (50, 200, 1_000)

Damage = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


@dataclass(frozen=True)
class Request:
    """Rows to answer; ``target`` (n_rows,) is for the grading alone."""

    kind: str
    name: str
    features: pd.DataFrame
    target: np.ndarray


def cut_requests(batch: int, features: pd.DataFrame, target: np.ndarray, seed: int) -> Iterator[Request]:
    """Yield about 25 requests of a batch."""
    yield Request(WHOLE, "whole", features, target)
    generator = random_generator(seed, "requests", batch)
    for size in SIZES:
        rows = np.sort(generator.choice(len(target), min(size, len(target)), replace=False))
        yield Request(SMALL, f"{size} rows", features.iloc[rows].reset_index(drop=True), target[rows])
    for number in range(3):
        rows = _cut_segment(features, generator)
        yield Request(SMALL, f"segment {number}", features.iloc[rows].reset_index(drop=True), target[rows])
    for kind, damages in ((CORRUPTED, known_damages(features)), (UNSEEN, unseen_damages())):
        for name, damage in damages.items():
            for size in (200, 1_000) if kind == CORRUPTED else SIZES:
                rows = np.sort(generator.choice(len(target), min(size, len(target)), replace=False))
                damaged = damage(features.iloc[rows].reset_index(drop=True), generator)
                yield Request(kind, f"{name}, {size} rows", damaged, target[rows])


def known_damages(features: pd.DataFrame) -> dict[str, Damage]:
    """Return damage of the families that records hold, at fixed intensities."""
    text = any(not pd.api.types.is_numeric_dtype(features[name]) for name in features)
    damages: dict[str, Damage] = {
        "30 % missing": lambda table, generator: table.mask(generator.random(table.shape) < 0.3),
        "60 % missing": lambda table, generator: table.mask(generator.random(table.shape) < 0.6),
        "x 100 in 20 %": lambda table, generator: _change(table, generator, 0.2, lambda cells: cells * 100),
        "1 column missing": remove_columns(1),
    }
    if text:
        damages["30 % unseen"] = lambda table, generator: _relabel(table, generator, 0.3)
    return damages


def unseen_damages() -> dict[str, Damage]:
    """Return damage that no record holds."""
    return {
        "-999 in 30 %": lambda table, generator: _change(table, generator, 0.3, lambda cells: cells * 0 - 999),
        "20 % of rows wrecked": _wreck_rows,
    }


def _cut_segment(features: pd.DataFrame, generator: np.random.Generator) -> np.ndarray:
    """Return the rows of one level, or of one third of the range, of a column drawn at random."""
    for _ in range(20):
        cells = features[features.columns[generator.integers(features.shape[1])]]
        if pd.api.types.is_numeric_dtype(cells):
            third = generator.integers(3)
            ranks = cells.rank(pct=True).to_numpy()
            rows = np.flatnonzero((ranks > third / 3) & (ranks <= (third + 1) / 3))
        else:
            known = cells.dropna()
            rows = (
                np.flatnonzero((cells == known.iloc[generator.integers(len(known))]).to_numpy()) if len(known) else []
            )
        if 30 <= len(rows) < 0.9 * len(features):
            return np.asarray(rows)
    return np.arange(len(features) // 2)


def _change(
    table: pd.DataFrame, generator: np.random.Generator, share: float, change: Callable[[pd.Series], pd.Series]
) -> pd.DataFrame:
    numeric = [name for name in table if pd.api.types.is_numeric_dtype(table[name])]
    hit = generator.random((len(table), len(numeric))) < share
    return table.assign(
        **{
            str(name): table[name].where(~hit[:, position], change(table[name].fillna(0)))
            for position, name in enumerate(numeric)
        }
    )


def _relabel(table: pd.DataFrame, generator: np.random.Generator, share: float) -> pd.DataFrame:
    text = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    hit = generator.random((len(table), len(text))) < share
    return table.assign(**{str(name): table[name].mask(hit[:, k], "from elsewhere") for k, name in enumerate(text)})


def _wreck_rows(table: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """Half the cells of a fifth of the rows are gone, their other numbers are a million times too large."""
    wrecked = generator.random(len(table)) < 0.2
    garbled = _change(table, generator, 1.0, lambda cells: cells * 1e6)
    garbled = _relabel(garbled.mask(generator.random(table.shape) < 0.5), generator, 0.5)
    return table.mask(pd.Series(wrecked, index=table.index), garbled)
