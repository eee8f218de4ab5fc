"""Scores: how well versions do on batches that they had not learned, over time, beside the prior."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pointsman.pipeline.reporting.charts.svg import (
    FULL,
    GREEN,
    GREY,
    INK,
    MUTED,
    SERIES,
    VERMILLION,
    Chart,
    export,
    label_numbers,
    label_shares,
    sheet,
)
from pointsman.pipeline.reporting.charts.timeline import Timeline, lay_timeline
from pointsman.pipeline.reporting.history import FALLBACK_FAMILY, History
from pointsman.pipeline.reporting.names import METRIC_NAMES, name_metric
from pointsman.pipeline.reporting.scored import PREQUENTIAL, ChampionScore, compare_with_prior, list_scores
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.reporting.sections.generations import list_generations
from pointsman.pipeline.reporting.sections.versions import list_versions
from pointsman.pipeline.validation.tables import scores_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LINES = 6
BOUNDED = ("roc_auc", "average_precision", "f1", "precision", "recall", "accuracy", "macro_f1", "r2")
"""Metrics that are at best 1, so that they share a chart."""


def list_production_scores(history: History) -> tuple[ChampionScore, ...]:
    """Return how what served typical requests did on every batch that was predicted before it was learned."""
    return _list_serving_scores(history, history.in_production)


def list_champion_scores(history: History) -> tuple[ChampionScore, ...]:
    """Return how the champion at the time did on every batch that was predicted before it was learned."""
    return _list_serving_scores(history, history.serving)


def _list_serving_scores(history: History, serving: Mapping[int, str]) -> tuple[ChampionScore, ...]:
    """Return how the version named for each batch did on it, where it was predicted before it was learned."""
    scores = history.ask(list_scores)
    by_key = {(score.batch, score.version): score for score in scores if score.kind == PREQUENTIAL}
    known = [by_key[batch, version] for batch, version in sorted(serving.items()) if (batch, version) in by_key]
    return compare_with_prior(history, known)


def list_metric_names(history: History) -> tuple[str, ...]:
    """Return the metrics worth a column: the headline metric first, the mean row loss left out."""
    found = {name for score in history.ask(list_scores) for name in score.metrics}
    first = [history.metric.name] if history.metric else []
    return tuple(dict.fromkeys([*first, *(name for name in METRIC_NAMES if name in found and name != "loss")]))


def draw(history: History) -> Iterator[Chart]:
    """Yield the charts of scores, where a batch was predicted before it was learned."""
    scores, timeline, metric = history.ask(list_production_scores), history.ask(lay_timeline), history.metric
    if scores and metric:
        yield draw_metric(history, metric.name, timeline)
        if any(score.gain is not None for score in scores):
            yield draw_gain(scores, metric.name, timeline)
        yield from draw_other_metrics(scores, timeline)


def draw_metric(history: History, metric: str, timeline: Timeline) -> Chart:
    """Draw a prequential metric of what served typical requests, of the champion, of every line, and of the prior."""
    by_line: dict[str, dict[int, float]] = {}
    for score in history.ask(list_scores):
        if score.kind == PREQUENTIAL and metric in score.metrics:
            by_line.setdefault(score.line, {})[score.batch] = score.metrics[metric]
    with sheet(FULL, 3.1) as figure:
        axes = figure.subplots()
        for observed, style in _style_lines(history, by_line):
            axes.plot(timeline.places, timeline.spread(observed), **style)
        # Which line was champion, or served, changes over time, so both are curves of their own across the lines.
        champion, served = (
            timeline.spread({one.batch: one.metrics.get(metric) for one in history.ask(scores)})
            for scores in (list_champion_scores, list_production_scores)
        )
        dotted: dict[str, Any] = {"linestyle": (0, (1, 1.5)), "linewidth": 1.5}
        axes.plot(timeline.places, champion, color=INK, label="champion at the time", **dotted)
        axes.plot(timeline.places, served, color=INK, label="production", linewidth=2.4, marker="o", markersize=3.5)
        _limit(axes, np.array([cell for line in by_line.values() for cell in line.values()]))
        label_numbers(axes.yaxis)
        better = "higher" if metric in BOUNDED else "lower"
        axes.set_title(f"{name_metric(metric)} on batches not learned yet ({better} is better)")
        timeline.decorate(axes)
        figure.legend(loc="outside upper left", ncols=5)
        whose = "of what served typical requests, of the champion, of every line and of the prior"
        label = f"{name_metric(metric)} over batches {whose}"
        return export(figure, f"metric-{metric.replace('_', '-')}", label, timeline.note)


def _style_lines(
    history: History, by_line: Mapping[str, dict[int, float]]
) -> Iterator[tuple[dict[int, float], dict[str, Any]]]:
    """Yield the scores of each line and how they are drawn: those that matter least first, as they lie below."""
    baseline = {score.line for score in history.ask(list_scores) if score.family == FALLBACK_FAMILY}
    prior = [line for line in by_line if line in baseline]
    named = _choose_lines(history, [line for line in by_line if line not in prior])
    others = [line for line in by_line if line not in (*named, *prior)]
    for number, line in enumerate(others):
        label = None if number else "other lines"
        yield by_line[line], {"color": GREY, "linewidth": 0.6, "alpha": 0.6, "label": label}
    for line, colour in zip(named, SERIES, strict=False):
        yield by_line[line], {"color": colour, "linewidth": 1.0, "marker": ".", "markersize": 3, "label": line}
    for number, line in enumerate(prior):
        label = None if number else "prior"
        yield by_line[line], {"color": MUTED, "linestyle": (0, (4, 2)), "linewidth": 1.3, "label": label}


def _choose_lines(history: History, known: Sequence[str]) -> list[str]:
    """Return the lines worth a colour: what serves, those active now, then those that reigned longest."""
    production = history.generation.production
    active = [production.line] if production else []
    active += [version.line for version in history.ask(list_versions)]
    reigns = Counter(generation.champion_line for generation in history.ask(list_generations))
    ranked = [*active, *(line for line, _count in reigns.most_common() if line)]
    return [line for line in dict.fromkeys(ranked) if line in known][:MOST_LINES]


def draw_gain(scores: Sequence[ChampionScore], metric: str, timeline: Timeline) -> Chart:
    """Draw by which share what served typical requests beat the prior on every batch."""
    gains = timeline.spread({score.batch: score.gain for score in scores})
    with sheet(FULL, 1.9) as figure:
        axes = figure.subplots()
        colours = [GREEN if gain >= 0 else VERMILLION for gain in np.nan_to_num(gains)]
        axes.bar(timeline.places, gains, color=colours, width=0.75)
        axes.axhline(0, color=INK, linewidth=0.8)
        label_shares(axes.yaxis)
        axes.set_title(f"Production against the prior: share by which {name_metric(metric)} was better")
        timeline.decorate(axes)
        return export(
            figure, "gain", "Relative improvement of what served typical requests on the prior, by batch", timeline.note
        )


def draw_other_metrics(scores: Sequence[ChampionScore], timeline: Timeline) -> Iterator[Chart]:
    """Draw the bounded metrics of what served typical requests, where the task has any."""
    found = [name for name in BOUNDED if any(name in score.metrics for score in scores)]
    if not found:
        return
    with sheet(FULL, 2.6) as figure:
        axes = figure.subplots()
        for name, colour in zip(found, SERIES, strict=False):
            observed = {score.batch: score.metrics.get(name) for score in scores}
            style: dict[str, Any] = {"color": colour, "marker": ".", "markersize": 4, "label": name_metric(name)}
            axes.plot(timeline.places, timeline.spread(observed), **style)
        axes.set_title("Production on other metrics (higher is better)")
        axes.set_ylim(min(0.0, axes.get_ylim()[0]), 1.02)
        timeline.decorate(axes)
        figure.legend(loc="outside upper left", ncols=6)
        names = ", ".join(name_metric(name) for name in found)
        yield export(figure, "other-metrics", f"{names} of what served typical requests, by batch", timeline.note)


def _limit(axes: "Axes", observed: np.ndarray) -> None:
    """Keep one absurd score from flattening all others: the axis ends at three interquartile ranges."""
    if len(observed) < 8:
        return
    low, high = np.quantile(observed, [0.25, 0.75])
    reach = 3 * (high - low)
    if reach > 0:
        axes.set_ylim(max(observed.min(), low - reach) - 0.05 * reach, min(observed.max(), high + reach) + 0.05 * reach)


SECTION = Section(
    "scores",
    reads=(scores_table,),
    figures={
        "metric_names": list_metric_names,
        "production_scores": list_production_scores,
        "champion_scores": list_champion_scores,
        "scores": list_scores,
    },
    draw=draw,
)
