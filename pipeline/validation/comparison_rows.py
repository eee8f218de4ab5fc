"""Comparisons as rows of the catalogue."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pointsman.pipeline.validation.champions import Judged

WIDEST = 1e300
"""Stands for an interval without bounds, which SQL cannot hold."""


def comparison_rows(batch: int, judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """Return the rows of the comparisons table."""
    return [
        {
            "batch": batch,
            "contender": one.contender,
            "incumbent": one.incumbent,
            "difference": one.comparison.difference,
            "lower": float(np.clip(one.comparison.lower, -WIDEST, WIDEST)),
            "upper": float(np.clip(one.comparison.upper, -WIDEST, WIDEST)),
            "rows": one.comparison.rows,
            "outcome": one.comparison.outcome.value,
        }
        for one in judged
    ]
