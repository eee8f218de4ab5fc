"""The summary: everything the state knows, read once and written as a report or as documentation of a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pointsman.common.config import Config
from pointsman.common.errors import ConfigError, StateError
from pointsman.common.extras import has_extra, missing_extra
from pointsman.common.storage.catalogue import utc_now
from pointsman.common.storage.files import save_atomically
from pointsman.common.storage.state import State, open_state
from pointsman.meta.fitting import name_served
from pointsman.pipeline.lifecycle.cards import gather_facts
from pointsman.pipeline.reporting.documentation.chapters import document_model
from pointsman.pipeline.reporting.documentation.document import Document
from pointsman.pipeline.reporting.documentation.markdown import render_markdown
from pointsman.pipeline.reporting.documentation.word import render_word
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.kept import Mark, mark_report, save_mark
from pointsman.pipeline.reporting.page import render_page, save_report, write_figures
from pointsman.pipeline.reporting.printing import find_browser, print_page
from pointsman.pipeline.reporting.report import compute_report
from pointsman.registry.card import find_caveats
from pointsman.registry.generations import load_generation

FOLDER = "report"
"""Where the report lies in the folder of a state."""
ENDINGS = (".html", ".json", ".pdf", ".md", ".docx")
"""What can be written elsewhere: the report, and from .md on the documentation of what is in production."""


@dataclass(frozen=True)
class Summary:
    """The report of a state: its figures, its page, and what they were made of."""

    figures: Mapping[str, Any]
    page: str
    mark: Mark


def summarise(config: Config, written_at: datetime | None = None, out: Path | None = None) -> Path:
    """Write report.html, and report.json with the same figures, and return the path of the page.

    With ``out`` only that file is written, which its ending says: the report as .html, .json or .pdf, or the
    documentation of what is in production as .md or .docx. ``written_at`` is the date on it, by default now. Raises
    StateError before the first update, ConfigError for another ending or where what writes it is missing.
    """
    if out is not None:
        check_ending(out)
    with open_state(config, must_exist=True) as state:
        if out is None:
            return save_summary(make_summary(config, state, written_at), state)
        save_atomically(out, write_as(out.suffix.lower(), config, state, written_at))
        return out


def check_ending(out: Path) -> None:
    """Raise ConfigError, before anything is computed, for a file that cannot be written here."""
    ending = out.suffix.lower()
    if ending not in ENDINGS:
        raise ConfigError(f"'{out.name}' has an ending that summary does not write; use {', '.join(ENDINGS)}.")
    if not out.parent.is_dir():
        raise ConfigError(
            f"'{out.name}' cannot be written: there is no folder '{out.parent}'; make it (mkdir -p {out.parent}), or "
            "name another place behind -out."
        )
    if out.is_dir():
        raise ConfigError(f"'{out}' is a folder; name a file in it behind -out, such as {out / f'report{ending}'}.")
    if ending == ".docx" and not has_extra("docx"):
        raise missing_extra("docx", "A .docx file needs python-docx")
    if ending == ".pdf":
        find_browser()


def write_as(ending: str, config: Config, state: State, written_at: datetime | None) -> bytes:
    """Return the report, or the documentation of what is in production, as a file of some ending."""
    if ending in (".md", ".docx"):
        document = make_documentation(config, state, written_at)
        return render_word(document) if ending == ".docx" else render_markdown(document).encode()
    summary = make_summary(config, state, written_at)
    if ending == ".json":
        return write_figures(summary.figures).encode()
    page = summary.page.encode()
    return print_page(page, find_browser()) if ending == ".pdf" else page


def make_documentation(config: Config, state: State, written_at: datetime | None = None) -> Document:
    """Return the documentation of what is in production; StateError before the first update."""
    history = begin_history(config, state, written_at)
    production = history.generation.production
    names = production.member_ids if production and production.is_ensemble else ()
    members = [member.version for name in names if (member := history.generation.find(name))]
    serving = [production, *members] if production else []
    caveats = {one.id: find_caveats(one, gather_facts(config, state, one)) for one in serving}
    return document_model(history, caveats)


def make_summary(config: Config, state: State, written_at: datetime | None = None) -> Summary:
    """Return the report of a state; StateError before the first update."""
    history = begin_history(config, state, written_at)
    figures = compute_report(history)
    return Summary(
        figures, render_page(history, figures), mark_report(config, history.generation.number, history.written_at)
    )


def save_summary(summary: Summary, state: State) -> Path:
    """Write a report into the folder of its state and return the path of the page; StateError where that may not be."""
    path = save_report(summary.figures, summary.page, state.folder / FOLDER)
    save_mark(summary.mark, summary.page.encode(), state.folder / FOLDER)
    return path


def begin_history(config: Config, state: State, written_at: datetime | None) -> History:
    """Return what is asked of the state; StateError before the first update."""
    generation = name_served(state, load_generation(state), config.selection.mode)
    if generation.number == 0:
        raise StateError(f"There is nothing to report in '{state.folder}' yet; run 'python run.py update' first.")
    return History(config, state, generation, written_at or utc_now())
