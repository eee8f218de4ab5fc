"""Newcomers: candidates of the portfolio and finalists of the search, which get a record before they may be active."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.common.workers import Crew
from pointsman.model_zoo.candidate import Candidate
from pointsman.pipeline.preparation.training_set import TrainingSet
from pointsman.pipeline.training.out_of_fold import PLACES, Bar, EvaluationTable, enter_newcomer
from pointsman.pipeline.training.trials import Trial
from pointsman.registry.contender import Contender, Origin
from pointsman.registry.generations import Generation
from pointsman.registry.lineage import load_recent
from pointsman.registry.tables import events_table, versions_table
from pointsman.registry.versions import ENSEMBLE_FAMILY, FORMER_FAMILY, Version, name_version

log = logging.getLogger(__name__)

COOLDOWN = 5
"""Cooldown: generations for which a retired candidate is not tried again."""


def count_versions(state: State) -> int:
    """Return the highest version number so far, 0 without any."""
    return read_rows(state.engine, sa.select(sa.func.max(versions_table.c.number).label("last")))[0]["last"] or 0


@dataclass(frozen=True, eq=False)
class Entrance:
    """What newcomers are held against.

    tables:  what they predict, oldest first
    cooling: candidates on cooldown, by key; ``tried`` are those that were registered at any time
    bar:     what active models lost on the newest table, where all places are taken
    """

    tables: Sequence[EvaluationTable]
    cooling: Collection[str] = ()
    tried: Collection[str] = ()
    bar: Bar | None = None


def enter_newcomers(
    before: Generation,
    crew: Crew[TrainingSet],
    portfolio: Sequence[Candidate],
    finalists: Sequence[Trial],
    entrance: Entrance,
    first_number: int,
) -> list[Contender]:
    """Return candidates of the portfolio and finalists that are no model yet, with their out-of-fold records.

    The best finalist also enters in a robust form, masked and guarded. One of the portfolio that comes for the first
    time has to pass no bar: what it is worth shows later. A newcomer has the name of the version that it may become.
    """
    wanted = [(Origin.PORTFOLIO, candidate) for candidate in portfolio]
    wanted += [(Origin.SEARCH, trial.candidate) for trial in finalists]
    wanted += [(Origin.SEARCH, make_robust(trial.candidate)) for trial in finalists[:1]]
    known = {version.candidate.key for version in before.versions} | set(entrance.cooling)
    entries: list[Entry] = []
    for origin, candidate in wanted:
        if candidate.key not in known:
            known.add(candidate.key)
            name = name_version(candidate.family, first_number + len(entries))
            is_new = origin is Origin.PORTFOLIO and candidate.key not in entrance.tried
            entries.append(Entry(candidate, name, origin, entrance.tables, None if is_new else entrance.bar))
    entered = [one for one in crew.map(try_to_enter, entries) if one]
    behind = [one.candidate.key for one in entered if not one.outputs]
    if behind and entrance.bar:
        log.info("not among the first %d on the newest batch, clean or damaged: %s", PLACES, ", ".join(behind))
    return [one for one in entered if one.outputs]


def load_tried(state: State) -> set[str]:
    """Return the keys of all candidates that were registered at any time."""
    single = versions_table.c.family.not_in([ENSEMBLE_FAMILY, FORMER_FAMILY])
    first = sa.select(versions_table).where(versions_table.c.parent.is_(None), single)
    return {Version.from_row(row).candidate.key for row in read_rows(state.engine, first)}


def load_cooling(state: State, before: Generation) -> set[str]:
    """Return the keys of candidates on cooldown: they retired lately, and no record improves that fast."""
    recent = load_recent(state, before.number, COOLDOWN)
    query = (
        sa.select(versions_table)
        .join(events_table, events_table.c.version == versions_table.c.id)
        .where(events_table.c.event == "retired", events_table.c.generation.in_(recent))
    )
    return {Version.from_row(row).candidate.key for row in read_rows(state.engine, query)}


def count_from(first_number: int, newcomers: Sequence[Contender]) -> int:
    """Return the first version number that no newcomer has taken."""
    return max([first_number - 1, *(int(one.name.rpartition("-")[2]) for one in newcomers)]) + 1


def make_robust(candidate: Candidate) -> Candidate:
    """Return the candidate masked and guarded, without calibration: masked copies are no rows to calibrate on."""
    params = {**candidate.params, "calibrate": False} if "calibrate" in candidate.params else candidate.params
    return replace(candidate, params=params, masked=True, guarded=True)


@dataclass(frozen=True, eq=False)
class Entry:
    """A candidate that is to predict some evaluation tables, the name it enters with, and the bar to pass."""

    candidate: Candidate
    name: str
    origin: Origin
    tables: Sequence[EvaluationTable]
    bar: Bar | None


def try_to_enter(training_set: TrainingSet, entry: Entry) -> Contender | None:
    """Return a newcomer with its record; None where it cannot be fitted."""
    try:
        return enter_newcomer(training_set, entry.candidate, entry.name, entry.origin, entry.tables, entry.bar)
    except Exception as error:  # a candidate may fail in any library; the others go on
        log.warning("the candidate %s could not be fitted: %s", entry.candidate.key, error)
        return None


def group_outputs(contenders: Sequence[Contender]) -> dict[int, dict[str, np.ndarray]]:
    """Return the outputs of contenders by batch and model."""
    grouped: dict[int, dict[str, np.ndarray]] = {}
    for contender in contenders:
        for batch, outputs in contender.outputs.items():
            grouped.setdefault(batch, {})[contender.line] = outputs
    return grouped
