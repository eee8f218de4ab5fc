"""Registering ensembles: mixtures of a generation's versions, fitted on all records, as versions like any other."""

import logging
from collections.abc import Iterator, Sequence

import numpy as np

from pointsman.common.environment import describe_environment
from pointsman.meta.ensembles import fit_ensembles
from pointsman.meta.past import PredictionHistory, stack_records
from pointsman.meta.records import OutOfSamplePredictions
from pointsman.meta.threshold import tune_ensemble
from pointsman.model_zoo.model import PROTOCOL
from pointsman.registry.budget import exclude_lines
from pointsman.registry.contender import FALLBACK_FAMILY, Origin
from pointsman.registry.lineage import load_updates
from pointsman.registry.store import load_births
from pointsman.registry.update_run import UpdateRun
from pointsman.registry.versions import ENSEMBLE_FAMILY, KINDS, Version, name_version, save_members

log = logging.getLogger(__name__)

PROVEN_AFTER = 2
"""Batches on which a model that the search found has to be evaluated before it may be a member of an ensemble."""


def save_ensembles(
    run: UpdateRun, singles: Sequence[Version], records: Sequence[OutOfSamplePredictions], numbers: Iterator[int]
) -> list[Version]:
    """Fit the ensembles on all records, store them and return their versions; fewer than two versions make none."""
    allowed = choose_members(run, singles)
    if len(allowed) < 2:
        return []
    past, settings = stack_records(records, [one.line for one in allowed]), run.config.selection
    guarded = [one.line for one in allowed if one.guarded or one.family == FALLBACK_FAMILY]
    seed = run.config.seed
    fitted = fit_ensembles(past, guarded, settings.half_life, settings.temperature, settings.max_members, seed)
    return [save_ensemble(run, variant, weights, allowed, past, next(numbers)) for variant, weights in fitted.items()]


def choose_members(run: UpdateRun, singles: Sequence[Version]) -> list[Version]:
    """Return the versions that may be members: within the budget and, as long as there are others, proven."""
    excluded = exclude_lines(run.config.promotion.budget, [one.line for one in singles], run.before.versions)
    affordable = [one for one in singles if one.line not in excluded]
    unproven = find_unproven(run, affordable)
    proven = [one for one in affordable if one.line not in unproven]
    if len(proven) < 2:
        return affordable
    # The first version of a model bears its name; only then it is told.
    if new := [one.id for one in affordable if one.id in unproven and one.generation == run.before.number + 1]:
        log.info("%s: found by the search, so in no ensemble before %d batches", ", ".join(new), PROVEN_AFTER)
    return proven


def find_unproven(run: UpdateRun, singles: Sequence[Version]) -> set[str]:
    """Return the models that the search found lately: on batches that chose them they look better than they are.

    They count as proven once they were evaluated on PROVEN_AFTER batches before they learned them.
    """
    number = run.before.number + 1
    births = {one.line: (one.origin, one.generation) for one in singles if one.line == one.id}
    births |= load_births(run.state, {one.line for one in singles} - set(births))
    # Generations that took a batch; the present one is not among them yet.
    updates = [*load_updates(run.state, run.before.number)[: PROVEN_AFTER - 1], number]
    return {
        line
        for line, (origin, born) in births.items()
        if origin == Origin.SEARCH and sum(one > born for one in updates) < PROVEN_AFTER
    }


def save_ensemble(
    run: UpdateRun, variant: str, weights: np.ndarray, singles: Sequence[Version], past: PredictionHistory, number: int
) -> Version:
    """Store an ensemble with the weights (3, n_singles) by RowKind and return its version."""
    # Nothing is continued, but one line for each purpose lets scores and promotions by hand outlast the update.
    parent = next((one for one in run.before.ensembles if one.variant == variant), None)
    version_id = name_version(ENSEMBLE_FAMILY, number)
    params = {"members": name_members(weights, singles)}
    # Versions without weight for any kind of row are no members: batches and inputs are those of the others.
    used = [single for single, share in zip(singles, weights.max(axis=0), strict=True) if share > 0]
    threshold = tune_ensemble(run.config, past, weights)
    manifest, size = save_members(run.state.files, params)
    return Version(
        id=version_id,
        number=number,
        line=parent.line if parent else version_id,
        parent=parent.id if parent else None,
        generation=run.before.number + 1,
        family=ENSEMBLE_FAMILY,
        variant=variant,
        params=params,
        window=None,
        masked=False,
        guarded=False,
        origin=Origin.ENSEMBLE.value,
        updates=0,
        first_batch=min(version.first_batch for version in used),
        last_batch=max(version.last_batch for version in used),
        rows=max(version.rows for version in used),
        threshold=threshold.least,
        untuned=threshold.untuned,
        manifest=manifest,
        bytes=size,
        fit_seconds=0.0,
        inputs=tuple(dict.fromkeys(name for version in used for name in version.inputs)),
        predict_us=_count_cost(weights, singles),
        seed=run.config.seed,
        protocol=PROTOCOL,
        environment=describe_environment(),
    )


def name_members(weights: np.ndarray, singles: Sequence[Version]) -> dict[str, dict[str, float]]:
    """Return the weights (3, n_singles) of versions by kind of row, without those that have none."""
    return {
        kind: {one.id: float(share) for one, share in zip(singles, shares, strict=True) if share > 0}
        for kind, shares in zip(KINDS, weights, strict=True)
    }


def describe_members(ensemble: Version) -> str:
    """Return the members of an ensemble and their weights in words."""
    clean = ", ".join(f"{name} {share:.0%}" for name, share in sorted(ensemble.members[0].items(), key=lambda w: -w[1]))
    return f"{ensemble.variant}: {clean}{'; others for flagged rows' if ensemble.is_routed else ''}"


def _count_cost(weights: np.ndarray, singles: Sequence[Version]) -> float:
    """Return the microseconds a row costs at most: the sum over members, for the kind of row where it is largest."""
    costs = np.array([one.predict_us for one in singles])
    return float(((weights > 0) @ costs).max())
