"""From facts, charts and tables to the two files of the report."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.files import save_atomically


def render_html(
    facts: Mapping[str, Any],
    charts: Mapping[str, str],
    tables: Mapping[str, Any],
    shap_plots: Sequence[tuple[str, str]],
    shap_note: str,
) -> str:
    """Return the report as one HTML page that needs nothing from outside."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.get_template("template.html")
    return template.render(
        facts=facts, charts=charts, tables=tables, shap_plots=shap_plots, shap_note=shap_note,
        tiles=make_tiles(facts), origin=facts["batches"][-1]["origin"] if facts["batches"] else "",
    )  # fmt: skip


def make_tiles(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the key numbers as (number, what it is)."""
    batches = facts["batches"]
    return [
        (facts["champion"] or "none", "champion"),
        (str(sum(batch["status"] == "accepted" for batch in batches)), "batches learned"),
        (f"{sum(batch['rows'] for batch in batches):,}", "rows stored"),
        (f"{sum(batch['quarantined'] for batch in batches):,}", "rows in quarantine"),
        (str(len(facts["active"])), "active versions"),
        (f"{len(facts['trials']):,}", "trials"),
        (f"{len(facts['decisions']):,}", "requests answered"),
    ]


def save_report(folder: Path, html: str, facts: Mapping[str, Any]) -> Path:
    """Write report.html and report.json into ``folder``; return the path of the page."""
    save_atomically(folder / "report.json", json.dumps(facts, indent=1, allow_nan=False).encode())
    path = folder / "report.html"
    save_atomically(path, html.encode())
    return path
