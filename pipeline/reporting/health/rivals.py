"""Facts about what serves against others: the champion, LightGBM as it comes, and no model at all, batch by batch."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.common.task import Task
from pointsman.pipeline.reporting.health.facts import Paired
from pointsman.pipeline.reporting.loss_scale import LOSS, measure_gain, measure_noise, pool
from pointsman.pipeline.validation.tables import scores_table
from pointsman.registry.contender import FALLBACK_FAMILY
from pointsman.registry.generations import Generation
from pointsman.registry.tables import versions_table
from pointsman.registry.versions import Version

PREQUENTIAL = "prequential"
COMPARED = 8
"""Batches over which models are compared, the newest ones."""


class BatchLoss(NamedTuple):
    """The mean row loss of a model on the rows of a batch that it had not learned."""

    loss: float
    rows: int


def find_default(versions: Sequence[Version]) -> Version | None:
    """Return LightGBM as its library sets it on all rows, which is always registered; None where it was left out."""
    return _find_widest(one for one in versions if one.family == "lightgbm" and one.params.get("literal"))


def find_prior(versions: Sequence[Version]) -> Version | None:
    """Return what answers every row alike, as all rows have it."""
    return _find_widest(one for one in versions if one.family == FALLBACK_FAMILY)


def _find_widest(alike: Iterable[Version]) -> Version | None:
    """Return the one that learned the most rows: the search may have found the same settings for newer rows alone."""
    return max(alike, key=lambda one: one.rows, default=None)


def find_tested(state: State, line: str) -> int | None:
    """Return the newest batch that a model predicted before it learned it, None where there was none."""
    return max(load_losses(state, line), default=None)


def load_losses(state: State, line: str) -> dict[int, BatchLoss]:
    """Return by batch what whichever version of a model lost that had not learned it."""
    of_line = sa.select(versions_table.c.id).where(versions_table.c.line == line)
    table = scores_table.c
    query = sa.select(table.batch, table.observed, table.rows).where(
        table.kind == PREQUENTIAL, table.metric == LOSS, table.version.in_(of_line)
    )
    return {row["batch"]: BatchLoss(row["observed"], row["rows"]) for row in read_rows(state.engine, query)}


def pair_rivals(state: State, generation: Generation) -> tuple[Paired, ...]:
    """Return what serves typical requests against each rival that is not itself."""
    production = generation.production
    if production is None or generation.schema is None:
        return ()
    versions = generation.versions
    rivals = {
        "champion": generation.champion,
        "default LightGBM": find_default(versions),
        "prior": find_prior(versions),
    }
    own = load_losses(state, production.line)
    pairs = (
        compare(of, rival.id, own, load_losses(state, rival.line), generation.schema.task)
        for of, rival in rivals.items()
        if rival is not None and rival.line != production.line
    )
    return tuple(pair for pair in pairs if pair is not None)


def compare(
    of: str, version: str, own: Mapping[int, BatchLoss], other: Mapping[int, BatchLoss], task: Task
) -> Paired | None:
    """Return two models' losses by batch as a comparison; None where no batch was predicted by both.

    >>> known = {2: BatchLoss(1.0, 10), 3: BatchLoss(1.0, 30)}
    >>> compare("prior", "prior-0002", {2: BatchLoss(0.9, 10), 3: BatchLoss(1.1, 30)}, known, Task.BINARY)
    Paired(of='prior', version='prior-0002', batches=2, mean=0.05, error=None, batch=3, newest=0.1)
    """
    both = sorted(batch for batch in own.keys() & other.keys() if other[batch].loss > 0)[-COMPARED:]
    if not both:
        return None
    rows = [own[batch].rows for batch in both]
    owns, others = ([known[batch].loss for batch in both] for known in (own, other))
    more, newest = (
        -(measure_gain(pool(owns, rows), pool(others, rows), task) or 0.0),
        measure_gain(owns[-1], others[-1], task),
    )
    return Paired(of, version, len(both), more, measure_noise(owns, others, rows, task), both[-1], -(newest or 0.0))
