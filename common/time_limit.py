"""A limit on the time of an update: until when each step goes on, and what was left out for want of time."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from pointsman.common.storage.catalogue import generation_column, metadata, read_rows
from pointsman.common.storage.rows import read_record

ENDS = {"gains": 0.1, "search": 0.4, "newcomers": 0.6, "refits": 0.9, "challengers": 0.95}
"""By step, in their order, the share of the limit at which it ends. What is before, between and after them (reading,
judging, predicting, choosing what serves) is never left out."""

OVERRUN = 1.1
"""An update that takes as many times its limit says so."""

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
    sa.Column("cause", sa.String, nullable=False),
)
"""Steps of an update that ended early, how much of each was done and why: a replay does as much."""

INTERRUPTED = "Ctrl-C"

Allowance = Callable[[int, int], int]
"""How many tasks may begin now, when so many of so many are done; 0 ends the step."""


@dataclass(frozen=True)
class CutStep:
    """A step that ended early; ``cause`` is the key that limits it, or INTERRUPTED."""

    step: str
    done: int
    planned: int
    cause: str

    def __str__(self) -> str:
        return WORDS[self.step].format(done=self.done, planned=self.planned)


class TimeLimit:
    """Decides how far each step of an update goes, by the clock or as an earlier run of the same update went.

    seconds:  for the whole update; ``search_seconds``, from its own beginning, for the search
    followed: the steps that ended early in an earlier run; then no clock is looked at

    >>> limit = TimeLimit(followed=[CutStep("search", 4, 10, "update.seconds")])
    >>> allow = limit.open("search")
    >>> allow(0, 10), allow(4, 10), [str(cut) for cut in limit.cuts]
    (4, 0, ['4 of 10 trials'])
    >>> TimeLimit().open("search") is None
    True
    """

    def __init__(
        self,
        seconds: float | None = None,
        search_seconds: float | None = None,
        followed: Iterable[CutStep] | None = None,
    ) -> None:
        self.seconds, self.search_seconds = seconds, search_seconds
        self.followed = None if followed is None else {cut.step: cut for cut in followed}
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
        if self.followed is not None:
            return self._follow(step)
        own, began = self.search_seconds if step == "search" else None, time.monotonic()
        if self.seconds is None and own is None:
            return None

        def allow(done: int, planned: int) -> int:
            now, cause = time.monotonic(), ""
            if own is not None and now - began > own:
                cause = "search.seconds"
            elif self.seconds is not None and now - self._began > ENDS[step] * self.seconds:
                cause = "update.seconds"
            count = max(least - done, 0 if cause else at_a_time)
            if not count and done < planned:
                self.cut(step, done, planned, cause)
            return count

        return allow

    def _follow(self, step: str) -> Allowance:
        """Return what lets a step go as far as it went before."""
        assert self.followed is not None
        before = self.followed.get(step)

        def allow(done: int, planned: int) -> int:
            if before is None or done < before.done:
                return (before.done if before else planned) - done
            self.cut(step, done, planned, before.cause)
            return 0

        return allow

    def cut(self, step: str, done: int, planned: int, cause: str) -> None:
        """Record that a step ended early."""
        self._cuts[step] = CutStep(step, done, planned, cause)

    def describe(self) -> list[str]:
        """Return a sentence for each cause that ended steps early, and one where the whole took too long anyway."""
        if self.followed is not None:  # it was told when it happened
            return []
        told = []
        for cause in dict.fromkeys(cut.cause for cut in self.cuts):
            seconds = {"update.seconds": self.seconds, "search.seconds": self.search_seconds}.get(cause)
            named = f"{cause}={seconds:g}" if seconds else cause
            told.append(f"{named} ended steps early: {', '.join(str(cut) for cut in self.cuts if cut.cause == cause)}")
        spent = time.monotonic() - self._began
        if self.seconds is not None and spent > OVERRUN * self.seconds:
            told.append(
                f"the update took {spent:.0f} s of update.seconds={self.seconds:g}: "
                "reading, judging and fitting what serves are never left out"
            )
        return told


def load_cut_steps(engine: sa.Engine, generation: int) -> list[CutStep]:
    """Return the steps that ended early in the update of a generation."""
    query = sa.select(cut_steps_table).where(cut_steps_table.c.generation == generation)
    return [read_record(CutStep, row) for row in read_rows(engine, query)]
