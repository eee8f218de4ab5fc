"""The page: figures and charts laid into one self-contained HTML file, and the figures alone as JSON."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pointsman.common.program import as_typed
from pointsman.common.storage.files import save_atomically
from pointsman.pipeline.reporting import formats
from pointsman.pipeline.reporting.charts.svg import Chart
from pointsman.pipeline.reporting.charts.timeline import Span, lay_timeline
from pointsman.pipeline.reporting.contents import CHAPTERS, HEAD, SECTIONS
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.names import name_family, name_metric, name_purpose
from pointsman.pipeline.reporting.report import to_json

FOLDER = Path(__file__).parent
FILTERS = {
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
    "family": name_family,
}
"""What templates write numbers and names with."""


def save_report(report: Mapping[str, Any], page: str, folder: Path) -> Path:
    """Write report.json and report.html into ``folder``, each as a whole or not at all; return the page's path."""
    text = json.dumps(to_json(report), indent=1, ensure_ascii=False, allow_nan=False)
    save_atomically(folder / "report.json", text.encode())
    path = folder / "report.html"
    save_atomically(path, page.encode())
    return path


def render_page(history: History, report: Mapping[str, Any]) -> str:
    """Return the page. It needs no script and no other file."""
    charts = {chart.name: chart for chart in draw_charts(history)}
    return fill_template(report, charts, history.ask(lay_timeline).spans)


def draw_charts(history: History) -> Iterator[Chart]:
    """Yield every chart that there are figures for."""
    for section in SECTIONS:
        yield from section.draw(history)


def fill_template(report: Mapping[str, Any], charts: Mapping[str, Chart], marked: Sequence[Span]) -> str:
    """Return the template filled with figures, with those of the charts that there are, and with marked events."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= FILTERS
    page = environment.get_template("template.html").render(
        report=report,
        charts=charts,
        marked=marked,
        head=HEAD,
        chapters=CHAPTERS,
        css=(FOLDER / "style.css").read_text(encoding="utf-8"),
    )
    return as_typed(page)
