"""What the catalogue says of a generation that monitoring asks for again and again: read once, when it takes over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC

import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.meta.records import CLEAN
from pointsman.meta.tables import records_table
from pointsman.pipeline.drift.store import load_newest_verdict
from pointsman.pipeline.labels.delay import NEWEST, pool_delays
from pointsman.pipeline.labels.queries import load_settlements
from pointsman.pipeline.reporting.loss_scale import to_unit
from pointsman.pipeline.serving.queries import PREQUENTIAL
from pointsman.registry.generations import Generation
from pointsman.registry.lineage import find_accepting
from pointsman.registry.tables import generations_table


@dataclass(frozen=True)
class GenerationFacts:
    """What is known of a generation; None, or no entry, where nothing is.

    updated_at:      when the newest batch that was accepted became visible, in seconds since 1970 (UTC)
    drift_alarms:    alarms of the newest batch, by kind of drift
    drift_chances:   by kind, how probable what was found in the newest batch is in a stable one
    label_delay:     seconds of the stream's time within which 90 % of labels came
    production_loss: log-loss or RMSE of what is in production on the newest batch that it had not learned
    """

    updated_at: float | None = None
    drift_alarms: Mapping[str, int] = field(default_factory=dict)
    drift_chances: Mapping[str, float] = field(default_factory=dict)
    label_delay: float | None = None
    production_loss: float | None = None


def load_facts(state: State, generation: Generation) -> GenerationFacts:
    """Return what the catalogue says of a generation; a handful of small queries."""
    verdict = load_newest_verdict(state)
    return GenerationFacts(
        updated_at=_find_update(state, generation),
        drift_alarms={kind: one.alarms for kind, one in verdict.items()},
        drift_chances={kind: one.chance for kind, one in verdict.items() if one.chance is not None},
        label_delay=_find_delay(state),
        production_loss=_find_loss(state, generation),
    )


def _find_update(state: State, generation: Generation) -> float | None:
    number = find_accepting(state, generation)
    query = sa.select(generations_table.c.created_at).where(generations_table.c.number == number)
    return next((row["created_at"].replace(tzinfo=UTC).timestamp() for row in read_rows(state.engine, query)), None)


def _find_delay(state: State) -> float | None:
    known = [(row["delays"], row["labels"] + row["rows"]) for row in load_settlements(state, NEWEST) if row["delays"]]
    return pool_delays(known) if known else None


def _find_loss(state: State, generation: Generation) -> float | None:
    if generation.production is None or generation.schema is None:
        return None
    table = records_table.c
    of_line = sa.select(table.losses).where(table.line == generation.production.line, table.origin == PREQUENTIAL)
    newest = read_rows(state.engine, of_line.order_by(table.batch.desc()).limit(1))
    loss = next((row["losses"].get(CLEAN) for row in newest), None)
    return None if loss is None else to_unit(loss, generation.schema.task)
