"""The search: what was tried, what it found, and how the champion's settings changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pointsman.experiments.tables import trials_table
from pointsman.pipeline.reporting.charts.chart import Chart, to_columns
from pointsman.pipeline.reporting.charts.layers import NUMBERS, colour_by, draw_by_batch, line, measure, tell
from pointsman.pipeline.reporting.charts.timeline import Timeline, lay_timeline
from pointsman.pipeline.reporting.history import History, list_rows, read_record
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.reporting.sections.settings import Setting, list_settings

MOST_FAILURES = 15
MOST_SETTINGS = 30


@dataclass(frozen=True)
class TrialFigure:
    """One evaluated candidate."""

    batch: int
    number: int
    family: str
    variant: str
    params: Mapping[str, Any]
    state: str
    loss: float | None
    failure: str
    finalist: bool
    seconds: float


@dataclass(frozen=True)
class FamilySearch:
    """The trials of one family in one batch's search."""

    batch: int
    family: str
    trials: int
    complete: int
    pruned: int
    failed: int
    best: float | None
    seconds: float


@dataclass(frozen=True)
class SearchFigures:
    """The searches. ``failures`` and ``settings`` are bounded, the newest first."""

    families: tuple[FamilySearch, ...]
    failures: tuple[TrialFigure, ...]
    failures_in_all: int
    settings: tuple[Setting, ...]
    settings_in_all: int


def list_trials(history: History) -> tuple[TrialFigure, ...]:
    """Return every trial, oldest first."""
    rows = list_rows(history.read(trials_table).sort_values(["batch", "number"]))
    return tuple(read_record(TrialFigure, row) for row in rows)


def compute_search(history: History) -> SearchFigures:
    """Return the searches by batch and family, the failures, and the champion's settings over time."""
    trials, settings = history.ask(list_trials), history.ask(list_settings)
    failures = [trial for trial in reversed(trials) if trial.state == "failed"]
    return SearchFigures(
        families=_count_families(trials),
        failures=tuple(failures[:MOST_FAILURES]),
        failures_in_all=len(failures),
        settings=tuple(settings[::-1][:MOST_SETTINGS]),
        settings_in_all=len(settings),
    )


def _count_families(trials: tuple[TrialFigure, ...]) -> tuple[FamilySearch, ...]:
    groups: dict[tuple[int, str], list[TrialFigure]] = {}
    for trial in trials:
        groups.setdefault((trial.batch, trial.family), []).append(trial)
    counted = []
    for (batch, family), group in sorted(groups.items()):
        states = [trial.state for trial in group]
        losses = [trial.loss for trial in group if trial.loss is not None]
        counted.append(
            FamilySearch(
                batch,
                family,
                len(group),
                states.count("complete"),
                states.count("pruned"),
                states.count("failed"),
                min(losses, default=None),
                sum(trial.seconds for trial in group),
            )
        )
    return tuple(counted)


def draw(history: History) -> Iterator[Chart]:
    """Yield the chart of what searches reached, where one ran."""
    if history.ask(list_trials):
        yield draw_best_losses(history.ask(compute_search).families, history.ask(lay_timeline))


def draw_best_losses(searched: Sequence[FamilySearch], timeline: Timeline) -> Chart:
    """Draw the best loss that each family reached in every search."""
    rows = [(one.batch, one.family, one.best) for one in searched if one.best is not None and one.batch in timeline]
    columns = to_columns(("batch", "family", "loss"), rows)
    families = sorted({family.family for family in searched})
    told = tell("family", "batch", ("loss", "best loss", NUMBERS))
    return draw_by_batch(
        "best-losses",
        "Best loss that each model family reached in every search",
        columns,
        [line(measure("loss", "mean row loss in the folds"), told, colour_by("family", families))],
        title="Best loss of each family in the search's folds (lower is better)",
        note=timeline.note,
    )


SECTION = Section("search", reads=(trials_table,), figures={"trials": list_trials, "search": compute_search}, draw=draw)
