"""Structures: what the active models are made of, one of each family, and the rows that neighbours remember."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from pointsman.common.errors import StateError
from pointsman.common.records import LabelledBatch
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.reporting.explanation.neighbours import Neighbour, find_neighbours
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.production_shap import (
    explain_production,
    load_features,
    load_newest,
    open_shelf,
    read_settings,
)
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.reporting.structures import Structure, describe_structure
from pointsman.registry.generations import Role
from pointsman.registry.versions import Version

MOST_BATCHES = 12
"""Newest batches in which remembered rows are looked for."""

COLUMNS = 6


@dataclass(frozen=True)
class NeighbourFigures:
    """A row that was explained, ``why`` it was taken, and its nearest rows; ``columns`` are those worth showing."""

    version: str
    why: str
    columns: tuple[str, ...]
    cells: tuple[float | str | None, ...]
    neighbours: tuple[Neighbour, ...]


def list_families(history: History) -> tuple[Version, ...]:
    """Return a version of each active family: the heaviest in what serves, or else the one that is listed first."""
    production = history.generation.production
    weights = dict(production.members[0]) if production is not None and production.is_ensemble else {}
    members = [one for one in history.generation.members if one.role is not Role.CHALLENGER]
    singles = [one.version for one in members if not one.version.is_ensemble]
    if production is not None and not production.is_ensemble:
        weights[production.id] = 1.0
    chosen: dict[str, Version] = {}
    for version in sorted(singles, key=lambda one: -weights.get(one.id, 0.0)):
        chosen.setdefault(version.family, version)
    return tuple(chosen.values())


def describe_structures(history: History) -> tuple[Structure, ...]:
    """Return the structures, those of what serves first; one that cannot be loaded says why."""
    found = []
    for version in history.ask(list_families):
        try:
            model = history.ask(open_shelf).load(version)
            found.append(describe_structure(version.id, model, history.ask(load_newest)))
        except StateError as error:
            found.append(Structure(version.id, version.family, str(error).removesuffix(".")))
    return tuple(found)


def list_neighbours(history: History) -> tuple[NeighbourFigures, ...]:
    """Return the nearest remembered rows of a few rows that were explained, where nearest neighbours are active."""
    version = next((one for one in history.ask(list_families) if one.family == "knn"), None)
    explanation = history.ask(explain_production)
    given = explanation.contributions
    if version is None or given is None:
        return ()
    try:
        model = history.ask(open_shelf).load(version)
    except StateError:
        return ()
    if model.estimator.learned is None:
        return ()
    order = given.margins[:, given.output].argsort(kind="stable")
    places = dict(zip((order[-1], order[len(order) // 2], order[0]), ("highest", "median", "lowest"), strict=True))
    asked = given.features.iloc[list(places)]
    named = [str(given.features.columns[place]) for place in given.rank_features()[:COLUMNS]]
    found = find_neighbours(model, asked, _load_learned(history, version))
    return tuple(
        NeighbourFigures(version.id, f"the row with the {why} answer", tuple(named), _read(asked.iloc[row], named), one)
        for row, (why, one) in enumerate(zip(places.values(), map(tuple, found), strict=True))
    )


def _read(row: pd.Series, names: Sequence[str]) -> tuple[float | str | None, ...]:
    return tuple(None if pd.isna(row[name]) else row[name] for name in names)


def _load_learned(history: History, version: Version) -> list[LabelledBatch]:
    """Return the newest batches that a version learned and that are still accepted."""
    table = history.read(batches)
    accepted = set(table.loc[table["status"] == "accepted", "number"].astype(int))
    learned = [one.batch for one in version.trained_on if one.batch in accepted]
    return [load_features(history, number) for number in learned[-MOST_BATCHES:]]


SECTION = Section(
    "structures",
    reads=(batches, read_settings),
    figures={"structures": describe_structures, "neighbours": list_neighbours},
)
