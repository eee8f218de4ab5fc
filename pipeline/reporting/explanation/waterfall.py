"""How the features of one row add up to its answer.

Drawn here and not by shap: in shap 0.51 the arrow of a value smaller than its own head points the wrong way.
"""

from itertools import accumulate
from typing import Any

import numpy as np
import pandas as pd

from pointsman.pipeline.reporting.charts.heatmap import shorten
from pointsman.pipeline.reporting.charts.svg import FULL, INK, LINE, MUTED, Chart, export, label_numbers, sheet
from pointsman.pipeline.reporting.explanation.contributions import Contributions
from pointsman.pipeline.reporting.formats import format_number

UP, DOWN = "#ff0051", "#008bfb"
"""shap's own red and blue."""

MOST_FEATURES = 12


def draw_waterfall(contributions: Contributions, output: int, version: str) -> Chart:
    """Draw the row with the highest answer: from the mean answer at the bottom, one step a feature, to its own."""
    row = find_highest(contributions, output)
    steps = list_steps(contributions, row, output)
    base, end = contributions.base[output], contributions.margins[row, output]
    ends = list(accumulate((size for _label, size in steps), initial=base))
    with sheet(FULL, 1.1 + 0.24 * len(steps)) as figure:
        axes = figure.subplots()
        # Answers may be probabilities or amounts, so the gap beside a bar is a share of what the steps span.
        reach = max(ends) - min(ends)
        for place, (_label, size) in enumerate(steps):
            start, colour = ends[place], UP if size >= 0 else DOWN
            axes.barh(place, size, left=start, height=0.62, color=colour)
            axes.plot([start + size] * 2, [place, place + 1], color=MUTED, linewidth=0.6, linestyle=(0, (2, 2)))
            right = max(start, start + size) + 0.008 * reach
            said = f"{'+' if size >= 0 else '−'}{format_number(abs(size), 3)}"
            axes.text(right, place, said, va="center", fontsize=8, color=INK)
        axes.axvline(base, color=LINE, linewidth=1, zorder=0)
        label_numbers(axes.xaxis)
        axes.set_yticks(range(len(steps)), [label for label, _size in steps])
        axes.set_ylim(-0.8, len(steps) - 0.2)
        axes.margins(x=0.1)
        axes.grid(visible=False, axis="y")
        said = f"from the mean answer {format_number(base, 3)} to this row's {format_number(end, 3)}"
        axes.set_title(version)
        axes.set_xlabel(f"{contributions.scale}: {said}")
        return export(
            figure, "shap-waterfall", f"How the features of the row with the highest answer of {version} add up, {said}"
        )


def find_highest(contributions: Contributions, output: int) -> int:
    """Return the row with the highest answer."""
    return int(contributions.margins[:, output].argmax())


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
