"""The alarm: whether a request as a whole is more damaged than the batches before it were."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pointsman.meta.profile import Profile

LATEST = 3
"""Usual shares are means over this many newest clean batches."""

LIMITS = {"missing": 0.15, "out of range": 0.05, "unseen": 0.10}
"""By how much a column's share of such cells may exceed its usual one, in the order of ``Profile.shares``.

Measured: with these limits two champions and the alarm brought most of what selection gains on damaged requests."""


@dataclass(frozen=True)
class Alarm:
    """What raised the alarm: '' for ``damage`` means nothing did."""

    damage: str = ""
    column: str = ""
    share: float = 0.0
    usual: float = 0.0

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
        return f"alarm: {self.share:.0%} of '{self.column}' is {self.damage}, usually {self.usual:.0%}"


def average_shares(clean: Sequence[Profile]) -> dict[str, tuple[float, ...]]:
    """Return what is usual: by column, the mean shares over the newest clean batches, the newest last."""
    latest = list(clean)[-LATEST:]
    columns = {column for profile in latest for column in profile.shares}
    return {
        column: tuple(np.mean([p.shares[column] for p in latest if column in p.shares], axis=0).tolist())
        for column in sorted(columns)
    }


def find_alarm(profile: Profile, usual: Mapping[str, Sequence[float]]) -> Alarm:
    """Return the alarm of the column that is farthest above its limit; anomalies go before missing cells."""
    raised: list[tuple[bool, float, Alarm]] = []
    for column, shares in profile.shares.items():
        before = usual.get(column, (0.0, 0.0, 0.0))
        for (damage, limit), share, normal in zip(LIMITS.items(), shares, before, strict=True):
            if share - normal > limit:
                raised.append((damage != "missing", share - normal - limit, Alarm(damage, column, share, normal)))
    return max(raised, key=lambda one: one[:2])[2] if raised else Alarm()
