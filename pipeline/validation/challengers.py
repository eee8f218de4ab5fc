"""Challengers: versions that do not serve predict the next batch beside those that do, before anyone learns it.

Every update keeps or makes a few of them: a model as it was before the update, a model that was continued where the
active one was refitted (or the other way round), and former champions. Paired comparisons with what served decide how
each model is retrained; a former champion that beats the present one is recalled.
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
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.readings import Readings
from pointsman.pipeline.validation.evidence import PrequentialResult
from pointsman.pipeline.validation.promotion import Promotion
from pointsman.pipeline.validation.retrain_mode import HALF_LIFE, PairedComparison, choose_retrain_mode
from pointsman.pipeline.validation.tables import bouts_table
from pointsman.registry.contender import FALLBACK_FAMILY, Contender, Origin
from pointsman.registry.generations import Generation, Member, Role
from pointsman.registry.lineage import load_updates
from pointsman.registry.tables import dropped_table, members_table, versions_table
from pointsman.registry.versions import Version, name_version

log = logging.getLogger(__name__)

COMPETING_LINES = 2
"""Models, the best ones that can be continued, whose retrain modes are compared: each costs one more fit."""
DUE = 2
"""A competing model is also trained in its other retrain mode in one of this many updates."""
RECALLED_AGES = (5, 10, 20)
"""Ages, in generations, at which a former champion competes again; one age an update, more after a drift alarm."""


def compare_challengers(
    before: Generation,
    tested: PrequentialResult,
    revived: Sequence[Version] = (),
    shadow: Mapping[str, np.ndarray] | None = None,
) -> tuple[list[PairedComparison], dict[str, np.ndarray]]:
    """Return the comparison of every challenger with what served on the newest batch, and its predictions by version.

    revived: former champions that drift called back; they compete like the other challengers
    shadow:  by version, what challengers predicted for rows that the generation before served; where the record has
             these rows, they count as well
    """
    if before.champion is None:
        return [], {}
    record, table = tested.record, tested.table
    serving = {version.line: version for version in before.versions}
    outputs, comparisons = {}, []
    readings = Readings(table.features)
    for challenger in (*before.challengers, *revived):
        # A former champion is up against today's champion, any other challenger against the version of its own line.
        served = (
            serving.get(challenger.line) if _find_mode(before, challenger) is not Origin.RECALL else before.champion
        )
        if served is None or served.line not in record.predicted:
            continue
        try:
            model = tested.shelf.load(challenger)
            outputs[challenger.id] = predict_outputs(model, readings.of(model), table.rows.classes)
        except Exception as error:  # a challenger may fail in any library: it has lost then
            log.warning("the challenger %s could not predict batch %d: %s", challenger.id, table.rows.batch, error)
            continue
        comparisons.append(
            _compare(before, challenger, served, record, outputs[challenger.id], (shadow or {}).get(challenger.id))
        )
    return comparisons, outputs


def _find_mode(before: Generation, challenger: Version) -> Origin:
    """Return the retrain mode that a challenger stands for: how it was trained, KEPT, or RECALL."""
    if challenger.generation == before.number:
        return Origin(challenger.origin)
    parents = {version.parent for version in before.versions if version.line == challenger.line}
    return Origin.KEPT if challenger.id in parents else Origin.RECALL


def _compare(
    before: Generation,
    challenger: Version,
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
                OutOfSamplePredictions(one.rows, {challenger.id: shadow, served.id: one.predicted[served.line]}), scored
            )
            for one in own
            if len(scored)
        ]
    # Served rows count beside the batch only where both predicted them, the challenger in the shadow.
    pair = OutOfSamplePredictions(
        record.rows, {challenger.id: outputs, served.id: record.predicted[served.line]}, tuple(beside)
    )
    past = stack_records([pair], [challenger.id, served.id])
    losses = past.losses[past.clean] * past.scale
    compared = compare_losses(losses[:, 0], losses[:, 1], confidence=0.9)
    way = _find_mode(before, challenger)
    return PairedComparison(
        batch=record.rows.batch,
        line=served.line,
        version=challenger.id,
        way=way,
        served_way=Origin(served.origin),
        rows=compared.rows,
        loss=float(losses[:, 1].mean()),
        difference=compared.difference,
        error=min(compared.error, 1e300),  # SQL holds no infinity
        # a version that is kept costs no training
        seconds=0.0 if way is Origin.KEPT else challenger.fit_seconds,
        served_seconds=served.fit_seconds,
        bytes=challenger.bytes,
    )


def load_compared(state: State) -> list[PairedComparison]:
    """Return all comparisons, oldest first."""
    rows = read_rows(state.engine, sa.select(bouts_table).order_by(bouts_table.c.batch, bouts_table.c.version))
    return [read_record(PairedComparison, row) for row in rows]


def choose_retrain_modes(
    config: Config, before: Generation, comparisons: Sequence[PairedComparison], baselines: Collection[str] = ()
) -> dict[str, Origin]:
    """Return the retrain mode of every active model; one without comparisons is refitted.

    ``baselines`` (keys of candidates) are always refitted: they show what a plain fit on all rows is worth.
    """
    confidence = config.promotion.confidence
    modes = {}
    for version in before.versions:
        if version.candidate.key in baselines:
            modes[version.line] = Origin.REFIT
            continue
        current = Origin.UPDATE if version.origin == Origin.UPDATE else Origin.REFIT
        modes[version.line] = choose_retrain_mode(comparisons, version.line, current, confidence)
    return modes


def recall(
    config: Config,
    challengers: Sequence[Version],
    comparisons: Sequence[PairedComparison],
    outputs: Mapping[str, np.ndarray],
    first_number: int,
) -> tuple[list[Contender], dict[str, Version]]:
    """Return the former champions that beat the champion on the newest batch, and by name the versions they were.

    ``outputs`` holds, by version, what challengers predicted for that batch: it becomes a contender's record.
    """
    by_id = {version.id: version for version in challengers}
    contenders: list[Contender] = []
    versions: dict[str, Version] = {}
    for comparison in comparisons:
        if comparison.way is Origin.RECALL and comparison.is_better(config.promotion.confidence):
            version = by_id[comparison.version]
            name = name_version(version.family, first_number + len(contenders))
            outputs_of_batch = {comparison.batch: outputs[version.id]}
            contenders.append(Contender(name, Origin.RECALL, version.candidate, None, outputs_of_batch))
            versions[name] = version
    return contenders, versions


def list_competing(promotion: Promotion, past: PredictionHistory, baselines: Collection[str] = ()) -> list[Contender]:
    """Return the best active models, by their record on clean batches, that have more than one retrain mode.

    ``baselines`` (keys of candidates) have one: they are always refitted.
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
    """Return the models that are also trained in their other mode in this update: each in one of DUE updates."""
    return [one for position, one in enumerate(competing) if (batch + position) % DUE == 0]


def list_challengers(
    state: State,
    before: Generation,
    members: Sequence[Member],
    competing: Sequence[Contender],
    otherwise: Sequence[Version],
) -> list[Member]:
    """Return what competes with the members on the next batch: competing models as they were before this update and as
    their other retrain mode made them, and a former champion.
    """
    taken = {member.version.id for member in members}
    kept = [one.parent for one in competing if one.parent]
    challengers = {version.id: version for version in [*kept, *otherwise, *load_former_champions(state, before)]}
    return [Member(version, Role.CHALLENGER) for version in challengers.values() if version.id not in taken]


def load_former_champions(state: State, before: Generation) -> list[Version]:
    """Return the champion of RECALLED_AGES generations ago; the ages take turns."""
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
