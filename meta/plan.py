"""How a request is served: the registered model that answers it, its members by kind of row, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pointsman.meta.alarm import Alarm
from pointsman.meta.flags import RowKind

PROMOTED = "promoted"
"""The ``predict_reason`` of rows that a model answered because a person promoted it."""

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

    model:    the line of the registered model that answers, a single model's or an ensemble's
    weights:  by RowKind, its members and their weights; a single model is its own only member
    reasons:  by RowKind, what its rows say in ``predict_reason``
    why:      one sentence about the choice
    champion: the single model that would serve by the alarm alone
    ranking:  the first candidates by predicted loss, each with what it is predicted to lose more than ``model``
    """

    model: str
    weights: tuple[Weights, ...]
    reasons: tuple[str, ...]
    why: str
    alarm: Alarm
    champion: str
    ranking: tuple[tuple[str, float], ...]
    expected: Expectation

    @property
    def is_pinned(self) -> bool:
        """Whether a person, and not the selector, chose what serves."""
        return PROMOTED in self.reasons

    @property
    def is_champions(self) -> bool:
        """Whether the champion alone answers every row, as itself or as an ensemble's only member."""
        return tuple(self.weights) == serve_alone(self.champion)

    def pin(self, line: str, members: Sequence[Weights]) -> "Plan":
        """Return the plan in which a model answers every row, since a person wants it so; nothing is known of its loss.

        The champion remains the fallback where the model fails.
        """
        return replace(
            self,
            model=line,
            weights=tuple(members),
            reasons=(PROMOTED,) * len(RowKind),
            why=f"{line} was promoted by hand (python run.py models history says by whom and why)",
            ranking=(),
            expected=Expectation(),
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """Every member, the heaviest first."""
        total: dict[str, float] = {}
        for weights in self.weights:
            for line, weight in weights.items():
                total[line] = max(weight, total.get(line, 0.0))
        return tuple(sorted(total, key=lambda line: (-total[line], line)))


def serve_alone(line: str) -> tuple[Weights, ...]:
    """Return the members, by RowKind, of a single model."""
    return ({line: 1.0},) * len(RowKind)


def name_loss(is_classification: bool) -> str:
    """Return what the losses of a plan are: log-loss, or RMSE, which is in the target's own unit.

    >>> name_loss(True), name_loss(False)
    ('log-loss', 'RMSE')
    """
    return "log-loss" if is_classification else "RMSE"


def name_kind(kind: int) -> str:
    """Return a RowKind in lower case: clean, sparse or anomalous."""
    return RowKind(kind).name.lower()


def name_weights(weights: Sequence[Weights], ids: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Return weights by kind of row and version, the heaviest first."""
    return {
        name_kind(kind): {ids[line]: weight for line, weight in sorted(weights[kind].items(), key=lambda one: -one[1])}
        for kind in RowKind
    }
