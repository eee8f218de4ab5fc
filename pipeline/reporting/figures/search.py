"""The search: what was tried, what it found, and how the champion's settings changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pointsman.pipeline.reporting.history import History, list_rows

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
class Setting:
    """What the champion was made of from a generation on: a row whenever anything of it changed."""

    generation: int
    batch: int | None
    version: str
    family: str
    variant: str
    params: Mapping[str, Any]


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
    rows = list_rows(history.trials.sort_values(["batch", "number"]))
    return tuple(
        TrialFigure(
            int(row["batch"]),
            int(row["number"]),
            row["family"],
            row["variant"],
            row["params"],
            row["state"],
            None if pd.isna(row["loss"]) else float(row["loss"]),
            row["failure"],
            bool(row["finalist"]),
            float(row["seconds"]),
        )
        for row in rows
    )


def compute_search(history: History, trials: tuple[TrialFigure, ...]) -> SearchFigures:
    """Return the searches by batch and family, the failures, and the champion's settings over time."""
    failures = [trial for trial in reversed(trials) if trial.state == "failed"]
    settings = list_settings(history)
    return SearchFigures(
        families=_count_families(trials),
        failures=tuple(failures[:MOST_FAILURES]),
        failures_in_all=len(failures),
        settings=tuple(settings[::-1][:MOST_SETTINGS]),
        settings_in_all=len(settings),
    )


def list_settings(history: History) -> list[Setting]:
    """Return the champion's family, variant and parameters, oldest first, one row a change."""
    versions = {row["id"]: row for row in list_rows(history.versions)}
    batches = dict(zip(history.generations["number"], history.generations["batch"], strict=True))
    settings: list[Setting] = []
    for generation in history.lineage():
        version = history.champions.get(generation)
        if version is None:
            continue
        row = versions[version]
        now = (row["family"], row["variant"], row["params"])
        if settings and (settings[-1].family, settings[-1].variant, settings[-1].params) == now:
            continue
        batch = batches[generation]
        settings.append(Setting(generation, None if pd.isna(batch) else int(batch), version, *now))
    return settings


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
