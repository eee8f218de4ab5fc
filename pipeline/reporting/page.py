"""The page: figures and charts laid into one self-contained HTML file, and the figures alone as JSON."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pointsman.common.redaction import as_told
from pointsman.common.storage.files import save_atomically
from pointsman.pipeline.reporting import formats
from pointsman.pipeline.reporting.charts.chart import Chart
from pointsman.pipeline.reporting.charts.scripts import describe_charts
from pointsman.pipeline.reporting.charts.timeline import Timeline, lay_timeline
from pointsman.pipeline.reporting.contents import CHAPTERS, EXPERT, HEAD, SECTIONS, find_anchor
from pointsman.pipeline.reporting.glossary import explain_words
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.long_words import cut_long_words
from pointsman.pipeline.reporting.names import name_family, name_metric, name_purpose
from pointsman.pipeline.reporting.report import to_json
from pointsman.pipeline.reporting.shell import gather_parts, wrap_page
from pointsman.pipeline.reporting.templates import open_templates

FOLDER = Path(__file__).parent
FILTERS = {
    "anchor": find_anchor,
    "sentence": formats.begin_sentence,
    "change": formats.format_change,
    "signed": formats.format_signed,
    "bytes": formats.format_bytes,
    "params": formats.format_params,
    "metric": name_metric,
    "weights": formats.format_weights,
    "purpose": name_purpose,
    "logistic": lambda margin: 1 / (1 + math.exp(-margin)),
    "family": name_family,
}
"""What its templates write with, beside what all pages do."""


def save_report(report: Mapping[str, Any], page: str, folder: Path) -> Path:
    """Write report.json and report.html into ``folder``, each as a whole or not at all; return the page's path."""
    save_atomically(folder / "report.json", write_figures(report).encode())
    path = folder / "report.html"
    save_atomically(path, page.encode())
    return path


def write_figures(report: Mapping[str, Any]) -> str:
    """Return the figures as the text of report.json: a line for each key, since of a long history they are millions."""
    lines = (f"{dump_figure(key)}: {dump_figure(figure)}" for key, figure in to_json(report).items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def dump_figure(figure: Any) -> str:
    """Return the JSON of a figure on one line."""
    return json.dumps(figure, ensure_ascii=False, allow_nan=False)


def render_page(history: History, report: Mapping[str, Any]) -> str:
    """Return the page, which needs no other file."""
    charts = {chart.name: chart for chart in draw_charts(history)}
    return fill_template(report, charts, history.ask(lay_timeline))


def draw_charts(history: History) -> Iterator[Chart]:
    """Yield every chart that there are figures for."""
    for section in SECTIONS:
        yield from section.draw(history)


def fill_template(report: Mapping[str, Any], charts: Mapping[str, Chart], timeline: Timeline) -> str:
    """Return the template filled with figures, with those of the charts that there are, and with marked events."""
    environment = open_templates(FOLDER)
    environment.filters |= FILTERS
    body = environment.get_template("template.html").render(
        report=report, charts=charts, marked=timeline.spans, head=HEAD, chapters=CHAPTERS, experts=EXPERT
    )
    # Only what is told of the state is told otherwise: the policy knows scripts and styles by their hashes.
    base = describe_charts(timeline.batches, timeline.months, timeline.events, list_models(report))
    parts = gather_parts(base, [FOLDER / "first_screen.css"], [FOLDER / "report.js"])
    title = "Pointsman report" + (f": {report['target']}" if report["target"] else "")
    return wrap_page(title, explain_words(cut_long_words(as_told(body))), parts)


def list_models(report: Mapping[str, Any]) -> dict[str, str]:
    """Return the model, by its first version, of every version that the page may name."""
    scored = {score.version: score.line for score in report["scores"]}
    return scored | {one.id: one.line for one in (*report["versions"], *report["ensembles"])}
