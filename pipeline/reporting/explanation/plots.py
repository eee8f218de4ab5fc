"""Charts of SHAP values: how much each feature adds over all rows, to every row, and by its own value."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from pointsman.pipeline.reporting.charts.chart import Chart, Layer
from pointsman.pipeline.reporting.charts.colours import AMBER, BLUE, GREY, INK, VERMILLION
from pointsman.pipeline.reporting.charts.layers import NUMBERS, colour_by, draw_ranking, tell
from pointsman.pipeline.reporting.charts.theme import TICKS
from pointsman.pipeline.reporting.explanation.contributions import Contributions
from pointsman.pipeline.reporting.explanation.steps import show_cell

MOST_FEATURES = 12
MOST_CLASSES = 6
MOST_LEVELS = 8
DEPENDENCE_PLOTS = 3
MOST_DOTS = 300
"""Rows, at most, that are drawn as dots."""
THIRDS, NO_NUMBER = ("low third", "middle third", "high third"), "no number"
SLICES = 60
"""Slices of a beeswarm's width in which dots are set beside each other."""


def draw_shap(contributions: Contributions, version: str) -> list[Chart]:
    """Return a version's global importance, beeswarm, and dependence on the features that its answers rest on most."""
    top = contributions.rank_features()[:MOST_FEATURES]
    drawn = np.unique(np.linspace(0, len(contributions.values) - 1, MOST_DOTS).astype(int))
    by_own_value = [
        draw_dependence(contributions, place, drawn, number) for number, place in enumerate(top[:DEPENDENCE_PLOTS], 1)
    ]
    importance = draw_importance(contributions, top, version)
    return [importance, draw_beeswarm(contributions, top, drawn, version), *by_own_value]


def draw_importance(contributions: Contributions, top: Sequence[int], version: str) -> Chart:
    """Return the mean absolute value of each feature as a bar, of several classes in as many parts."""
    sizes = np.abs(contributions.values).mean(axis=0)
    outputs = np.argsort(-sizes.sum(axis=0), kind="stable")[:MOST_CLASSES].tolist()
    cells = [
        (_name(contributions, place), contributions.outputs[one], sizes[place, one]) for place in top for one in outputs
    ]
    columns = dict(zip(("feature", "answer", "mean_size"), map(list, zip(*cells, strict=True)), strict=True))
    labels = [contributions.outputs[one] for one in outputs]
    return draw_ranking(
        "shap-bar",
        f"Mean absolute SHAP value of each feature, {version}",
        columns,
        _measure("mean_size", f"mean |SHAP value|: {contributions.scale}", zero=True),
        by="feature",
        colour=BLUE if len(outputs) == 1 else colour_by("answer", labels),
        tooltip=tell("feature", *(["answer"] if len(outputs) > 1 else []), ("mean_size", "mean size", NUMBERS)),
        title=version,
    )


def draw_beeswarm(contributions: Contributions, top: Sequence[int], drawn: np.ndarray, version: str) -> Chart:
    """Return every drawn row as a dot a feature, coloured by the feature's own value where that is a number."""
    columns: dict[str, list[Any]] = {name: [] for name in ("feature", "adds", "cell", "third", "aside")}
    for place in top:
        adds = contributions.values[drawn, place, contributions.output]
        cells = contributions.features.iloc[drawn, place]
        columns["feature"] += [_name(contributions, place)] * len(drawn)
        columns["adds"] += adds.tolist()
        columns["cell"] += [show_cell(cell) for cell in cells]
        columns["third"] += name_thirds(cells)
        columns["aside"] += set_apart(adds).tolist()
    dots: Layer = {
        "mark": {"type": "circle", "size": 16, "opacity": 0.8},
        "encoding": {
            "x": _measure("adds", f"SHAP value: {contributions.shown}"),
            "yOffset": {"field": "aside", "type": "quantitative", "scale": {"domain": [-1, 1]}},
            "color": colour_by("third", [*THIRDS, NO_NUMBER], (BLUE, AMBER, VERMILLION, GREY)),
            "tooltip": tell("feature", "cell", ("adds", "adds", NUMBERS)),
        },
    }
    label = f"SHAP values of {len(drawn)} rows by feature, {version}"
    chart = draw_ranking(
        "shap-beeswarm", label, columns, {}, by="feature", layers=[dots], title=version, height={"step": 26}
    )
    return replace(chart, titles={})  # thousands of dots are no table that anybody reads


def draw_dependence(contributions: Contributions, place: int, drawn: np.ndarray, number: int) -> Chart:
    """Return what a feature adds by its own value; of many levels the most frequent, of numbers the inner 98 %."""
    name, cells = _name(contributions, place), contributions.features.iloc[drawn, place]
    is_number = pd.api.types.is_numeric_dtype(cells)
    frequent = cells.value_counts().index[:MOST_LEVELS]
    shown = cells.notna().to_numpy() if is_number else cells.isin(frequent).to_numpy()
    kept = cells[shown]
    values = [float(cell) for cell in kept] if is_number else [str(cell) for cell in kept]
    columns = {"value": values, "adds": contributions.values[drawn, place, contributions.output][shown].tolist()}
    x: dict[str, Any] = {"field": "value", "type": "quantitative" if is_number else "nominal", "axis": {"title": name}}
    if is_number:
        x["scale"] = {"zero": False, "nice": False, **_find_ends(kept)}
        x["axis"] |= {"format": NUMBERS, "grid": False}
    y = _measure("adds", f"SHAP value: {contributions.shown}")
    told = tell(("value", name, NUMBERS) if is_number else ("value", name), ("adds", "adds", NUMBERS))
    dots: Layer = {
        "mark": {"type": "circle", "size": 22, "color": INK, "opacity": 0.55, "clip": True},
        "encoding": {"x": x, "y": y, "tooltip": told},
    }
    left_out = int((~shown).sum())
    return Chart(
        f"shap-dependence-{number}",
        {"width": "container", "height": 200, "layer": [dots]},
        columns,
        f"SHAP value of {name} by its value",
        f"{left_out} rows where it is missing or a rarer level are left out." if left_out else "",
        wide=False,
        titles={"value": name, "adds": "adds"},
    )


def set_apart(adds: np.ndarray) -> np.ndarray:
    """Return how far (n_rows,) dots move aside, from -1 to 1, so that those of about the same value stand side by side.

    >>> set_apart(np.array([0.0, 0.0, 0.0, 9.0])).tolist()
    [0.0, 0.5, -0.5, 0.0]
    """
    width = float(np.ptp(adds)) or 1.0
    slices = np.minimum((adds - adds.min()) / width * SLICES, SLICES - 1).astype(int)
    places = np.zeros(len(adds))
    for one in np.unique(slices):
        alike = np.flatnonzero(slices == one)
        order = np.arange(1, len(alike) + 1) // 2
        places[alike] = order * np.where(np.arange(len(alike)) % 2, 1, -1)
    return places / max(2.0, np.abs(places).max())


def name_thirds(cells: pd.Series) -> list[str]:
    """Return in which third of its numbers each cell stands.

    >>> name_thirds(pd.Series([1.0, 5.0, 9.0, None])), name_thirds(pd.Series(["a"]))
    (['low third', 'middle third', 'high third', 'no number'], ['no number'])
    """
    if not pd.api.types.is_numeric_dtype(cells):
        return [NO_NUMBER] * len(cells)
    ranks = cells.rank(pct=True)
    return [NO_NUMBER if pd.isna(rank) else THIRDS[min(2, int(3 * (rank - 1e-9)))] for rank in ranks]


def _find_ends(numbers: pd.Series) -> dict[str, list[float]]:
    """Return the ends of an axis that a few far numbers do not stretch."""
    low, high = numbers.quantile([0.01, 0.99]) if len(numbers) else (0.0, 0.0)
    room = 0.04 * (high - low)
    return {"domain": [float(low - room), float(high + room)]} if room > 0 else {}


def _measure(field: str, title: str, **scale: Any) -> dict[str, Any]:
    return {
        "field": field,
        "type": "quantitative",
        "axis": {"title": title, "format": NUMBERS},
        "scale": {"nice": TICKS, **scale},
    }


def _name(contributions: Contributions, place: int) -> str:
    return str(contributions.features.columns[place])
