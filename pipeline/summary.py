"""The summary: everything the state knows, read once and written as a report."""

from datetime import datetime
from pathlib import Path

from pointsman.common.config import Config
from pointsman.common.errors import StateError
from pointsman.common.storage.catalogue import utc_now
from pointsman.common.storage.state import open_state
from pointsman.meta.fitting import name_served
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.page import render_page, save_report
from pointsman.pipeline.reporting.report import compute_report
from pointsman.registry.generations import load_generation


def summarise(config: Config, written_at: datetime | None = None) -> Path:
    """Write report.html, and report.json with the same figures, and return the path of the page.

    ``written_at`` is the date on the report, by default now. Raises StateError before the first update.
    """
    with open_state(config, must_exist=True) as state:
        generation = name_served(state, load_generation(state), config.selection.mode)
        if generation.number == 0:
            raise StateError(f"There is nothing to report in '{state.folder}' yet; run 'python run.py update' first.")
        history = History(config, state, generation, written_at or utc_now())
        report = compute_report(history)
        page = render_page(history, report)
        return save_report(report, page, state.folder / "report")
