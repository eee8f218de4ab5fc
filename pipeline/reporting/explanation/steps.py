"""How the features of one row add up to its answer, as labelled steps."""

from typing import Any

import numpy as np
import pandas as pd

from pointsman.pipeline.reporting.charts.heatmap import shorten
from pointsman.pipeline.reporting.explanation.contributions import Contributions
from pointsman.pipeline.reporting.formats import format_number

MOST_FEATURES = 12


def list_steps(contributions: Contributions, row: int, output: int) -> list[tuple[str, float]]:
    """Return labels and sizes of a row's steps, the smallest first; what is beyond the largest ones is one step."""
    sizes = contributions.values[row, :, output]
    order = np.argsort(np.abs(sizes), kind="stable")
    split = max(0, len(order) - MOST_FEATURES)
    cells = contributions.features.iloc[row]
    steps = [
        (f"{shorten(str(cells.index[place]))} = {show_cell(cells.iloc[place])}", float(sizes[place]))
        for place in order[split:]
    ]
    rest = [(f"{split} other features", float(sizes[order[:split]].sum()))] if split else []
    return [*rest, *steps]


def show_cell(cell: Any) -> str:
    r"""Return a cell as a label.

    >>> show_cell(45920.0), show_cell(float("nan")), show_cell("TOYOTA")
    ('45\u202f920', 'missing', 'TOYOTA')
    """
    if pd.isna(cell):
        return "missing"
    return shorten(cell) if isinstance(cell, str) else format_number(float(cell))
