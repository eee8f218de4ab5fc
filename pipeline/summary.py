"""The summary: everything the catalogue holds, as one self-contained page and the same figures as JSON."""

from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from common.config import Config
from common.database import Draft, read_rows
from common.errors import StateError
from common.metrics import get_metric
from common.performance import Stopwatch, performance_table
from common.seeding import derive_seed
from common.state import State, open_state
from experiments.tables import trials_table
from meta.tables import decisions_table, grades_table
from pipeline.analysis.tables import drift_table, profiles_table, quality_table, quarantine_table
from pipeline.collection.demo_schedule import SCHEDULE
from pipeline.collection.tables import batches
from pipeline.preparation.clean_store import load_clean_batch
from pipeline.preparation.features import engineer_features
from pipeline.reporting.charts import plot_shap
from pipeline.reporting.contributions import Contributions, compute_contributions
from pipeline.reporting.facts import compute_facts, make_tables
from pipeline.reporting.figures import draw_figures
from pipeline.reporting.history import History
from pipeline.reporting.render import render_html, save_report
from pipeline.validation.tables import comparisons_table, scores_table
from registry.generations import load_generation
from registry.tables import events_table, generations_table, members_table, versions_table
from registry.versions import load_model


def summarise(config: Config) -> Path:
    """Write report.html and report.json below the state folder and return the path of the page.

    Raises StateError before the first update.
    """
    watch = Stopwatch()
    with open_state(config) as state:
        with watch.stage("reading"):
            history = read_history(config, state)
        with watch.stage("charts"):
            charts = draw_figures(history)
            tables = make_tables(history)
        with watch.stage("shap"):
            explained, note = explain_champion(config, state, history)
            plots = plot_shap(explained, config.seed) if explained else []
        with watch.stage("writing"):
            facts = compute_facts(history) | {"shap": describe_shap(explained)}
            page = render_html(facts, charts, tables, plots, note)
            path = save_report(state.folder / "report", page, facts)
        draft = Draft()
        draft.add(performance_table, watch.rows("summary", f"generation {history.generation.number}", 0))
        draft.commit(state.engine)
    return path


def read_history(config: Config, state: State) -> History:
    """Read the catalogue; StateError where nothing was committed yet."""
    generation = load_generation(state)
    if generation.number == 0:
        raise StateError(f"There is nothing to report in '{state.folder}' yet; run 'python run.py update' first.")
    schema = generation.schema
    return History(
        generation=generation,
        metric=get_metric(config.metric, schema.task).name if schema else "",
        batches=_read(state, batches, batches.c.number),
        quality=_read(state, quality_table),
        profiles=_read(state, profiles_table),
        quarantine=_read(state, quarantine_table),
        drift=_read(state, drift_table),
        scores=_read(state, scores_table, scores_table.c.batch),
        comparisons=_read(state, comparisons_table),
        trials=_read(state, trials_table),
        versions=_read(state, versions_table, versions_table.c.number),
        members=_read(state, members_table),
        events=_read(state, events_table),
        generations=_read(state, generations_table, generations_table.c.number),
        grades=_read(state, grades_table),
        decisions=_read(state, decisions_table),
        performance=_read(state, performance_table, performance_table.c.id),
        known_events=tuple((event.start, event.name) for event in SCHEDULE) if config.source.kind == "demo" else (),
    )


def explain_champion(config: Config, state: State, history: History) -> tuple[Contributions | None, str]:
    """Return the champion's contributions on rows of the newest learned batch, and a sentence about them."""
    generation = history.generation
    if generation.champion is None or generation.schema is None:
        return None, "There is no champion to explain yet."
    newest = history.batches[history.batches["status"] == "accepted"].iloc[-1]
    batch = load_clean_batch(state.files, newest["clean_file"], int(newest["number"]), generation.schema)
    step = max(1, len(batch) // config.report.shap_rows)
    inputs = batch.inputs.iloc[::step].head(config.report.shap_rows)
    features = engineer_features(inputs, generation.schema, config.features).reset_index(drop=True)
    model = load_model(state.files, generation.champion)
    explained = compute_contributions(model, features, derive_seed(config.seed, "shap"))
    if explained is None:
        return None, f"The champion {generation.champion.id} uses no feature, so there is nothing to explain."
    return explained, (
        f"SHAP contributions of {generation.champion.id} on {len(explained.cells)} rows of batch {newest['number']}, "
        f"on the scale of its {explained.scale}; encoded columns are added up to the feature they come from."
    )


def describe_shap(explained: Contributions | None) -> list[dict[str, Any]]:
    """Return the mean size of every feature's contribution, biggest first."""
    if explained is None:
        return []
    sizes = abs(explained.contributions).mean(axis=0)
    ranked = sorted(zip(explained.features, map(float, sizes), strict=True), key=lambda pair: -pair[1])
    return [{"feature": feature, "mean_size": size} for feature, size in ranked]


def _read(state: State, table: sa.Table, order: sa.Column[Any] | None = None) -> pd.DataFrame:
    query = sa.select(table) if order is None else sa.select(table).order_by(order)
    return pd.DataFrame(read_rows(state.engine, query), columns=[column.name for column in table.columns])
