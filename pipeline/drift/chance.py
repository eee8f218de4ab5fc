"""How a chance of false alarms is shared out to several tests."""


def share_chance(false_alarms: float, tests: int) -> float:
    """Return the chance of a false alarm that each of several tests may have (Sidak 1967).

    >>> round(share_chance(0.01, 20), 6)
    0.000502
    """
    return 1 - (1 - false_alarms) ** (1 / max(1, tests))
