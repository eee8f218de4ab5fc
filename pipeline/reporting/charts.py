"""Charts as SVG text, drawn off screen; the same numbers give the same bytes."""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pipeline.reporting.contributions import Contributions

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#999999", "#000000")
"""Okabe and Ito's colours, which colour-blind readers can tell apart."""
MAX_COLUMNS = 24


def plot_lines(
    x: Sequence[str], series: Mapping[str, Sequence[float | None]], label: str, events: Sequence[tuple[int, str]] = ()
) -> str:
    """Return a line chart: one line a series over labelled positions; ``events`` are marked at their position."""
    figure, axes = _new(9, 3.1)
    for (name, numbers), colour in zip(series.items(), _cycle(len(series)), strict=False):
        heavy = 2.4 if name.startswith("champion") else 1.3
        values = [np.nan if number is None else number for number in numbers]
        axes.plot(range(len(x)), values, marker="o", markersize=3, linewidth=heavy, color=colour, label=name)
    for position, name in events:
        axes.axvline(position, color="#888888", linewidth=0.8, linestyle=":")
        axes.annotate(name, (position, 1.0), xycoords=("data", "axes fraction"), fontsize=6, rotation=90, va="top",
                      ha="right", color="#666666")  # fmt: skip
    axes.set_ylabel(label)
    _label_positions(axes, x)
    if series:
        axes.legend(fontsize=7, ncols=2, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return _svg(figure)


def plot_stacks(x: Sequence[str], series: Mapping[str, Sequence[float]], label: str) -> str:
    """Return stacked bars, one a position."""
    figure, axes = _new(9, 2.8)
    below = np.zeros(len(x))
    for (name, numbers), colour in zip(series.items(), _cycle(len(series)), strict=False):
        axes.bar(range(len(x)), numbers, bottom=below, color=colour, label=name, width=0.8)
        below = below + np.array(numbers, dtype=float)
    axes.set_ylabel(label)
    _label_positions(axes, x)
    axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return _svg(figure)


def plot_heat(rows: Sequence[str], x: Sequence[str], cells: np.ndarray, label: str, most: float) -> str:
    """Return a heat map (n_rows, n_positions), its colours between 0 and ``most``."""
    figure, axes = _new(9, 0.9 + 0.22 * max(3, len(rows)))
    image = axes.imshow(cells, aspect="auto", cmap="cividis", vmin=0, vmax=most, interpolation="nearest")
    axes.set_yticks(range(len(rows)), [name if len(name) <= 28 else name[:27] + "…" for name in rows], fontsize=7)
    _label_positions(axes, x)
    figure.colorbar(image, ax=axes, label=label, fraction=0.03, pad=0.02)
    return _svg(figure)


def plot_shap(explained: "Contributions", seed: int) -> list[tuple[str, str]]:
    """Return (title, picture) of the global and the local SHAP plots."""
    import matplotlib.pyplot as plt
    import shap

    _set_style()
    coded = explained.cells.apply(lambda cells: cells if cells.dtype.kind == "f" else _code(cells))
    explanation = shap.Explanation(
        values=explained.contributions,
        base_values=np.full(len(coded), explained.base),
        data=coded.to_numpy(dtype=float),
        feature_names=list(explained.features),
    )
    highest = int(explained.contributions.sum(axis=1).argmax())
    shown = explained.cells.iloc[highest].tolist()
    one = shap.Explanation(
        values=explained.contributions[highest], base_values=explained.base, data=np.array(shown, dtype=object),
        feature_names=list(explained.features),
    )  # fmt: skip
    top = int(np.abs(explained.contributions).mean(axis=0).argmax())
    plots: list[tuple[str, Any]] = [
        ("Every explained row: right raises the prediction; colour is the feature's value",
         lambda: shap.plots.beeswarm(explanation, max_display=14, show=False)),
        ("Mean size of the contribution", lambda: shap.plots.bar(explanation, max_display=14, show=False)),
        ("The row with the highest prediction", lambda: shap.plots.waterfall(one, max_display=12, show=False)),
        (f"Dependence on {explained.features[top]}",
         lambda: shap.plots.scatter(explanation[:, top], show=False, color="#0072b2")),
    ]  # fmt: skip
    pictures = []
    for title, draw in plots:
        plt.close("all")
        np.random.seed(seed)  # noqa: NPY002 - the beeswarm jitters by the global generator and takes no other
        draw()
        figure = plt.gcf()
        figure.patch.set_facecolor("white")
        pictures.append((title, _png(figure)))
    plt.close("all")
    return pictures


def _code(cells: Any) -> Any:
    return cells.astype("category").cat.codes.astype(float)


def _new(width: float, height: float) -> tuple["Figure", Any]:
    from matplotlib.figure import Figure

    _set_style()
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _set_style() -> None:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "switchyard", "font.size": 8})


def _label_positions(axes: Any, labels: Sequence[str]) -> None:
    step = max(1, -(-len(labels) // 14))
    axes.set_xticks(range(0, len(labels), step), labels[::step], fontsize=7, rotation=30, ha="right")


def _cycle(count: int) -> list[str]:
    return [PALETTE[position % len(PALETTE)] for position in range(count)]


def _svg(figure: "Figure") -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _png(figure: Any) -> str:
    import base64

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90, bbox_inches="tight", metadata={"Software": None})
    picture = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="SHAP plot" src="data:image/png;base64,{picture}">'
