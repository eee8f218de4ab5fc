"""How much a batch is worth searching for: all that is allowed where it stands out from those before it."""

from collections.abc import Sequence

import numpy as np

LEAST_KNOWN = 3
"""With fewer earlier batches every one is new."""
DEVIATIONS = 1.5


def stands_out(history: Sequence[float]) -> bool:
    """Return whether the newest of some numbers, a batch each, is higher than the earlier ones let expect.

    It stands out from DEVIATIONS standard deviations above their mean on; being lower is no reason to search.

    >>> stands_out([0.50, 0.52, 0.51, 0.70]), stands_out([0.50, 0.52, 0.51, 0.51]), stands_out([0.5, 0.5])
    (True, False, True)
    """
    known = np.array([number for number in history[:-1] if np.isfinite(number)])
    if len(known) < LEAST_KNOWN or not np.isfinite(history[-1]):
        return True
    return bool(history[-1] > known.mean() + DEVIATIONS * known.std(ddof=1))


def size_search(trials: int, calm_share: float, losses: Sequence[float], alarmed: bool) -> int:
    """Return how many trials a batch gets: all after an alarm, or where its loss stands out; else ``calm_share``.

    >>> size_search(20, 0.5, [0.5, 0.52, 0.51, 0.51], alarmed=False)
    10
    """
    return max(1, round(trials * (1.0 if alarmed or stands_out(losses) else calm_share)))
