"""What becomes of engineered features: measured with every batch, learned while they do no harm."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.common.time_limit import Allowance
from pointsman.common.workers import Workers
from pointsman.experiments.tables import feature_gains_table
from pointsman.pipeline.preparation.features import list_engineered
from pointsman.pipeline.preparation.training_set import TrainingSet
from pointsman.pipeline.training.gains import FeatureGain, choose_measured, is_used, measure_gains
from pointsman.pipeline.training.problem import SearchProblem

Measured = Mapping[str, Sequence[FeatureGain]]
"""By feature, its measurements so far, oldest first."""


def load_measured(state: State) -> Measured:
    """Return all stored measurements."""
    query = sa.select(feature_gains_table).order_by(feature_gains_table.c.batch)
    measured: dict[str, list[FeatureGain]] = {}
    for row in read_rows(state.engine, query):
        gain = FeatureGain(**{name: row[name] for name in ("feature", "gain", "lower", "upper", "rows", "covered")})
        measured.setdefault(gain.feature, []).append(gain)
    return measured


def judge_features(
    state: State,
    schema: Schema,
    training_set: TrainingSet,
    problem: SearchProblem,
    workers: Workers | None = None,
    allow: Allowance | None = None,
) -> tuple[TrainingSet, list[dict[str, Any]]]:
    """Measure some of the engineered features; return the training set without harmful ones, and new rows.

    Fewer are measured where time does not ``allow`` more.
    """
    engineered = list_engineered(schema, [str(name) for name in training_set.rows.features])
    measured = load_measured(state)
    gains = measure_gains(problem, choose_measured(engineered, measured), workers, allow)
    known = {name: list(of_feature) for name, of_feature in measured.items()}
    for gain in gains:
        known.setdefault(gain.feature, []).append(gain)
    used = {name: is_used(known[name]) for name in engineered if name in known}
    seasons = set(training_set.rows.seasons)
    excluded = frozenset(name for name, is_learned in used.items() if not is_learned and known[name][-1].covered)
    proven = frozenset(name for name, is_learned in used.items() if is_learned and name in seasons)
    rows = [{"batch": problem.batch, **vars(gain), "used": used[gain.feature]} for gain in gains]
    return replace(training_set, rows=replace(training_set.rows, excluded=excluded, proven=proven)), rows
