"""The summary: everything the state knows, read once and written as a report."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pointsman.common.config import Config
from pointsman.common.errors import StateError
from pointsman.common.storage.catalogue import utc_now
from pointsman.common.storage.state import State, open_state
from pointsman.meta.fitting import name_served
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.kept import Mark, mark_report, save_mark
from pointsman.pipeline.reporting.page import render_page, save_report
from pointsman.pipeline.reporting.report import compute_report
from pointsman.registry.generations import load_generation

FOLDER = "report"
"""Where the report lies in the folder of a state."""


@dataclass(frozen=True)
class Summary:
    """The report of a state: its figures, its page, and what they were made of."""

    figures: Mapping[str, Any]
    page: str
    mark: Mark


def summarise(config: Config, written_at: datetime | None = None) -> Path:
    """Write report.html, and report.json with the same figures, and return the path of the page.

    ``written_at`` is the date on the report, by default now. Raises StateError before the first update.
    """
    with open_state(config, must_exist=True) as state:
        return save_summary(make_summary(config, state, written_at), state)


def make_summary(config: Config, state: State, written_at: datetime | None = None) -> Summary:
    """Return the report of a state; StateError before the first update."""
    generation = name_served(state, load_generation(state), config.selection.mode)
    if generation.number == 0:
        raise StateError(f"There is nothing to report in '{state.folder}' yet; run 'python run.py update' first.")
    history = History(config, state, generation, written_at or utc_now())
    figures = compute_report(history)
    return Summary(figures, render_page(history, figures), mark_report(config, generation.number, history.written_at))


def save_summary(summary: Summary, state: State) -> Path:
    """Write a report into the folder of its state and return the path of the page; StateError where that may not be."""
    path = save_report(summary.figures, summary.page, state.folder / FOLDER)
    save_mark(summary.mark, summary.page.encode(), state.folder / FOLDER)
    return path
