"""When drift will first be judged: batches have to have been measured before it is known what is usual."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

import numpy as np

from pointsman.pipeline.reporting.formats import format_date

REGULAR = 0.25
"""Gaps between batches that are all within this share of their median are a rhythm."""


@dataclass(frozen=True)
class FirstVerdict:
    """The batch that is judged first for a kind of drift, 'data' or 'concept', if all that come can be measured.

    It may come later, since a batch that is rejected or has too few rows measures nothing. ``day`` is when it ends in
    the stream's own time; None where its batches have no rhythm.
    """

    kind: str
    earliest: int
    day: date | None


def foresee_verdicts(
    newest: int,
    measured: Mapping[str, int],
    judged: Sequence[str],
    ends: Sequence[datetime],
    accepted: int,
    window: int,
) -> tuple[FirstVerdict, ...]:
    """Return the first verdicts still to come.

    ``newest`` is the newest batch, ``measured`` by kind how often it was measured so far, ``judged`` the kinds that
    have been judged, and ``ends`` the ends of accepted batches in order. ``accepted`` batches came so far, of which
    reference models see the newest ``window``.

    >>> [one.earliest for one in foresee_verdicts(6, {"data": 5, "concept": 2}, (), [], 6, 24)]
    [9, 11]
    """
    from pointsman.pipeline.drift.concept import LEAST_PAST as LEAST_DEVIATIONS
    from pointsman.pipeline.drift.novelty import LEAST_PAST as LEAST_SCORES
    from pointsman.pipeline.drift.verdict import UNSETTLED

    ahead = {
        "data": max(0, LEAST_SCORES + UNSETTLED - measured.get("data", 0)),
        "concept": _count_batches(LEAST_DEVIATIONS - measured.get("concept", 0), accepted, window),
    }
    found = []
    for kind, more in ahead.items():
        if kind not in judged and more is not None:
            first = newest + 1 + more
            found.append(FirstVerdict(kind, first, _find_day(ends, more + 1)))
    return tuple(found)


def name_verdicts(verdicts: Sequence[FirstVerdict]) -> str:
    """Return when the first verdicts come, as one part of a sentence.

    >>> name_verdicts([FirstVerdict("data", 9, None), FirstVerdict("concept", 11, None)])
    'the first verdict comes at the earliest with batch 9 for data drift and batch 11 for concept drift'
    """
    named = []
    for one in verdicts:
        when = f" (about {format_date(one.day)}, by the stream’s rhythm)" if one.day else ""
        named.append(f"batch {one.earliest} for {one.kind} drift{when}")
    return f"the first verdict comes at the earliest with {' and '.join(named)}"


def _count_batches(missing: int, accepted: int, window: int) -> int | None:
    """Return how many batches add so many measurements of concept drift; None where the window has none to learn.

    A batch adds one for each reference model, and there are as many as the batches before those compared make.

    >>> _count_batches(6, 1, 24), _count_batches(1, 1, 24), _count_batches(6, 20, 24), _count_batches(6, 1, 4)
    (9, 4, 3, None)
    """
    from pointsman.pipeline.drift.reference_models import RECENT, split_history

    if window <= RECENT + 1 and missing > 0:
        return None
    more = 0
    while missing > 0:
        more += 1
        missing -= len(split_history(np.arange(min(accepted + more, window))))
    return more


def _find_day(ends: Sequence[datetime], ahead: int) -> date | None:
    """Return when a batch that is so many ahead will end, if batches come in a rhythm."""
    gaps = [later - earlier for earlier, later in pairwise(ends)]
    if not gaps:
        return None
    usual = sorted(gaps)[len(gaps) // 2]
    if not all(abs(gap - usual) <= REGULAR * usual for gap in gaps):
        return None
    return (ends[-1] + ahead * usual).date()
