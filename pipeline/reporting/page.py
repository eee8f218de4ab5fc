"""The page: figures and charts laid into one self-contained HTML file, and the figures alone as JSON."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointsman.common.program import as_typed
from pointsman.common.storage.files import save_atomically
from pointsman.pipeline.reporting import formats
from pointsman.pipeline.reporting.charts.svg import Chart
from pointsman.pipeline.reporting.charts.timeline import Timeline, build_timeline
from pointsman.pipeline.reporting.explanation.contributions import Explanation
from pointsman.pipeline.reporting.figures.headline import FAMILY_NAMES, name_purpose
from pointsman.pipeline.reporting.figures.scores import name_metric
from pointsman.pipeline.reporting.report import Report, to_json

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class MarkedEvent:
    """A known event of the stream as the page's key lists it."""

    letter: str
    name: str
    description: str
    start: str
    end: str


def save_report(report: Report, explanation: Explanation, folder: Path) -> Path:
    """Write report.json and report.html into ``folder``, each as a whole or not at all; return the page's path."""
    text = json.dumps(to_json(report), indent=1, ensure_ascii=False, allow_nan=False)
    page = render_page(report, explanation)
    save_atomically(folder / "report.json", text.encode())
    path = folder / "report.html"
    save_atomically(path, page.encode())
    return path


def render_page(report: Report, explanation: Explanation) -> str:
    """Return the page. It needs no script and no other file."""
    timeline = build_timeline(report.batches, report.markers)
    charts = draw_charts(report, timeline, explanation)
    return fill_template(report, {chart.name: chart for chart in charts}, list(_list_marked(report, timeline)))


def fill_template(report: Report, charts: Mapping[str, Chart], marked: Sequence[MarkedEvent]) -> str:
    """Return the template filled with figures, and with those of the charts that there are."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": formats.format_number,
        "decimal": formats.format_decimal,
        "share": formats.format_share,
        "change": formats.format_change,
        "date": formats.format_date,
        "seconds": formats.format_seconds,
        "bytes": formats.format_bytes,
        "params": formats.format_params,
        "metric": name_metric,
        "weights": formats.format_weights,
        "purpose": name_purpose,
        "logistic": lambda margin: 1 / (1 + math.exp(-margin)),
        "family": lambda family: FAMILY_NAMES.get(family, family),
    }
    page = environment.get_template("template.html").render(
        report=report,
        charts=charts,
        marked=marked,
        css=(FOLDER / "style.css").read_text(encoding="utf-8"),
        **_select(report),
    )
    return as_typed(page)


def draw_charts(report: Report, timeline: Timeline, explanation: Explanation) -> Iterator[Chart]:
    """Yield every chart that the report has figures for."""
    from pointsman.pipeline.reporting.charts import choices, cost, drift, estimates, models, quality, search, selection

    if report.batches:
        yield quality.draw_rows(report, timeline)
    if any(batch.mean_shares for batch in report.batches):
        yield quality.draw_dimensions(report, timeline)
    if report.quality.codes:
        yield quality.draw_codes(report, timeline)
    if report.quality.missing:
        yield quality.draw_missing(report, timeline)
    if report.drift.suspicions:
        yield drift.draw_suspicions(report, timeline)
    if report.drift.cells:
        yield drift.draw_drift(report, timeline)
        yield drift.draw_moved(report)
    if report.production_scores and report.metric:
        yield models.draw_metric(report, timeline, report.metric)
        if any(score.gain is not None for score in report.production_scores):
            yield models.draw_gain(report, timeline)
        yield from models.draw_other_metrics(report, timeline)
    if report.trials:
        yield search.draw_best_losses(report, timeline)
    if report.versions:
        yield choices.draw_reigns(report, timeline)
    if report.comparisons:
        yield choices.draw_comparisons(report)
    if report.grades:
        yield selection.draw_grades(report, timeline)
    if report.estimates.batches:
        yield estimates.draw_estimates(report, timeline)
    if report.influences.hyperparameters:
        label = "Influence of family, encoding and hyperparameters on the loss of trials"
        yield selection.draw_influences("hyperparameters", label, report.influences.hyperparameters)
    if report.influences.metafeatures:
        label = "Influence of metafeatures on the loss of the champion's line"
        yield selection.draw_influences("metafeatures", label, report.influences.metafeatures)
    if report.performance.updates:
        yield cost.draw_stages(report, timeline)
    if report.performance.requests:
        yield cost.draw_requests(report)
    if explanation.contributions is not None:
        from pointsman.pipeline.reporting.explanation.plots import draw_shap

        yield from draw_shap(explanation.contributions, explanation.version or "")


def _list_marked(report: Report, timeline: Timeline) -> Iterator[MarkedEvent]:
    shown = {span.letter for span in timeline.spans}
    from pointsman.pipeline.reporting.charts.timeline import LETTERS

    for letter, marker in zip(LETTERS, report.markers, strict=False):
        if letter in shown:
            yield MarkedEvent(
                letter,
                marker.name,
                marker.description,
                formats.format_date(marker.start),
                formats.format_date(marker.end),
            )


def _select(report: Report) -> dict[str, Any]:
    """Return what the template shows a part of: the newest search, comparisons and costs."""
    newest = max((family.batch for family in report.search.families), default=None)
    return {
        "newest_search": [family for family in report.search.families if family.batch == newest],
        "newest_update": report.performance.updates[-1] if report.performance.updates else None,
    }
