"""Facts about what serves against others: the champion, LightGBM as it comes, and no model at all, batch by batch."""

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import mean, stdev

import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.pipeline.reporting.health.facts import Paired
from pointsman.pipeline.validation.tables import scores_table
from pointsman.registry.contender import FALLBACK_FAMILY
from pointsman.registry.generations import Generation
from pointsman.registry.tables import versions_table
from pointsman.registry.versions import Version

PREQUENTIAL, LOSS = "prequential", "loss"
COMPARED = 8
"""Batches over which models are compared, the newest ones."""
ENOUGH = 3
"""Batches from which the spread between them tells what is noise."""


def find_default(versions: Sequence[Version]) -> Version | None:
    """Return LightGBM as its library sets it, which is always registered; None where the search left it out."""
    return next((one for one in versions if one.family == "lightgbm" and one.params.get("literal")), None)


def find_tested(state: State, line: str) -> int | None:
    """Return the newest batch that a model predicted before it learned it, None where there was none."""
    return max(load_losses(state, line), default=None)


def load_losses(state: State, line: str) -> dict[int, float]:
    """Return by batch the mean row loss of whichever version of a model had not learned it."""
    of_line = sa.select(versions_table.c.id).where(versions_table.c.line == line)
    table = scores_table.c
    query = sa.select(table.batch, table.observed).where(
        table.kind == PREQUENTIAL, table.metric == LOSS, table.version.in_(of_line)
    )
    return {row["batch"]: row["observed"] for row in read_rows(state.engine, query)}


def pair_rivals(state: State, generation: Generation) -> tuple[Paired, ...]:
    """Return what serves typical requests against each rival that is not itself."""
    production = generation.production
    if production is None:
        return ()
    prior = next((one for one in generation.versions if one.family == FALLBACK_FAMILY), None)
    rivals = {"champion": generation.champion, "default LightGBM": find_default(generation.versions), "prior": prior}
    own = load_losses(state, production.line)
    pairs = (
        compare(of, rival.id, own, load_losses(state, rival.line))
        for of, rival in rivals.items()
        if rival is not None and rival.line != production.line
    )
    return tuple(pair for pair in pairs if pair is not None)


def compare(of: str, version: str, own: Mapping[int, float], other: Mapping[int, float]) -> Paired | None:
    """Return two models' losses by batch as a comparison; None where no batch was predicted by both.

    >>> compare("prior", "prior-0002", {2: 0.9, 3: 1.1}, {1: 1.0, 2: 1.0, 3: 1.0})
    Paired(of='prior', version='prior-0002', batches=2, mean=0.0, error=None, batch=3, newest=0.1)
    """
    both = sorted(batch for batch in own.keys() & other.keys() if other[batch] > 0)[-COMPARED:]
    if not both:
        return None
    shares = [round(own[batch] / other[batch] - 1, 12) for batch in both]
    error = stdev(shares) / sqrt(len(shares)) if len(shares) >= ENOUGH else None
    return Paired(of, version, len(both), round(mean(shares), 12), error, both[-1], shares[-1])
