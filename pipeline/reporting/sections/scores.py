"""Scores: how well versions do on batches that they had not learned, over time, beside the prior."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pointsman.pipeline.reporting.charts.chart import Chart, Layer, add_rows
from pointsman.pipeline.reporting.charts.colours import GREEN, GREY, INK, MUTED, SERIES, VERMILLION
from pointsman.pipeline.reporting.charts.layers import (
    NUMBERS,
    SHARES,
    bars,
    colour_by,
    draw_by_batch,
    line,
    measure,
    tell,
)
from pointsman.pipeline.reporting.charts.timeline import Timeline, lay_timeline
from pointsman.pipeline.reporting.history import FALLBACK_FAMILY, History
from pointsman.pipeline.reporting.loss_scale import name_loss
from pointsman.pipeline.reporting.names import METRIC_NAMES, name_metric
from pointsman.pipeline.reporting.scored import PREQUENTIAL, ChampionScore, compare_with_prior, list_scores
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.reporting.sections.generations import list_generations
from pointsman.pipeline.reporting.sections.versions import list_versions
from pointsman.pipeline.validation.tables import scores_table

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
            yield draw_gain(scores, name_loss(history.task), timeline)
        yield from draw_other_metrics(scores, timeline)


def draw_metric(history: History, metric: str, timeline: Timeline) -> Chart:
    """Draw a prequential metric of what served typical requests, of the champion, of every line, and of the prior."""
    by_line: dict[str, dict[int, float]] = {}
    for score in history.ask(list_scores):
        if score.kind == PREQUENTIAL and metric in score.metrics and score.batch in timeline:
            by_line.setdefault(score.line, {})[score.batch] = score.metrics[metric]
    served = {one.batch: one for one in history.ask(list_production_scores) if metric in one.metrics}
    champions = {one.batch: one for one in history.ask(list_champion_scores) if metric in one.metrics}
    shown = [batch for batch in timeline.batches if batch in served]
    y = measure(
        "score", f"{name_metric(metric)} of the batch", **_limit([s for own in by_line.values() for s in own.values()])
    )
    columns, legend = _lay_lines(history, by_line)
    columns = add_rows(
        columns,
        batch=shown,
        score=[served[batch].metrics[metric] for batch in shown],
        model=[served[batch].version for batch in shown],
        line=[history.lines.get(served[batch].version, "") for batch in shown],
        series=["production"] * len(shown),
    )
    known = [batch for batch in timeline.batches if batch in champions]
    columns = add_rows(
        columns,
        batch=known,
        score=[champions[batch].metrics[metric] for batch in known],
        model=[champions[batch].version for batch in known],
        line=[history.lines.get(champions[batch].version, "") for batch in known],
        series=["champion at the time"] * len(known),
    )
    better = "higher" if metric in BOUNDED else "lower"
    whose = "of what served typical requests, of the champion, of every model and of the prior"
    return draw_by_batch(
        f"metric-{metric.replace('_', '-')}",
        f"{name_metric(metric)} over batches {whose}",
        columns,
        _style_lines(y, legend),
        title=f"{name_metric(metric)} on batches not learned yet ({better} is better)",
        note=timeline.note,
        height=270,
    )


def _lay_lines(
    history: History, by_line: Mapping[str, dict[int, float]]
) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Return the scores of every line as rows, and the colour of each series: the best known lines have their own."""
    baseline = {score.line for score in history.ask(list_scores) if score.family == FALLBACK_FAMILY}
    named = _choose_lines(history, [line for line in by_line if line not in baseline])
    series = {line: line if line in named else "prior" if line in baseline else "other models" for line in by_line}
    rows = [(batch, score, line, line, series[line]) for line in by_line for batch, score in by_line[line].items()]
    columns = dict(zip(("batch", "score", "model", "line", "series"), map(list, zip(*rows, strict=True)), strict=True))
    legend = {"production": INK, "champion at the time": INK}
    legend |= dict(zip(named, SERIES, strict=False))
    return columns, legend | {"prior": MUTED, "other models": GREY}


def _style_lines(y: Mapping[str, Any], legend: Mapping[str, str]) -> list[Layer]:
    """Return a layer for each way of drawing: what matters least lies below, and a picked model stands out."""
    colour = colour_by("series", list(legend), list(legend.values()))
    told = tell(("series", ""), ("model", "model"), ("batch", "batch"), ("score", "score", NUMBERS))
    picked = {"condition": {"test": "!picked || datum.line === picked", "value": 1}, "value": 0.12}
    styles: dict[str, dict[str, Any]] = {
        "datum.series === 'other models'": {"strokeWidth": 0.7, "point": False, "opacity": 0.6},
        "datum.series === 'prior'": {"strokeWidth": 1.3, "strokeDash": [5, 3], "point": {"size": 12}},
        "!test(/^(other models|prior|production|champion at the time)$/, datum.series)": {"strokeWidth": 1.3},
        "datum.series === 'champion at the time'": {"strokeDash": [1, 2], "point": {"size": 12}},
        "datum.series === 'production'": {"strokeWidth": 2.6, "point": {"size": 45}},
    }
    layers: list[Layer] = []
    for which, style in styles.items():
        own = line(y, told, colour, **style)
        faded = {} if "production" in which or "champion" in which else {"opacity": picked}
        encoding = {**own["encoding"], "detail": {"field": "line"}, **faded}
        if "production" in which or "champion" in which:
            encoding.pop("detail")
        layers.append({**own, "transform": [{"filter": which}], "encoding": encoding})
    return layers


def _choose_lines(history: History, known: Sequence[str]) -> list[str]:
    """Return the lines worth a colour: what serves, those active now, then those that reigned longest."""
    production = history.generation.production
    active = [production.line] if production else []
    active += [version.line for version in history.ask(list_versions)]
    reigns = Counter(generation.champion_line for generation in history.ask(list_generations))
    ranked = [*active, *(line for line, _count in reigns.most_common() if line)]
    return [line for line in dict.fromkeys(ranked) if line in known][:MOST_LINES]


def draw_gain(scores: Sequence[ChampionScore], loss: str, timeline: Timeline) -> Chart:
    """Draw by which share the loss of what served typical requests was lower than the prior's on every batch."""
    shown = [score for score in scores if score.gain is not None and score.batch in timeline]
    columns: dict[str, list[Any]] = {
        "batch": [score.batch for score in shown],
        "model": [score.version for score in shown],
        "gain": [score.gain for score in shown],
    }
    told = tell("batch", "model", ("gain", "better by", SHARES))
    colour = {"condition": {"test": "datum.gain >= 0", "value": GREEN}, "value": VERMILLION}
    return draw_by_batch(
        "gain",
        f"By which share the {loss} of what served typical requests was lower than without a model, by batch",
        columns,
        [bars(measure("gain", f"lower {loss}", SHARES), told, colour)],
        title=f"Production against no model: by which share its {loss} was lower on the batch",
        note=timeline.note,
        height=150,
    )


def draw_other_metrics(scores: Sequence[ChampionScore], timeline: Timeline) -> Iterator[Chart]:
    """Draw the bounded metrics of what served typical requests, where the task has any."""
    found = [name for name in BOUNDED if any(name in score.metrics for score in scores)]
    if not found:
        return
    rows = [
        (score.batch, score.version, name_metric(name), score.metrics[name])
        for score in scores
        for name in found
        if name in score.metrics and score.batch in timeline
    ]
    columns = dict(zip(("batch", "model", "metric", "score"), map(list, zip(*rows, strict=True)), strict=True))
    names = [name_metric(name) for name in found]
    told = tell("metric", "batch", "model", ("score", "score", NUMBERS))
    yield draw_by_batch(
        "other-metrics",
        f"{', '.join(names)} of what served typical requests, by batch",
        columns,
        [line(measure("score", "score, at best 1", domainMax=1), told, colour_by("metric", names))],
        title="Production on other metrics (higher is better)",
        note=timeline.note,
    )


def _limit(observed: Sequence[float]) -> dict[str, Any]:
    """Keep one absurd score from flattening all others: the axis ends at three interquartile ranges."""
    if len(observed) < 8:
        return {}
    low, high = np.quantile(observed, [0.25, 0.75])
    reach = 3 * (high - low)
    ends = (max(min(observed), low - reach) - 0.05 * reach, min(max(observed), high + reach) + 0.05 * reach)
    return {"domain": [float(end) for end in ends]} if reach > 0 else {}


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
