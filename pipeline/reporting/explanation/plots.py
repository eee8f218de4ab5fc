"""Plots of SHAP values by the shap package, off screen, in the report's style."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pointsman.pipeline.reporting.charts.svg import FULL, LINE, STYLE, THIRD, Chart, export
from pointsman.pipeline.reporting.explanation.contributions import Contributions
from pointsman.pipeline.reporting.explanation.numpy_seed import seeded_numpy
from pointsman.pipeline.reporting.explanation.waterfall import draw_waterfall

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_FEATURES = 12
MOST_CLASSES = 6
MOST_LEVELS = 8
DEPENDENCE_PLOTS = 3
LARGEST_TEXT = 8.5


def draw_shap(contributions: Contributions, version: str) -> list[Chart]:
    """Draw a version's global importance, beeswarm, row with the highest answer and dependence on the top features."""
    output = choose_output(contributions)
    charts = [
        draw_importance(contributions, version),
        draw_beeswarm(contributions, output, version),
        draw_waterfall(contributions, output, version),
    ]
    ranked = np.argsort(-np.abs(contributions.values[:, :, output]).mean(axis=0), kind="stable")
    top = ranked[:DEPENDENCE_PLOTS].tolist()
    return [*charts, *(draw_dependence(contributions, output, place, number) for number, place in enumerate(top, 1))]


def choose_output(contributions: Contributions) -> int:
    """Return the output that plots of one output show: the class predicted most often."""
    if len(contributions.outputs) == 1:
        return 0
    return int(np.bincount(contributions.margins.argmax(axis=1)).argmax())


def draw_importance(contributions: Contributions, version: str) -> Chart:
    """Draw the mean absolute value of each feature; of several classes, one bar a class."""
    import shap

    values, names = contributions.values, _escape(contributions)
    with _pyplot(FULL, _height(contributions)) as figure:
        if len(contributions.outputs) == 1:
            shap.plots.bar(_explain(contributions, 0), max_display=MOST_FEATURES, show=False, ax=figure.gca())
        else:
            classes = np.argsort(-np.abs(values).mean(axis=(0, 1)), kind="stable")[:MOST_CLASSES]
            shap.summary_plot(
                [values[:, :, place] for place in classes],
                feature_names=names,
                plot_type="bar",
                show=False,
                max_display=MOST_FEATURES,
                plot_size=None,
                class_names=[_escape_text(contributions.outputs[place]) for place in classes],
            )
        figure.gca().set_title(version)
        figure.gca().set_xlabel(f"mean |SHAP value|: {contributions.scale}")
        _tidy(figure)
        return export(figure, "shap-bar", f"Mean absolute SHAP value of each feature, {version}")


def draw_beeswarm(contributions: Contributions, output: int, version: str) -> Chart:
    """Draw every row's value of each feature as a dot, coloured by the feature where that is a number."""
    import shap

    with _pyplot(FULL, _height(contributions)) as figure:
        explained = _explain(contributions, output)
        shap.plots.beeswarm(explained, max_display=MOST_FEATURES, show=False, plot_size=None, s=10)
        figure.axes[0].set_title(version)
        figure.axes[0].set_xlabel(f"SHAP value: {_name(contributions, output)}")
        _tidy(figure)
        return export(figure, "shap-beeswarm", f"SHAP values of {len(contributions.values)} rows by feature, {version}")


def draw_dependence(contributions: Contributions, output: int, place: int, number: int) -> Chart:
    """Draw one feature's value against what it adds; of many levels the most frequent, of numbers the inner 98 %."""
    import shap

    name = str(contributions.features.columns[place])
    cells = contributions.features[name]
    is_number = pd.api.types.is_numeric_dtype(cells)
    frequent = cells.value_counts().index[:MOST_LEVELS]
    shown = cells.notna().to_numpy() if is_number else cells.isin(frequent).to_numpy()
    explained = shap.Explanation(
        contributions.values[shown, place, output],
        data=cells[shown].to_numpy(dtype=float if is_number else object),
        feature_names=_escape_text(name),
    )
    ends = _find_ends(cells[shown]) if is_number else {}
    with _pyplot(THIRD, 2.7) as figure:
        shap.plots.scatter(explained, show=False, ax=figure.gca(), dot_size=9, **ends)
        _tidy(figure)
        axes = figure.axes[0]
        axes.set_xlabel(_escape_text(name))
        axes.set_ylabel(f"SHAP value: {_name(contributions, output)}", fontsize=7.5)
        axes.tick_params(labelsize=7.5, color=LINE, rotation=0 if is_number else 30, axis="x")
        axes.spines[["left", "bottom"]].set_color(LINE)
        note = "" if shown.all() else f"{(~shown).sum()} rows where it is missing or a rarer level are left out."
        return export(figure, f"shap-dependence-{number}", f"SHAP value of {name} by its value", note)


@contextmanager
def _pyplot(width: float, height: float) -> Iterator["Figure"]:
    """Yield pyplot's current figure, since shap draws on that; it is closed afterwards."""
    import matplotlib
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    style = STYLE | {"text.parse_math": True}
    with matplotlib.rc_context(style), warnings.catch_warnings(), seeded_numpy(0):  # dots are jittered at random
        warnings.simplefilter("ignore")
        figure = plt.figure(figsize=(width, height), layout="tight")
        try:
            yield figure
        finally:
            plt.close(figure)


def _explain(contributions: Contributions, output: int) -> Any:
    import shap

    features = contributions.features
    text = [name for name in features if not pd.api.types.is_numeric_dtype(features[name])]
    return shap.Explanation(
        contributions.values[:, :, output],
        base_values=np.full(len(features), contributions.base[output]),
        data=features.astype(dict.fromkeys(text, "object")),
        feature_names=_escape(contributions),
    )


def _find_ends(numbers: pd.Series) -> dict[str, float]:
    """Return the ends of an axis that a few far numbers do not stretch."""
    low, high = numbers.quantile([0.01, 0.99]) if len(numbers) else (0.0, 0.0)
    room = 0.04 * (high - low)
    return {"xmin": low - room, "xmax": high + room} if room > 0 else {}


def _tidy(figure: "Figure") -> None:
    """Make text as large as in the other charts, and dots one picture instead of thousands of shapes."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_fontsize(min(text.get_fontsize(), LARGEST_TEXT))
    for axes in figure.axes:
        for dots in axes.collections:
            dots.set_rasterized(True)


def _height(contributions: Contributions) -> float:
    return 0.9 + 0.24 * min(MOST_FEATURES, contributions.features.shape[1])


def _name(contributions: Contributions, output: int) -> str:
    label = contributions.outputs[output]
    return contributions.scale if len(contributions.outputs) == 1 else f"{contributions.scale}, here '{label}'"


def _escape(contributions: Contributions) -> list[str]:
    return [_escape_text(str(name)) for name in contributions.features]


def _escape_text(text: str) -> str:
    """A dollar sign would start a formula."""
    return text.replace("$", r"\$")
