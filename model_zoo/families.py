"""Every model family by name; each imports its library when it fits, predicts or loads."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from pointsman.common.errors import ConfigError
from pointsman.common.extras import missing_extra
from pointsman.model_zoo.boosting import Boosting
from pointsman.model_zoo.catboost import CatBoost
from pointsman.model_zoo.extra_trees import ExtraTrees
from pointsman.model_zoo.family import Family
from pointsman.model_zoo.knn import NearestNeighbours
from pointsman.model_zoo.linear import Linear
from pointsman.model_zoo.prior import Prior
from pointsman.model_zoo.tree import Tree

_families: tuple[Family, ...] = (Prior(), Linear(), NearestNeighbours(), Tree(), ExtraTrees(), Boosting(), CatBoost())

FAMILIES: Mapping[str, Family] = MappingProxyType({family.name: family for family in _families})
"""Every family by name."""


def get_family(name: str) -> Family:
    """Return a family. Raises ConfigError naming the nearest known one, or the library it needs where that is absent.

    >>> get_family("lightgmb")
    Traceback (most recent call last):
    pointsman.common.errors.ConfigError: Unknown model family 'lightgmb'; did you mean 'lightgbm'?
    """
    if name not in FAMILIES:
        nearest = difflib.get_close_matches(name, FAMILIES, n=1, cutoff=0.0)[0]
        raise ConfigError(f"Unknown model family '{name}'; did you mean '{nearest}'?")
    family = FAMILIES[name]
    if not family.installed:
        raise missing_extra(family.library, f"The family '{name}' needs the library {family.library}")
    return family
