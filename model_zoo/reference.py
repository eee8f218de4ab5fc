"""What inputs normally look like: the basis on which rows of a request are called sparse or anomalous."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class NumericReference:
    """The normal range, centre and spread of a numeric feature, and how often it is missing."""

    low: float
    high: float
    mean: float
    deviation: float
    missing_share: float


@dataclass(frozen=True)
class LevelReference:
    """The known levels of a categorical feature, how often it is missing, and how often a filled cell's level is new.

    ``new_share`` is the share of filled training cells whose level occurs once, the estimate of Good and Turing (1953):
    near 1 for contract numbers, 0 for sex, and 1 where no cell was filled, since no level is impossible then. Where the
    batches of rows are given it is at least the share of filled cells, in all of them but the first, whose level no
    earlier batch had: near 1 for names of months. References that were stored before it was known have 0.
    """

    levels: frozenset[str]
    missing_share: float
    new_share: float = 0.0


@dataclass(frozen=True)
class InputReference:
    """Normal inputs, by feature; fitted on the rows that the active versions were trained on."""

    numeric: Mapping[str, NumericReference]
    categorical: Mapping[str, LevelReference]

    @cached_property
    def numeric_names(self) -> tuple[str, ...]:
        """The numeric features in their order."""
        return tuple(self.numeric)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every feature: the numeric ones, then the categorical ones."""
        return (*self.numeric, *self.categorical)

    @cached_property
    def lows(self) -> np.ndarray:
        """The lower ends of normal ranges (n_numeric,)."""
        return np.array([normal.low for normal in self.numeric.values()], dtype=float)

    @cached_property
    def highs(self) -> np.ndarray:
        """The upper ends of normal ranges (n_numeric,)."""
        return np.array([normal.high for normal in self.numeric.values()], dtype=float)

    @cached_property
    def missing_shares(self) -> np.ndarray:
        """How often each feature (n_features,) is missing."""
        shares = [normal.missing_share for normal in self.numeric.values()]
        return np.array([*shares, *(normal.missing_share for normal in self.categorical.values())], dtype=float)

    @cached_property
    def new_shares(self) -> np.ndarray:
        """How often a filled cell of each feature (n_features,) is of a new level; 0 for numeric ones."""
        shares = [normal.new_share for normal in self.categorical.values()]
        return np.array([*[0.0] * len(self.numeric), *shares], dtype=float)

    def to_json(self) -> bytes:
        """Return the reference as canonical JSON."""
        described = {
            "numeric": {name: vars(reference) for name, reference in self.numeric.items()},
            "categorical": {
                name: vars(reference) | {"levels": sorted(reference.levels)}
                for name, reference in self.categorical.items()
            },
        }
        return json.dumps(described).encode()

    @classmethod
    def from_json(cls, content: bytes) -> "InputReference":
        """Return the reference that ``to_json`` described."""
        described: dict[str, Any] = json.loads(content)
        return cls(
            {name: NumericReference(**stored) for name, stored in described["numeric"].items()},
            {
                name: LevelReference(**stored | {"levels": frozenset(stored["levels"])})
                for name, stored in described["categorical"].items()
            },
        )
