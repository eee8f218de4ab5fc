"""The summary: everything the state knows, read once and written as a report."""

import logging
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from common.config import Config
from common.database import read_rows, utc_now
from common.errors import StateError
from common.metrics import get_metric
from common.performance import performance_table
from common.state import State, open_state
from experiments.tables import feature_gains_table, runs_table, trials_table
from meta.label_tables import live_records_table, settlements_table
from meta.tables import (
    decisions_table,
    estimates_table,
    grades_table,
    record_rows_table,
    records_table,
    regrets_table,
)
from pipeline.accounts import Account, load_accounts
from pipeline.analysis.drift.tables import alarms_table, drift_tests_table, responses_table
from pipeline.analysis.quality.tables import associations_table, quarantine_decisions_table, quarantined_rows
from pipeline.analysis.tables import drift_table, profiles_table, quality_table
from pipeline.collection.demo_schedule import SCHEDULE
from pipeline.collection.tables import batches
from pipeline.production_shap import explain_production
from pipeline.reporting.history import History, Marker
from pipeline.reporting.page import save_report
from pipeline.reporting.report import compute_report
from pipeline.selection import name_served
from pipeline.training.importance import compute_importances
from pipeline.training.tables import backtests_table
from pipeline.training.warm_start import read_trial
from pipeline.validation.tables import bouts_table, comparisons_table, scores_table
from registry.generations import Generation, load_generation
from registry.lineage import load_past
from registry.tables import aliases_table, events_table, generations_table, members_table, versions_table

log = logging.getLogger(__name__)

NEWEST_ROWS = 20_000
"""Decisions and costs are read up to this many rows, the newest ones: they grow with every request."""


def summarise(config: Config, written_at: datetime | None = None) -> Path:
    """Write report.html, and report.json with the same figures, and return the path of the page.

    ``written_at`` is the date on the report, by default now. Raises StateError before the first update.
    """
    with open_state(config, must_exist=True) as state:
        generation = name_served(state, load_generation(state), config.selection.mode)
        if generation.number == 0:
            raise StateError(f"There is nothing to report in '{state.folder}' yet; run 'python run.py update' first.")
        history = read_history(config, state, generation)
        explanation = explain_production(config, state, history)
        report = compute_report(history, explanation, written_at or utc_now())
        return save_report(report, explanation, state.folder / "report")


def read_history(config: Config, state: State, generation: Generation) -> History:
    """Return the rows of every table that the report draws on."""
    schema, decided = generation.schema, quarantine_decisions_table
    led_here = set(load_past(state, generation.number))
    return History(
        generation=generation,
        metric=get_metric(config.metric, schema.task) if schema else None,
        generations=read_table(state, generations_table, generations_table.c.number.in_(led_here)),
        members=read_table(state, members_table, members_table.c.generation.in_(led_here)),
        aliases=read_table(state, aliases_table, aliases_table.c.generation.in_(led_here)),
        events=read_table(state, events_table, events_table.c.generation.in_(led_here)),
        versions=read_table(state, versions_table),
        batches=read_table(state, batches),
        quality=read_table(state, quality_table),
        profiles=read_table(state, profiles_table),
        quarantined=count_quarantined(state),
        quarantine_decisions=read_table(state, decided, newest=decided.c.generation),
        accounts=list_accounts(state),
        associations=list_associations(state),
        drift=read_table(state, drift_table),
        drift_tests=read_table(state, drift_tests_table),
        alarms=read_table(state, alarms_table),
        responses=read_table(state, responses_table),
        scores=read_table(state, scores_table),
        comparisons=read_table(state, comparisons_table),
        bouts=read_table(state, bouts_table),
        backtests=read_table(state, backtests_table, newest=backtests_table.c.created_at),
        trials=read_table(state, trials_table),
        runs=read_table(state, runs_table),
        importances=list_importances(config, state, generation),
        feature_gains=read_table(state, feature_gains_table),
        grades=read_table(state, grades_table),
        decisions=read_table(state, decisions_table, newest=decisions_table.c.created_at),
        regrets=read_table(state, regrets_table, newest=regrets_table.c.batch),
        estimates=read_table(state, estimates_table, newest=estimates_table.c.batch),
        settlements=read_table(state, settlements_table),
        served_months=count_served(state),
        live_records=read_table(state, live_records_table),
        record_rows=read_table(state, record_rows_table),
        records=read_table(state, records_table),
        performance=read_table(state, performance_table, newest=performance_table.c.id),
        markers=list_markers(config),
        seed=config.seed,
        mode=config.selection.mode,
        false_alarms=config.drift.false_alarms,
    )


def read_table(
    state: State, table: sa.Table, where: sa.ColumnElement[bool] | None = None, newest: sa.Column[Any] | None = None
) -> pd.DataFrame:
    """Return a table's rows, some of them, or those that are ``newest`` by a column."""
    query = sa.select(table) if where is None else sa.select(table).where(where)
    if newest is not None:
        query = query.order_by(newest.desc()).limit(NEWEST_ROWS)
    return pd.DataFrame(read_rows(state.engine, query), columns=[column.name for column in table.columns])


def count_served(state: State) -> pd.DataFrame:
    """Return how many rows were served and kept by month."""
    moment, rows = decisions_table.c.created_at, decisions_table.c.kept_rows
    parts: list[Any] = [sa.extract("year", moment), sa.extract("month", moment)]
    query = sa.select(parts[0].label("year"), parts[1].label("month"), sa.func.sum(rows).label("rows"))
    found = read_rows(state.engine, query.where(rows.is_not(None)).group_by(*parts).order_by(*parts))
    months = [(f"{int(row['year'])}-{int(row['month']):02}", int(row["rows"])) for row in found]
    return pd.DataFrame(months, columns=["month", "rows"])


def count_quarantined(state: State) -> pd.DataFrame:
    """Return how many rows each reason holds in quarantine, by batch and status."""
    table = quarantined_rows()
    keys = [table.c[name] for name in ("batch", "reason", "status")]
    query = sa.select(*keys, sa.func.count().label("rows")).group_by(*keys)
    return pd.DataFrame(read_rows(state.engine, query), columns=["batch", "reason", "status", "rows"])


def list_accounts(state: State) -> pd.DataFrame:
    """Return where the rows of every batch are, with the status of those that were rejected."""
    names = [*(field.name for field in fields(Account)), "status"]
    return pd.DataFrame([vars(one) | {"status": one.status} for one in load_accounts(state).values()], columns=names)


def list_associations(state: State) -> pd.DataFrame:
    """Return the association rules that were mined last."""
    newest = sa.select(sa.func.max(associations_table.c.batch)).scalar_subquery()
    query = sa.select(associations_table).where(associations_table.c.batch == newest)
    columns = [column.name for column in associations_table.columns]
    return pd.DataFrame(read_rows(state.engine, query), columns=columns)


def list_importances(config: Config, state: State, generation: Generation) -> pd.DataFrame:
    """Return what each setting of a family accounts for over all searches."""
    trials = [read_trial(row) for row in read_rows(state.engine, sa.select(trials_table))]
    found = compute_importances(trials, generation.schema.task, config.seed) if generation.schema else []
    rows = [(one.family, one.trials, setting, share) for one in found for setting, share in one.shares.items()]
    return pd.DataFrame(rows, columns=["family", "trials", "setting", "share"])


def list_markers(config: Config) -> tuple[Marker, ...]:
    """Return the published events of the demo stream; of another stream nothing is known beforehand."""
    if config.source.kind != "demo":
        return ()
    return tuple(Marker(event.name, event.start, event.end, event.description) for event in SCHEDULE)
