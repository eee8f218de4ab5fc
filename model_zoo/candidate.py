"""A candidate: a family, a preprocessing variant, parameters and a treatment of its rows; what a version is made of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FOUND = "found_"
"""How names of parameters begin that a fit found out: they say what became of a candidate, not what it is."""


@dataclass(frozen=True)
class Candidate:
    """One way to learn.

    Beside its family's parameters, ``params`` may hold ``balance`` (0 to 1), the exponent of the class weights (1 is
    fully balanced), ``resample``, "smote" or "under" where rare classes are resampled, and ``calibrate``, whether
    probabilities are corrected by what later rows showed.

    window:  how many of the newest batches it learns from; None for as many as there are
    masked:  whether it also learns from copies of its rows with cells hidden at random
    guarded: whether impossible cells become missing before it sees them
    """

    family: str
    variant: str
    params: Mapping[str, Any] = field(default_factory=dict)
    window: int | None = None
    masked: bool = False
    guarded: bool = False

    @property
    def key(self) -> str:
        """Return a text that two equal candidates share, whatever their fits found out.

        >>> Candidate("linear", "onehot", {"c": 1.0}, window=3, guarded=True).key
        'linear/onehot/{"c": 1.0}/last 3/guarded'
        """
        stated = {name: param for name, param in self.params.items() if not name.startswith(FOUND)}
        parts = [self.family, self.variant, json.dumps(stated, sort_keys=True)]
        return "/".join([*parts, *self.treatment])

    @property
    def treatment(self) -> tuple[str, ...]:
        """Return how its rows are treated, in words; () for all rows as they are."""
        words = {f"last {self.window}": self.window is not None, "masked": self.masked, "guarded": self.guarded}
        return tuple(word for word, applies in words.items() if applies)
