"""What features add to answers: the records that explanations are made of, on the scale of the answer."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from pointsman.common.records import LabelledBatch


class Exactness(StrEnum):
    """How a member's SHAP values were found.

    EXACT:    by an exact method, on the scale of the answer
    CARRIED:  by an exact method where its parts add up (log-odds, say), and in proportion from there to the answer
    SAMPLED:  from answers to rows with some cells replaced
    CONSTANT: they are 0, since it answers every row alike
    """

    EXACT = "exact"
    CARRIED = "carried"
    SAMPLED = "sampled"
    CONSTANT = "constant"


@dataclass(frozen=True)
class MemberShap:
    """How a member of what serves was explained: its weight, how its values were found and by which method."""

    version: str
    family: str
    share: float
    exactness: Exactness
    method: str


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each feature adds to the answer of each row.

    ``values`` is (n_rows, n_features, n_outputs) for the columns of ``features`` (n_rows, n_features); ``base`` is
    (n_outputs,), the answer before anything is known of a row. ``outputs`` names what is answered and ``scale`` its
    unit; ``members`` are whose values these are, mixed by their weights.
    """

    features: pd.DataFrame
    values: np.ndarray
    base: np.ndarray
    outputs: tuple[str, ...]
    scale: str
    members: tuple[MemberShap, ...] = ()

    @property
    def margins(self) -> np.ndarray:
        """Answers (n_rows, n_outputs): base plus the row's values."""
        return self.base + self.values.sum(axis=1)

    @property
    def output(self) -> int:
        """The output that is shown where one has to be chosen: the class predicted most often."""
        return int(np.bincount(self.margins.argmax(axis=1)).argmax()) if len(self.outputs) > 1 else 0

    @property
    def shown(self) -> str:
        """What the shown output says, in words: the scale or, of several classes, the probability of one."""
        return self.scale if len(self.outputs) == 1 else f"probability of '{self.outputs[self.output]}'"

    def rank_features(self) -> list[int]:
        """Return positions of features by mean absolute value over rows and outputs, largest first."""
        return np.argsort(-np.abs(self.values).mean(axis=(0, 2)), kind="stable").tolist()


@dataclass(frozen=True, eq=False)
class Explanation:
    """What serves, explained on rows of a batch, or with an ``obstacle`` the reason why it is not.

    ``mixed`` are an ensemble's members and their weights, in words; '' for a single model. ``drawn`` are the rows.
    """

    version: str | None
    batch: int | None
    rows_asked: int
    contributions: Contributions | None
    obstacle: str = ""
    mixed: str = ""
    drawn: LabelledBatch | None = None
