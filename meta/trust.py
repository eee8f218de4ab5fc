"""How far the choice is trusted: its grades on past batches, each given before that batch's labels were known."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from pointsman.common.text import count
from pointsman.meta.flags import RowKind
from pointsman.meta.grades import CLEAN_GROUP, DAMAGED_GROUP, Grade
from pointsman.meta.plan import Expectation

UNGRADED = "the selector has not been graded yet"
TWO_SIDED_90 = 1.645
MIN_SPREAD = 3
"""Graded batches needed before their spread makes an interval."""
LOSING_BATCHES = 3
"""After so many batches in a row that it lost to the champion, the choice steps back, however small the losses are."""


@dataclass(frozen=True)
class Trust:
    """Why the choice is withheld, and what losses to expect.

    reasons: by group of input, why the champion serves it instead; '' where the choice is trusted
    single:  the same for the choice among single models alone
    losses:  by RowKind, decayed (mean, standard deviation over batches) of the choice's mean row loss; None for unknown
    champion_losses: the same of the champions
    root:    whether losses are squared errors, to be shown as their root
    """

    reasons: Mapping[str, str] = field(default_factory=lambda: {CLEAN_GROUP: UNGRADED, DAMAGED_GROUP: UNGRADED})
    single: Mapping[str, str] = field(default_factory=lambda: {CLEAN_GROUP: UNGRADED, DAMAGED_GROUP: UNGRADED})
    losses: tuple[tuple[float, float | None] | None, ...] = (None, None, None)
    champion_losses: tuple[tuple[float, float | None] | None, ...] = (None, None, None)
    root: bool = False

    def withheld(self, group: str, mode: str = "all") -> str:
        """Return why the champion serves a group of input; '' where what is chosen does."""
        return (self.single if mode == "single" else self.reasons)[group]

    def withhold(self, reason: str) -> "Trust":
        """Return the trust in which the champions serve every group of input, in every mode."""
        return replace(self, reasons=dict.fromkeys(self.reasons, reason), single=dict.fromkeys(self.single, reason))

    def expect(self, counts: Sequence[int], of_champion: bool = False) -> Expectation:
        """Return the expected loss of a request with rows of each kind, of the choice or of the champions."""
        return self._combine(self.champion_losses if of_champion else self.losses, counts)

    def _combine(self, by_kind: Sequence[tuple[float, float | None] | None], counts: Sequence[int]) -> Expectation:
        shares = np.array(counts) / max(1, sum(counts))
        needed = [(share, known) for share, known in zip(shares, by_kind, strict=True) if share > 0]
        if not needed or any(known is None for _, known in needed):
            return Expectation()
        loss = sum(share * known[0] for share, known in needed if known)
        spreads = [known[1] for _, known in needed if known]
        if any(spread is None for spread in spreads):
            return Expectation(self._show(loss))
        half = TWO_SIDED_90 * sum(share * (known[1] or 0.0) for share, known in needed if known)
        return Expectation(self._show(loss), self._show(max(0.0, loss - half)), self._show(loss + half))

    def _show(self, loss: float) -> float:
        return float(np.sqrt(loss)) if self.root else float(loss)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Trust":
        """Return the trust that ``to_json`` described."""
        losses, champions = (
            tuple(None if one is None else tuple(one) for one in stored[name]) for name in ("losses", "champion_losses")
        )
        untrusted = cls().single
        return cls(stored["reasons"], stored.get("single", untrusted), losses, champions, stored["root"])


def judge_grades(
    grades: Sequence[Grade], half_life: float, confidence: float, root: bool, champions: Mapping[str, str] | None = None
) -> Trust:
    """Return how far the next choice is trusted, from all grades so far, newer ones counting more.

    A group of input is withheld while the choice lost to the champion in each of the LOSING_BATCHES newest batches, or
    while the decayed mean difference lies above 0 by more than noise, at one-sided ``confidence``; but not where the
    next generation has another champion (its line, by group) than it lost to: what beat it then would not serve.
    """
    by_group = {group: [one for one in grades if one.group == group] for group in (CLEAN_GROUP, DAMAGED_GROUP)}
    new = {group for group, known in by_group.items() if champions and not reigned(known, champions[group])}
    return Trust(
        reasons={
            group: "" if group in new else _judge_group(known, half_life, confidence, root)
            for group, known in by_group.items()
        },
        single={group: "" if group in new else _judge_single(known) for group, known in by_group.items()},
        losses=tuple(_average(grades, kind, half_life, "selected_by_kind") for kind in RowKind),
        champion_losses=tuple(_average(grades, kind, half_life, "champion_by_kind") for kind in RowKind),
        root=root,
    )


def _judge_single(grades: Sequence[Grade]) -> str:
    if not grades:
        return UNGRADED
    return _say_lost(grades) if is_losing([one.single - one.champion for one in grades]) else ""


def reigned(grades: Sequence[Grade], champion: str) -> bool:
    """Return whether a line was the champion of some request in each of the LOSING_BATCHES newest grades.

    Damaged copies that raise no alarm have the clean champion, so the damaged one need not be that of most. Where there
    is no grade yet, and where those of earlier releases do not say, it is taken to have been.
    """
    return all(champion in grade.champions for grade in grades[-LOSING_BATCHES:] if grade.champions)


def is_losing(differences: Sequence[float]) -> bool:
    """Return whether each of the newest differences to the champion, oldest first, is a loss.

    >>> is_losing([0.1, 0.2, 0.1]), is_losing([0.1, 0.2]), is_losing([0.1, 0.0, 0.1, 0.2])
    (True, False, False)
    """
    newest = list(differences)[-LOSING_BATCHES:]
    return len(newest) == LOSING_BATCHES and min(newest) > 0


def _judge_group(grades: Sequence[Grade], half_life: float, confidence: float, root: bool) -> str:
    from scipy.special import ndtri

    if not grades:
        return UNGRADED
    differences = np.array([grade.difference for grade in grades])
    if is_losing([grade.difference for grade in grades]):
        return _say_lost(grades)
    weights = _decay(grades, half_life)
    difference = float(np.average(differences, weights=weights))
    within = np.array([grade.error for grade in grades])
    between = np.abs(differences - difference) if len(grades) >= MIN_SPREAD else np.zeros(len(grades))
    # Batches differ by more than their rows do: whichever noise is larger decides what lies beyond it.
    error = max(float(np.sqrt(np.sum((weights * noise) ** 2)) / weights.sum()) for noise in (within, between))
    if difference <= float(ndtri(confidence)) * error:
        return ""
    level = float(np.average([grade.champion for grade in grades], weights=weights))
    if level <= 0:
        by = f"{difference:.3g}"
    else:  # losses are shown as roots where differences are of squares
        by = f"{np.sqrt(1 + difference / level**2) - 1 if root else difference / level:.1%}"
    measured = f"{count(len(grades), 'graded batch', 'graded batches')}, newer ones counting more"
    return (
        f"what was chosen lost to the champion by {by} ({'RMSE' if root else 'log-loss'}) on {grades[0].group} input, "
        f"over {measured}"
    )


def _say_lost(grades: Sequence[Grade]) -> str:
    newest = [grade.batch for grade in grades[-LOSING_BATCHES:]]
    return (
        f"what was chosen lost to the champion on {grades[0].group} input of each of the batches {newest[0]} to "
        f"{newest[-1]}"
    )


def _average(grades: Sequence[Grade], kind: RowKind, half_life: float, name: str) -> tuple[float, float | None] | None:
    """Return the decayed mean and spread over batches of the losses on rows of a kind."""
    group = CLEAN_GROUP if kind == RowKind.CLEAN else DAMAGED_GROUP
    known = [grade for grade in grades if grade.group == group and getattr(grade, name)[kind] is not None]
    if not known:
        return None
    losses, weights = np.array([getattr(grade, name)[kind] for grade in known]), _decay(known, half_life)
    mean = float(np.average(losses, weights=weights))
    if len(known) < MIN_SPREAD:
        return mean, None
    return mean, float(np.sqrt(np.average((losses - mean) ** 2, weights=weights)))


def _decay(grades: Sequence[Grade], half_life: float) -> np.ndarray:
    newest = max(grade.batch for grade in grades)
    return np.array([0.5 ** ((newest - grade.batch) / half_life) for grade in grades])
