"""How large boosted trees grow: rounds and leaves by time-ordered early stopping, remembered for later fits.

A model of the older rows is judged, round after round, on the newest ones: what follows them is what it will be asked
about. Where it stops getting better it stops, and the fit on all rows has as many rounds more as there are rows more.
What was found lasts for a few fits, so that an update seldom pays for a search of its own.
"""

from dataclasses import dataclass

NEWEST_SHARE = 0.125
"""Share of the rows, the newest, that say where to stop: enough to judge, and few enough to miss little by."""
LEAST_NEWEST = 100
"""With fewer newest rows the round that is best is chance, and the stated number stands."""
PATIENCE = 30
"""Rounds without progress after which it ends."""
MOST_ROUNDS = 1_000
"""Of 31 to 127 leaves they take a minute for 150,000 rows of 28 columns, and 5 microseconds for each row predicted."""
LASTING = 5
"""Fits for which what was found is taken over ..."""
GROWTH = 1.5
"""... unless there are this many times as many rows, or as few."""
USUAL_ROWS = 10_000
"""Rows for which a stated number of leaves is meant; four times as many bear twice as many leaves."""


@dataclass(frozen=True)
class Found:
    """Rounds and leaves for a fit on ``rows`` rows; ``age`` counts the fits since. 0 rounds means nothing was found.

    >>> Found(100, 31, 1_000, 2).scale(1_200)
    Found(rounds=120, leaves=31, rows=1200, age=3)
    """

    rounds: int = 0
    leaves: int = 0
    rows: int = 0
    age: int = 0

    def lasts(self, n_rows: int) -> bool:
        """Return whether it can be taken over for a fit on ``n_rows`` rows."""
        alike = self.rows / GROWTH < n_rows < self.rows * GROWTH
        return self.rounds > 0 and self.age < LASTING and alike

    def scale(self, n_rows: int) -> "Found":
        """Return what it means for the next fit, on ``n_rows`` rows."""
        return Found(scale_rounds(self.rounds, self.rows, n_rows), self.leaves, n_rows, self.age + 1)


def scale_rounds(rounds: int, found_on: int, n_rows: int) -> int:
    """Return rounds for a fit on ``n_rows`` rows, where ``rounds`` were best on ``found_on``."""
    return max(1, round(rounds * n_rows / found_on))


def list_leaves(stated: int, n_rows: int) -> list[int]:
    """Return the numbers of leaves to try: the stated one and, where rows allow it, a larger one.

    >>> list_leaves(31, 9_000), list_leaves(31, 50_000), list_leaves(31, 160_000)
    ([31], [31, 62], [31, 124])
    """
    doubled, bears = 0, USUAL_ROWS * 4
    while bears <= n_rows:
        doubled, bears = doubled + 1, bears * 4
    return [stated, *([stated * 2**doubled] if doubled else [])]
