"""The retrain tournament: ways to go on, and versions of before, compete on batches that none of them has learned.

With every update some versions are made, or kept, that do not serve: the line as it was (keep), the line continued
where it was refitted or the other way round, and champions of long ago. They predict the next batch beside what serves.
How a line goes on follows from its own bouts; a champion of long ago that beats today's is recalled.
"""

import logging
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import sqlalchemy as sa

from pointsman.common.comparison import compare_losses
from pointsman.common.config import Config
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.rows import read_record
from pointsman.common.storage.state import State
from pointsman.meta.decayed import compute_decayed_records, compute_part_losses
from pointsman.meta.live import take_rows
from pointsman.meta.past import PredictionHistory, stack_records
from pointsman.meta.records import OutOfSamplePredictions, predict_outputs
from pointsman.model_zoo import get_family
from pointsman.model_zoo.readings import Readings
from pointsman.pipeline.validation.evidence import PrequentialResult
from pointsman.pipeline.validation.promotion import Promotion
from pointsman.pipeline.validation.retrain_mode import HALF_LIFE, PairedComparison, choose_way
from pointsman.pipeline.validation.tables import bouts_table
from pointsman.registry.contender import FALLBACK_FAMILY, Contender, Origin
from pointsman.registry.generations import Generation, Member, Role
from pointsman.registry.lineage import load_updates
from pointsman.registry.tables import dropped_table, members_table, versions_table
from pointsman.registry.versions import Version, name_version

log = logging.getLogger(__name__)

COMPETING_LINES = 2
"""Lines, the best ones that can be continued, whose ways are compared: a rival costs as much as a line."""
DUE = 2
"""A line is made in its other way, too, in one of so many updates."""
RECALLED_AGES = (5, 10, 20)
"""Generations after which a champion of then competes again, one of them with every update; alarms call for more."""


def compare_challengers(
    before: Generation,
    tested: PrequentialResult,
    revived: Sequence[Version] = (),
    shadow: Mapping[str, np.ndarray] | None = None,
) -> tuple[list[PairedComparison], dict[str, np.ndarray]]:
    """Return how every rival compares with what served on the newest batch, and what it predicted, by version.

    Champions of earlier regimes that are ``revived`` compete as rivals do. ``shadow`` is what rivals predicted for
    the rows that the generation before served, by version: where the record holds them, they count, too.
    """
    if before.champion is None:
        return [], {}
    record, sheet = tested.record, tested.sheet
    serving = {version.line: version for version in before.versions}
    outputs, bouts = {}, []
    readings = Readings(sheet.features)
    for rival in (*before.challengers, *revived):
        served = serving.get(rival.line) if _way(before, rival) is not Origin.RECALL else before.champion
        if served is None or served.line not in record.predicted:
            continue
        try:
            model = tested.shelf.load(rival)
            outputs[rival.id] = predict_outputs(model, readings.of(model), sheet.rows.classes)
        except Exception as error:  # a rival may fail in any library: it has lost then
            log.warning("the rival %s could not predict batch %d: %s", rival.id, sheet.rows.batch, error)
            continue
        bouts.append(_compare(before, rival, served, record, outputs[rival.id], (shadow or {}).get(rival.id)))
    return bouts, outputs


def _way(before: Generation, rival: Version) -> Origin:
    """Return as what a rival competes: made by the newest update, its line as it was before it, or of long ago."""
    if rival.generation == before.number:
        return Origin(rival.origin)
    parents = {version.parent for version in before.versions if version.line == rival.line}
    return Origin.KEPT if rival.id in parents else Origin.RECALL


def _compare(
    before: Generation,
    rival: Version,
    served: Version,
    record: OutOfSamplePredictions,
    outputs: np.ndarray,
    shadow: np.ndarray | None,
) -> PairedComparison:
    beside = []
    if shadow is not None:
        own = [one for one in record.live if one.served_by == before.number and served.line in one.predicted]
        scored = np.flatnonzero(np.isfinite(shadow).all(axis=1))
        beside = [
            take_rows(
                OutOfSamplePredictions(one.rows, {rival.id: shadow, served.id: one.predicted[served.line]}), scored
            )
            for one in own
            if len(scored)
        ]
    pair = OutOfSamplePredictions(
        record.rows, {rival.id: outputs, served.id: record.predicted[served.line]}, tuple(beside)
    )
    past = stack_records([pair], [rival.id, served.id])
    losses = past.losses[past.clean] * past.scale
    compared = compare_losses(losses[:, 0], losses[:, 1], confidence=0.9)
    way = _way(before, rival)
    return PairedComparison(
        batch=record.rows.batch,
        line=served.line,
        version=rival.id,
        way=way,
        served_way=Origin(served.origin),
        rows=compared.rows,
        loss=float(losses[:, 1].mean()),
        difference=compared.difference,
        error=min(compared.error, 1e300),
        seconds=0.0 if way is Origin.KEPT else rival.fit_seconds,
        served_seconds=served.fit_seconds,
        bytes=rival.bytes,
    )


def load_compared(state: State) -> list[PairedComparison]:
    """Return all bouts, oldest first."""
    rows = read_rows(state.engine, sa.select(bouts_table).order_by(bouts_table.c.batch, bouts_table.c.version))
    return [read_record(PairedComparison, row) for row in rows]


def choose_retrain_modes(
    config: Config, before: Generation, bouts: Sequence[PairedComparison], baselines: Collection[str] = ()
) -> dict[str, Origin]:
    """Return how every active line goes on; one without bouts is refitted.

    So is one whose candidate is a baseline (by key): a bar for others says what a plain fit on all rows is worth.
    """
    confidence = config.promotion.confidence
    ways = {}
    for version in before.versions:
        if version.candidate.key in baselines:
            ways[version.line] = Origin.REFIT
            continue
        current = Origin.UPDATE if version.origin == Origin.UPDATE else Origin.REFIT
        ways[version.line] = choose_way(bouts, version.line, current, confidence)
    return ways


def recall(
    config: Config,
    challengers: Sequence[Version],
    bouts: Sequence[PairedComparison],
    outputs: Mapping[str, np.ndarray],
    first_number: int,
) -> tuple[list[Contender], dict[str, Version]]:
    """Return the champions of long ago that beat the champion on the newest batch, and by name the versions they were.

    They are among the ``challengers``; a contender's record is what its version predicted for that batch.
    """
    by_id = {version.id: version for version in challengers}
    contenders: list[Contender] = []
    versions: dict[str, Version] = {}
    for bout in bouts:
        if bout.way is Origin.RECALL and bout.is_better(config.promotion.confidence):
            version = by_id[bout.version]
            name = name_version(version.family, first_number + len(contenders))
            outputs_of_batch = {bout.batch: outputs[version.id]}
            contenders.append(Contender(name, Origin.RECALL, version.candidate, None, outputs_of_batch))
            versions[name] = version
    return contenders, versions


def list_competing(promotion: Promotion, past: PredictionHistory, baselines: Collection[str] = ()) -> list[Contender]:
    """Return the best active lines that can go on in more than one way, by their record on clean batches.

    Those whose candidate is a baseline (by key) cannot: they are refitted.
    """
    losses = dict(zip(past.lines, compute_decayed_records(compute_part_losses(past), True, HALF_LIFE), strict=True))
    can = [
        one
        for one in promotion.active
        if one.parent
        and not one.candidate.treatment
        and not one.is_recalled
        and one.candidate.key not in baselines
        and one.candidate.family != FALLBACK_FAMILY
        and get_family(one.candidate.family).can_update
    ]
    return sorted(can, key=lambda one: losses[one.line])[:COMPETING_LINES]


def take_turns(competing: Sequence[Contender], batch: int) -> list[Contender]:
    """Return those whose turn it is to be made in their other way, too: each in one of DUE updates."""
    return [one for position, one in enumerate(competing) if (batch + position) % DUE == 0]


def list_challengers(
    state: State,
    before: Generation,
    members: Sequence[Member],
    competing: Sequence[Contender],
    otherwise: Sequence[Version],
) -> list[Member]:
    """Return what competes with the members on the next batch: competing lines as they were before it and as they
    would be in their other way, and champions of long ago.
    """
    taken = {member.version.id for member in members}
    kept = [one.parent for one in competing if one.parent]
    challengers = {version.id: version for version in [*kept, *otherwise, *load_former_champions(state, before)]}
    return [Member(version, Role.CHALLENGER) for version in challengers.values() if version.id not in taken]


def load_former_champions(state: State, before: Generation) -> list[Version]:
    """Return who was champion some generations ago: one of RECALLED_AGES, in turns."""
    updates = load_updates(state, before.number)
    ages = [age for age in RECALLED_AGES if age <= len(updates)]
    numbers = [updates[ages[len(updates) % len(ages)] - 1]] if ages else []
    query = (
        sa.select(versions_table)
        .join(members_table, members_table.c.version == versions_table.c.id)
        .where(members_table.c.generation.in_(numbers), members_table.c.role == Role.CHAMPION.value)
        .where(versions_table.c.id.not_in(sa.select(dropped_table.c.version)))
        .order_by(members_table.c.generation.desc())
    )
    return [Version.from_row(row) for row in read_rows(state.engine, query)]
