"""The overview: what serves now, how much came, and which events of the stream are known beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass

from pointsman.pipeline.reporting.charts.timeline import list_markers
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.scored import PREQUENTIAL, compare_with_prior, list_scores, pool_gain
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.reporting.sections.ensembles import sort_weights
from pointsman.pipeline.validation.tables import scores_table
from pointsman.registry.words import show_word

RECENT = 4
"""Batches whose rows are pooled for the recent gain on the prior."""


@dataclass(frozen=True)
class ProductionFigures:
    """The single model or ensemble that serves typical requests now, with its own numbers.

    members: an ensemble's versions and their weights for clean rows, the heaviest first; {} for a single model
    by_hand: whether a person made it serve, and every request
    batch:   the newest batch that its line predicted before learning it; None where there was none yet
    metrics: on that batch, the prior's beside them; ``gain`` is by which share its loss was lower than the prior's
    recent:  the same over all rows of the newest RECENT batches; None where there were fewer
    """

    id: str
    line: str
    family: str
    variant: str
    is_ensemble: bool
    members: Mapping[str, float]
    by_hand: bool
    batch: int | None
    rows: int | None
    metrics: Mapping[str, float]
    prior: Mapping[str, float]
    gain: float | None
    recent: float | None


def find_production(history: History) -> ProductionFigures | None:
    """Return what serves typical requests now; None before there is a model."""
    version = history.generation.production
    if version is None:
        return None
    # The version itself may be newer than any batch, so its line's scores speak for it.
    of_line = [score for score in history.ask(list_scores) if score.kind == PREQUENTIAL and score.line == version.line]
    own = compare_with_prior(history, of_line)
    newest = own[-1] if own else None
    return ProductionFigures(
        id=version.id,
        line=version.line,
        family=show_word(version.family),
        variant=version.variant,
        is_ensemble=version.is_ensemble,
        members=sort_weights(version.members[0]) if version.is_ensemble else {},
        by_hand=history.generation.pinned == version.line,
        batch=newest.batch if newest else None,
        rows=newest.rows if newest else None,
        metrics=newest.metrics if newest else {},
        prior=newest.prior if newest else {},
        gain=newest.gain if newest else None,
        recent=pool_gain(history.task, own[-RECENT:]) if len(own) >= RECENT else None,
    )


SECTION = Section("overview", reads=(scores_table,), figures={"markers": list_markers, "production": find_production})
