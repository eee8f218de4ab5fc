"""A limit on the time of an update: until when each step goes on, and what was left out for want of time."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from pointsman.common.storage.catalogue import generation_column, metadata, read_rows

ENDS = {"gains": 0.1, "search": 0.4, "newcomers": 0.6, "refits": 0.9, "challengers": 0.95}
"""By step, in their order, the share of the limit at which it ends. What is before, between and after them (reading,
judging, predicting, choosing what serves) is never left out."""

WORDS = {
    "gains": "{done} of {planned} engineered features measured",
    "search": "{done} of {planned} trials",
    "newcomers": "{done} of {planned} newcomers tried",
    "refits": "{done} of {planned} models fitted",
    "challengers": "{done} of {planned} challengers fitted",
}

cut_steps_table = sa.Table(
    "cut_steps",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("step", sa.String, primary_key=True),
    sa.Column("done", sa.Integer, nullable=False),
    sa.Column("planned", sa.Integer, nullable=False),
)
"""Steps of an update that a limit on its time ended early, and how much of each was done: a replay does as much."""

Allowance = Callable[[int, int], int]
"""How many tasks may begin now, when so many of so many are done; 0 ends the step."""


@dataclass(frozen=True)
class CutStep:
    """A step that ended early."""

    step: str
    done: int
    planned: int

    def __str__(self) -> str:
        return WORDS[self.step].format(done=self.done, planned=self.planned)


class TimeLimit:
    """Decides how far each step of an update goes, by the clock or as an earlier run of the same update went.

    seconds:  for the whole update; ``by_step``, in seconds from its own beginning, for single ones
    followed: by step, how much an earlier run did of it; then no clock is looked at

    >>> limit = TimeLimit(followed={"search": 4})
    >>> allow = limit.open("search")
    >>> allow(0, 10), allow(4, 10), [str(cut) for cut in limit.cuts]
    (4, 0, ['4 of 10 trials'])
    >>> TimeLimit().open("search") is None
    True
    """

    def __init__(
        self,
        seconds: float | None = None,
        by_step: Mapping[str, float | None] | None = None,
        followed: Mapping[str, int] | None = None,
    ) -> None:
        self.seconds, self.by_step, self.followed = seconds, by_step or {}, followed
        self._began = time.monotonic()
        self._cuts: dict[str, CutStep] = {}

    @property
    def cuts(self) -> list[CutStep]:
        """Steps that ended early, in their order."""
        return list(self._cuts.values())

    def open(self, step: str, least: int = 0, at_a_time: int = 1) -> Allowance | None:
        """Return what says how far a step goes; None where nothing ends it early.

        ``least`` tasks are done in any case, and as many as ``at_a_time`` begin together.
        """
        own, began = self.by_step.get(step), time.monotonic()
        if self.followed is None and self.seconds is None and own is None:
            return None

        def allow(done: int, planned: int) -> int:
            if self.followed is not None:
                count = self.followed.get(step, planned) - done
            else:
                now = time.monotonic()
                late = self.seconds is not None and now - self._began > ENDS[step] * self.seconds
                late = late or (own is not None and now - began > own)
                count = max(least - done, 0 if late else at_a_time)
            if count <= 0 and done < planned:
                self._cuts[step] = CutStep(step, done, planned)
            return max(0, count)

        return allow


def load_cut_steps(engine: sa.Engine, generation: int) -> dict[str, int]:
    """Return by step that ended early in the update of a generation how much of it was done."""
    query = sa.select(cut_steps_table).where(cut_steps_table.c.generation == generation)
    return {row["step"]: row["done"] for row in read_rows(engine, query)}
