"""Whether the newest batch is learned at all, which the configured policy of retraining decides."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.meta.store import PLAN_LINE
from pointsman.meta.tables import estimates_table
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.drift.detection import DriftFound
from pointsman.pipeline.drift.store import has_relation_changed
from pointsman.pipeline.retraining.policies import configured_policy, trains
from pointsman.registry.update_run import UpdateRun

LOSS_MEASURES = ("log_loss", "rmse")
"""What estimates call the loss of a classification and of a regression."""


def trains_now(run: UpdateRun, found: DriftFound, estimates: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the configured policy wants the newest batch learned; the first one always is."""
    config, state, before = run.config, run.state, run.before
    if before.champion is None:
        return True
    learned = before.last_learned
    query = sa.select(batches.c.number).where(batches.c.status == "accepted", batches.c.number > learned)
    waiting = [row["number"] for row in read_rows(state.engine, query.order_by(batches.c.number))]
    first = (
        sa.select(estimates_table).where(estimates_table.c.batch == waiting[0], estimates_table.c.request == "")
        if waiting
        else None
    )
    after_training = read_rows(state.engine, first) if first is not None else estimates
    return trains(
        configured_policy(config.response),
        since_training=len(waiting) + 1,
        drifted=bool(found.alarms) or not found.is_judged or has_relation_changed(state, learned),
        estimated_loss=_find_estimate(estimates),
        loss_after_training=_find_estimate(after_training),
    )


def _find_estimate(estimates: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the estimated loss of the plan on a batch."""
    found = [
        one["estimated"]
        for one in estimates
        if one["answerer"] == PLAN_LINE and one["request"] == "" and one["measure"] in LOSS_MEASURES
    ]
    return float(found[0]) if found else None
