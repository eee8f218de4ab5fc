"""Facts of a state, as the rules of health look at them, by plain queries: a command can ask within a second."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.errors import StateError
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.rows import read_record
from pointsman.common.storage.state import State
from pointsman.common.task import Task
from pointsman.meta.tables import estimates_table, grades_table
from pointsman.pipeline.collection.tables import batches as batches_table
from pointsman.pipeline.drift.tables import alarms_table, responses_table
from pointsman.pipeline.quality.stored import quality_table
from pointsman.pipeline.quality.tables import quarantine_decisions_table
from pointsman.pipeline.reporting.health.answers import read_answered, read_labels, read_ledger
from pointsman.pipeline.reporting.health.commands import name_place
from pointsman.pipeline.reporting.health.facts import Age, Batches, Drifted, Estimated, Facts, Graded, Serving
from pointsman.pipeline.reporting.health.rivals import find_tested, pair_rivals
from pointsman.pipeline.reporting.loss_scale import name_loss
from pointsman.registry.generations import Cause, Generation
from pointsman.registry.lineage import load_lineage
from pointsman.registry.tables import generations_table
from pointsman.registry.versions import load_manifest

PLAN, LOSSES = "plan", ("log_loss", "rmse")
"""Under which answerer and measures estimates of the loss of what was chosen are stored."""
NOT_DONE = "not done"
"""How the outcome of a response begins that came to nothing."""


def read_facts(state: State, config: Config, generation: Generation, now: datetime) -> Facts:
    """Return the facts of a state at its live ``generation``, whose production is named by the mode in force."""
    batches = read_batches(state)
    period = find_period(state)
    task = generation.schema.task if generation.schema else Task.BINARY
    return Facts(
        serving=read_serving(state, generation),
        rivals=pair_rivals(state, generation),
        grades=read_grades(state) if config.selection.mode == "all" else (),  # the noise of mode single is not known
        answered=read_answered(state, generation.number),
        ledger=read_ledger(state, task),
        estimated=read_estimated(state, batches.newest),
        labels=read_labels(state, now, period),
        batches=batches,
        drifted=read_drifted(state, batches.newest),
        age=Age(find_update(state, generation), now, period),
        broken=find_broken(state, generation),
        typed=name_place(config),
        loss=name_loss(task),
    )


def read_serving(state: State, generation: Generation) -> Serving | None:
    """Return what serves typical requests, None before there is a model."""
    production, champion = generation.production, generation.champion
    if production is None or champion is None:
        return None
    members = production.member_ids if production.is_ensemble else ()
    pinned = _find_pinning(state, generation) if generation.pinned == production.line else None
    return Serving(
        id=production.id,
        family=production.family,
        champion=champion.id,
        answerers=tuple(dict.fromkeys((production.id, *members, champion.id))),
        pinned_by=(pinned["who"] or "a person") if pinned else "",
        pinned_why=pinned["why"] if pinned else "",
        tested_on=find_tested(state, production.line),
    )


def _find_pinning(state: State, generation: Generation) -> dict[str, Any]:
    """Return the generation of the lineage that pinned the line which is pinned now."""
    table = generations_table.c
    query = sa.select(table.number, table.pinned, table.who, table.why).order_by(table.number.desc())
    led_here = set(load_lineage(state, generation.number))
    pinning = {"who": generation.who, "why": generation.why}
    for row in read_rows(state.engine, query):
        if row["number"] in led_here:
            if row["pinned"] != generation.pinned:
                break
            pinning = row
    return pinning


def read_batches(state: State) -> Batches:
    """Return how many batches came and what became of the newest."""
    rows = read_rows(state.engine, sa.select(batches_table).order_by(batches_table.c.number))
    newest = rows[-1] if rows else None
    accepted = [row["number"] for row in rows if row["status"] == "accepted"]
    number = newest["number"] if newest else None
    decisions = _read_decided(state, number)
    breaches = _read_breaches(state, number)
    return Batches(
        accepted=len(accepted),
        newest=number,
        is_rejected=newest is not None and newest["status"] == "rejected",
        reason=newest["reason"] if newest else "",
        rows=newest["rows"] if newest else 0,
        held=max(0, newest["quarantined"] - len({row["row"] for row in decisions} - {None})) if newest else 0,
        refused=len(rows) - 1 - max((at for at, row in enumerate(rows) if row["status"] == "accepted"), default=-1),
        decided=next((row["action"] for row in decisions if row["row"] is None), ""),
        breaches=len(breaches),
        breach=breaches[0] if breaches else "",
    )


def _read_decided(state: State, batch: int | None) -> list[dict[str, Any]]:
    """Return what users decided about a batch and its rows, the newest decision first."""
    query = (
        sa.select(quarantine_decisions_table)
        .where(quarantine_decisions_table.c.batch == batch)
        .order_by(quarantine_decisions_table.c.generation.desc())
    )
    return read_rows(state.engine, query)


def _read_breaches(state: State, batch: int | None) -> list[str]:
    """Return the messages of the checks that a batch broke, but for those that only inform."""
    table = quality_table.c
    broken = sa.select(table.message).where(table.batch == batch, ~table.passed, table.severity != "info")
    return [row["message"] for row in read_rows(state.engine, broken.order_by(table.position))]


def find_period(state: State) -> float | None:
    """Return how many days usually lie between the starts of accepted batches; None where they have no times."""
    query = sa.select(batches_table.c.start).where(
        batches_table.c.status == "accepted", batches_table.c.start.is_not(None)
    )
    starts = sorted({row["start"] for row in read_rows(state.engine, query)})
    gaps = [(later - earlier).total_seconds() / 86_400 for earlier, later in pairwise(starts)]
    return median(gaps) if gaps else None


def find_update(state: State, generation: Generation) -> datetime | None:
    """Return when the newest batch of the lineage was taken."""
    table = generations_table.c
    query = sa.select(table.number, table.cause, table.created_at).order_by(table.number.desc())
    led_here = set(load_lineage(state, generation.number))
    own = (row for row in read_rows(state.engine, query) if row["number"] in led_here)
    return next((row["created_at"] for row in own if Cause(row["cause"]).takes_batch), None)


def read_grades(state: State) -> tuple[Graded, ...]:
    """Return the grades of the newest batch that has any."""
    table = grades_table.c
    newest = sa.select(sa.func.max(table.batch)).scalar_subquery()
    rows = read_rows(state.engine, sa.select(grades_table).where(table.batch == newest).order_by(table.group))
    return tuple(read_record(Graded, row) for row in rows)


def read_estimated(state: State, newest: int | None) -> Estimated | None:
    """Return what was estimated of the newest batch before its labels were looked at."""
    table = estimates_table.c
    query = sa.select(estimates_table).where(
        table.batch == newest, table.request == "", table.answerer == PLAN, table.measure.in_(LOSSES)
    )
    rows = read_rows(state.engine, query)
    names = ("batch", "estimated", "lower", "upper", "realised")
    return Estimated(**{name: rows[0][name] for name in names}) if rows else None


def read_drifted(state: State, newest: int | None) -> tuple[Drifted, ...]:
    """Return the alarms that the newest batch raised, by kind of drift, with what was done beyond a warning."""
    alarms, done = (
        read_rows(state.engine, sa.select(table).where(table.c.batch == newest).order_by(order))
        for table, order in ((alarms_table, alarms_table.c.rank), (responses_table, responses_table.c.position))
    )
    by_kind: dict[str, list[str]] = {}
    for one in alarms:
        everything = "all columns together" if one["drift"] == "data" else "all classes"
        by_kind.setdefault(one["drift"], []).append(one["column"] or everything)
    return tuple(
        Drifted(newest or 0, kind, tuple(dict.fromkeys(what)), _name_done(kind, done)) for kind, what in by_kind.items()
    )


def _name_done(kind: str, responses: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    own = (one for one in responses if one["drift"] == kind and one["action"] != "warn")
    return tuple(f"{one['action']}: {one['outcome']}" for one in own if not one["outcome"].startswith(NOT_DONE))


def find_broken(state: State, generation: Generation) -> dict[str, str]:
    """Return the active versions with a stored file that is lost or altered, and which one. No model is made."""
    broken: dict[str, str] = {}
    sound: set[str] = set()
    for version in (*generation.versions, *generation.ensembles):
        try:
            names = [version.manifest]
            if not version.is_ensemble:
                names += load_manifest(state.files, version.manifest).values()
            for name in names:
                if name not in sound:
                    state.files.load(name)
                    sound.add(name)
        except StateError as error:
            broken[version.id] = str(error).partition(";")[0]
    return broken
