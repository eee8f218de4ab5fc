"""What serves a request: weights over lines for each kind of row, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from meta.alarm import Alarm
from meta.flags import RowKind

PROMOTED = "promoted"
"""What rows say in ``predict_reason`` that a line answered because a person made it serve."""

Weights = Mapping[str, float]
"""Lines and their weights, which sum to 1."""


@dataclass(frozen=True)
class Expectation:
    """Expected loss of the answer: log-loss, or RMSE. The interval holds nine requests of ten; None where unknown."""

    loss: float | None = None
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class Plan:
    """How a request is served.

    weights:  by RowKind, the lines that answer its rows
    reasons:  by RowKind, what its rows say in ``predict_reason``
    leading:  the line with the most weight over the request's rows
    why:      one sentence about the choice
    champion: the line that would serve alone, by the alarm
    choosers: by chooser, the weights it would have set by itself
    """

    weights: tuple[Weights, ...]
    reasons: tuple[str, ...]
    leading: str
    why: str
    alarm: Alarm
    champion: str
    choosers: Mapping[str, tuple[Weights, ...]]
    expected: Expectation

    @property
    def is_pinned(self) -> bool:
        """Whether a person, and not the selector, chose what serves."""
        return PROMOTED in self.reasons

    def pin(self, line: str) -> "Plan":
        """Return the plan in which a line answers every row, since a person wants it so; nothing is known of its loss.

        The champion stays whom to ask where the line fails.
        """
        return replace(
            self,
            weights=({line: 1.0},) * len(RowKind),
            reasons=(PROMOTED,) * len(RowKind),
            leading=line,
            why=f"the line {line} was promoted by hand (python run.py models history says by whom and why)",
            expected=Expectation(),
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """Every line with a weight, the heaviest first."""
        total: dict[str, float] = {}
        for weights in self.weights:
            for line, weight in weights.items():
                total[line] = max(weight, total.get(line, 0.0))
        return tuple(sorted(total, key=lambda line: (-total[line], line)))


def find_leading(weights: tuple[Weights, ...], counts: tuple[int, ...]) -> str:
    """Return the line with the most weight over rows that are ``counts`` by kind.

    >>> find_leading(({"a": 1.0}, {"b": 1.0}, {"b": 1.0}), (3, 5, 0))
    'b'
    """
    total: dict[str, float] = {}
    for of_kind, count in zip(weights, counts, strict=True):
        for line, weight in of_kind.items():
            total[line] = total.get(line, 0.0) + weight * count
    return max(sorted(total), key=lambda line: total[line])


def name_kind(kind: int) -> str:
    """Return a RowKind in lower case: clean, sparse or anomalous."""
    return RowKind(kind).name.lower()
