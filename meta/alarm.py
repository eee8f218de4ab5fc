"""The alarm: whether a request as a whole is more damaged than the batches before it were."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pointsman.common.text import count
from pointsman.meta.profile import Profile

MOST_NAMED = 3
"""Columns that an alarm names; it counts the others."""
LATEST = 3
"""Usual shares are means over this many newest clean batches."""

LIMITS = {"missing": 0.15, "out of range": 0.05, "unseen": 0.10}
"""By how much a column's share of such cells may exceed its usual one, in the order of ``Profile.shares``.

Measured: with these limits two champions and the alarm brought most of what selection gains on damaged requests."""


@dataclass(frozen=True)
class Alarm:
    """What raised the alarm: '' for ``damage`` means nothing did.

    ``share`` and ``usual`` count cells that are unexpectedly so: what is missing as often as ever, or new because of a
    season, counts in neither. ``others`` are further columns above their limits with their damage, the farthest first.
    """

    damage: str = ""
    column: str = ""
    share: float = 0.0
    usual: float = 0.0
    others: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.damage)

    @property
    def condition(self) -> str:
        """Return 'sparse' or 'anomalous', what rows of such a request mostly are; '' without an alarm."""
        return "" if not self else "sparse" if self.damage == "missing" else "anomalous"

    def describe(self) -> str:
        """Return the alarm in words."""
        if not self:
            return "no alarm: the inputs are as complete and plausible as in the last batches"
        first = f"alarm: {self.share:.0%} of '{self.column}' is unexpectedly {self.damage}, usually {self.usual:.0%}"
        if not self.others:
            return first
        named = [f"'{column}' (unexpectedly {damage})" for column, damage in self.others[: MOST_NAMED - 1]]
        if more := len(self.others) - len(named):
            named.append(count(more, "more column"))
        return f"{first}; so, too, {', '.join(named)}"


def average_shares(clean: Sequence[Profile]) -> dict[str, tuple[float, ...]]:
    """Return what is usual: by column, the mean shares over the newest clean batches, the newest last."""
    latest = list(clean)[-LATEST:]
    columns = {column for profile in latest for column in profile.shares}
    return {
        column: tuple(np.mean([p.shares[column] for p in latest if column in p.shares], axis=0).tolist())
        for column in sorted(columns)
    }


def find_alarm(profile: Profile, usual: Mapping[str, Sequence[float]]) -> Alarm:
    """Return the alarm of the column that is farthest above its limit; anomalies go before missing cells.

    It names the other columns that are above one, too, each with the damage by which it is farthest above.
    """
    raised: list[tuple[bool, float, Alarm]] = []
    for column, shares in profile.shares.items():
        before = usual.get(column, (0.0, 0.0, 0.0))
        for (damage, limit), share, normal in zip(LIMITS.items(), shares, before, strict=True):
            if share - normal > limit:
                raised.append((damage != "missing", share - normal - limit, Alarm(damage, column, share, normal)))
    if not raised:
        return Alarm()
    ordered = [alarm for _, _, alarm in sorted(raised, key=lambda one: one[:2], reverse=True)]  # stable, as max is
    first = ordered[0]
    by_column = {alarm.column: alarm.damage for alarm in reversed(ordered) if alarm.column != first.column}
    return replace(first, others=tuple(reversed(by_column.items())))
