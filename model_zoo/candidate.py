"""A candidate: a family, a preprocessing variant and parameters; what a trial evaluates and a version is made of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """One way to learn. ``balance`` in ``params`` (0 to 1) is the exponent of the class weights: 1 = fully balanced."""

    family: str
    variant: str
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Return a text that two equal candidates share.

        >>> Candidate("linear", "onehot", {"c": 1.0}).key
        'linear/onehot/{"c": 1.0}'
        """
        return f"{self.family}/{self.variant}/{json.dumps(dict(self.params), sort_keys=True)}"
