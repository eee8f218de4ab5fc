"""Newcomers: candidates of the portfolio and finalists of the search, which get a record before they may be active."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.common.time_limit import Allowance
from pointsman.common.workers import Crew
from pointsman.model_zoo.candidate import Candidate
from pointsman.pipeline.preparation.training_set import TrainingSet
from pointsman.pipeline.training.expected_costs import expect_seconds
from pointsman.pipeline.training.out_of_fold import EvaluationTable, enter_newcomer
from pointsman.pipeline.training.trials import Trial
from pointsman.registry.contender import Contender, Origin
from pointsman.registry.generations import Generation
from pointsman.registry.lineage import load_recent
from pointsman.registry.tables import events_table, versions_table
from pointsman.registry.versions import Version, name_version

log = logging.getLogger(__name__)

COOLDOWN = 5
"""Cooldown: generations for which a retired candidate is not tried again."""


def count_versions(state: State) -> int:
    """Return the highest version number so far, 0 without any."""
    return read_rows(state.engine, sa.select(sa.func.max(versions_table.c.number).label("last")))[0]["last"] or 0


def list_entries(
    before: Generation,
    portfolio: Sequence[Candidate],
    finalists: Sequence[Trial],
    cooling: Collection[str],
    tables: Sequence[EvaluationTable],
    first_number: int,
) -> list["Entry"]:
    """Return candidates of the portfolio and finalists that are not models yet, each to predict the ``tables``.

    The best finalist also enters in a robust form, masked and guarded. Candidates on cooldown are named, by key, in
    ``cooling``. A newcomer has the name of the version that it may become.
    """
    wanted = [(Origin.PORTFOLIO, candidate) for candidate in portfolio]
    wanted += [(Origin.SEARCH, trial.candidate) for trial in finalists]
    wanted += [(Origin.SEARCH, make_robust(trial.candidate)) for trial in finalists[:1]]
    known = {version.candidate.key for version in before.versions} | set(cooling)
    entries: list[Entry] = []
    for origin, candidate in wanted:
        if candidate.key not in known:
            known.add(candidate.key)
            name = name_version(candidate.family, first_number + len(entries))
            entries.append(Entry(candidate, name, origin, tables))
    return entries


def enter_newcomers(
    crew: Crew[TrainingSet], entries: Sequence["Entry"], allow: Allowance | None = None, fitted: Sequence[Version] = ()
) -> list[Contender]:
    """Return newcomers with their out-of-fold records; those that cannot be fitted, or have no record, are left out.

    Who takes longest, by what was ``fitted`` before, begins first.
    """
    costs = expect_seconds([one.candidate for one in entries], fitted)
    return [entered for entered in crew.map(try_to_enter, entries, allow, costs) if entered and entered.outputs]


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
    """Return the candidate masked and guarded, without calibration, as masked copies are not rows to calibrate on."""
    params = {**candidate.params, "calibrate": False} if "calibrate" in candidate.params else candidate.params
    return replace(candidate, params=params, masked=True, guarded=True)


@dataclass(frozen=True, eq=False)
class Entry:
    """A candidate that is to predict some evaluation tables, and the name it enters with."""

    candidate: Candidate
    name: str
    origin: Origin
    tables: Sequence[EvaluationTable]


def try_to_enter(training_set: TrainingSet, entry: Entry) -> Contender | None:
    """Return a newcomer with its record; None where it cannot be fitted."""
    try:
        return enter_newcomer(training_set, entry.candidate, entry.name, entry.origin, entry.tables)
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
