"""When drift will first be judged: batches have to have been measured before it is known what is usual."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from math import ceil

REGULAR = 0.25
"""Gaps between batches that are all within this share of their median are a rhythm."""
MOST_A_BATCH = 2
"""Reference models of concept drift, each of which adds a measurement of the same kind with a batch."""


@dataclass(frozen=True)
class FirstVerdict:
    """The accepted batch that is judged first for a kind of drift, 'data' or 'concept': ``earliest`` to ``latest``.

    ``day`` is when the earliest ends in the stream's own time; None where its batches have no rhythm.
    """

    kind: str
    earliest: int
    latest: int
    day: date | None


def foresee_verdicts(
    newest: int, measured: Mapping[str, int], judged: Sequence[str], ends: Sequence[datetime]
) -> tuple[FirstVerdict, ...]:
    """Return the first verdicts still to come.

    ``newest`` is the newest batch, ``measured`` by kind how often it was measured so far, ``judged`` the kinds that
    have been judged, and ``ends`` the ends of accepted batches in order.

    >>> foresee_verdicts(6, {"data": 5, "concept": 4}, (), [])[0]
    FirstVerdict(kind='data', earliest=9, latest=9, day=None)
    """
    from pointsman.pipeline.drift.concept import LEAST_PAST as LEAST_DEVIATIONS
    from pointsman.pipeline.drift.novelty import LEAST_PAST as LEAST_SCORES
    from pointsman.pipeline.drift.verdict import UNSETTLED

    missing = {
        "data": (LEAST_SCORES + UNSETTLED - measured.get("data", 0), 1),
        "concept": (LEAST_DEVIATIONS - measured.get("concept", 0), MOST_A_BATCH),
    }
    found = []
    for kind, (count, most) in missing.items():
        if kind not in judged:
            earliest, latest = (newest + 1 + max(0, ceil(count / each)) for each in (most, 1))
            found.append(FirstVerdict(kind, earliest, latest, _find_day(ends, earliest - newest)))
    return tuple(found)


def _find_day(ends: Sequence[datetime], ahead: int) -> date | None:
    """Return when a batch that is so many ahead will end, if batches come in a rhythm."""
    gaps = [later - earlier for earlier, later in pairwise(ends)]
    if not gaps:
        return None
    usual = sorted(gaps)[len(gaps) // 2]
    if not all(abs(gap - usual) <= REGULAR * usual for gap in gaps):
        return None
    return (ends[-1] + ahead * usual).date()
