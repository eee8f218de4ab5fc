"""SHAP over time: what the answers to each batch rested on, by the version that served it before it learned it.

Figures of a version and a batch never change, so they are computed from the stored rows and models and kept beside the
report; a report explains what is new alone, and loses nothing but time where the file is gone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from pointsman.common.errors import StateError
from pointsman.common.seeding import derive_seed
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.files import save_atomically
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.reporting.explanation.attribution_drift import (
    LEAST_PAST,
    Attribution,
    AttributionTest,
    judge_attributions,
)
from pointsman.pipeline.reporting.explanation.mixture import count_rows, mix_contributions
from pointsman.pipeline.reporting.formats import format_count, join_words
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.production_shap import load_features, load_mixture, take_rows
from pointsman.registry.tables import versions_table
from pointsman.registry.versions import Version

PROTOCOL = 1
"""Of the kept file; another one is not read."""

BATCHES = 12
"""Newest batches that are explained; of more the first report would take long."""

SHOWN = 12
"""Features that are shown by batch."""

MOST_ROWS, LEAST_ROWS = 60, 24
BUDGET = 0.25
"""Share of what explaining production may cost that a batch may."""


@dataclass(frozen=True)
class BatchShare:
    """A feature's share in a batch's attributions; None where the version did not read it."""

    batch: int
    share: float | None
    alarm: bool


@dataclass(frozen=True)
class FeatureShares:
    """A feature's shares by batch; ``lower`` and ``upper`` bound what a stable newest batch shows, None if unknown."""

    feature: str
    cells: tuple[BatchShare, ...]
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class AttributionFigures:
    """Attributions by batch, the oldest first, the tests of them, and in words what is known of the newest batch.

    moved:    the features of the newest batch that raised an alarm
    cause:    'data' or 'model' where one did: whether the model of the batch before shows the changes too, on the new
              rows; '' where there is no alarm or that model is no more
    rows:     the most important features, the first ones of all
    left_out: batches whose version or inputs are no more
    """

    verdict: str
    moved: tuple[str, ...]
    cause: str
    false_alarms: float
    known: tuple[Attribution, ...]
    tests: tuple[AttributionTest, ...]
    rows: tuple[FeatureShares, ...]
    left_out: tuple[int, ...]


def read_served(history: History) -> dict[str, Version]:
    """Return the versions that served the newest batches, with the members of ensembles, by id."""
    served = _list_served(history)
    found = _read_versions(history, set(served.values()))
    members = {name for one in found.values() if one.is_ensemble for name in one.member_ids}
    return found | _read_versions(history, members - set(found))


def explain_served(history: History) -> AttributionFigures:
    """Return what served the newest batches rested on, and whether that has changed."""
    path = history.state.folder / "report" / "attributions.json"
    kept, known, left_out = _load_kept(path), [], []
    served = _list_served(history)
    for number, version in served.items():
        found = kept.get(f"{version}/{number}") or _explain_batch(history, number, version)
        if found is None:
            left_out.append(number)
        else:
            known.append(found)
    if any(f"{one.version}/{one.batch}" not in kept for one in known):
        _save_kept(path, known)
    tests = judge_attributions(known, history.config.drift.false_alarms)
    newest = [one for one in tests if known and one.batch == known[-1].batch]
    alarms = [one for one in newest if one.alarm]
    cause = _find_cause(history, known, alarms) if alarms else ""
    return AttributionFigures(
        verdict=describe_verdict(known, newest, cause),
        moved=tuple(one.feature for one in alarms),
        cause=cause,
        false_alarms=history.config.drift.false_alarms,
        known=tuple(known),
        tests=tuple(tests),
        rows=tuple(_list_shares(known, tests)),
        left_out=tuple(left_out),
    )


def describe_verdict(known: Sequence[Attribution], newest: Sequence[AttributionTest], cause: str) -> str:
    """Return in a sentence what the tests of the newest batch say."""
    if not known:
        return "no batch has been answered by a model that had not learned it"
    if not newest:
        missing = LEAST_PAST + 1 - len(known)
        return f"Not judged yet: {format_count(missing, 'more batch', 'more batches')} will tell what is usual."
    alarms = [one for one in newest if one.alarm]
    if not alarms:
        return f"Stable: batch {known[-1].batch} rests on its features as the batches before it did."
    moves = [f"{one.feature} {one.usual:.0%} → {one.share:.0%}" for one in alarms]
    why = {
        "data": " The model of the batch before shows it too, so the data have changed.",
        "model": " The model of the batch before does not show it, so the model has changed.",
    }
    return f"Moved: answers to batch {known[-1].batch} rest otherwise on {join_words(moves)}.{why.get(cause, '')}"


def _list_shares(known: Sequence[Attribution], tests: Sequence[AttributionTest]) -> list[FeatureShares]:
    """Return the shares of the most important features, those of the newest batch with what is usual."""
    judged = {(one.batch, one.feature): one for one in tests}
    listed = []
    for feature in _rank(known)[:SHOWN]:
        cells = [
            BatchShare(
                one.batch,
                one.shares.get(feature),
                (test := judged.get((one.batch, feature))) is not None and test.alarm,
            )
            for one in known
        ]
        newest = judged.get((known[-1].batch, feature))
        listed.append(
            FeatureShares(feature, tuple(cells), newest.lower if newest else None, newest.upper if newest else None)
        )
    return listed


def _list_served(history: History) -> dict[int, str]:
    """Return by accepted batch, oldest first, what was in production when it arrived."""
    table = history.read(batches)
    accepted = sorted(int(number) for number in table.loc[table["status"] == "accepted", "number"])
    named = {number: history.in_production[number] for number in accepted if number in history.in_production}
    return dict(list(named.items())[-BATCHES:])


def _read_versions(history: History, names: set[str]) -> dict[str, Version]:
    if not names:
        return {}
    query = sa.select(versions_table).where(versions_table.c.id.in_(sorted(names)))
    return {row["id"]: Version.from_row(row) for row in read_rows(history.state.engine, query)}


def _explain_batch(history: History, number: int, named: str) -> Attribution | None:
    """Return what a version's answers to a batch rest on; None where its models or its inputs are no more."""
    known, config, schema = history.ask(read_served), history.config, history.generation.schema
    assert schema is not None
    try:
        mixture = load_mixture(history, known[named], known)
        rows = load_features(history, number)
    except (StateError, KeyError):
        return None
    read = {name for model in mixture.models.values() for name in model.features}
    if not len(rows) or not read <= set(rows.inputs):
        return None
    models = list(mixture.models.values())
    most = count_rows(models, rows.inputs.shape[1], min(MOST_ROWS, config.report.shap_rows), BUDGET, LEAST_ROWS)
    drawn = take_rows(rows, most, config.seed)
    explained = mix_contributions(
        mixture.models,
        mixture.weights,
        drawn.inputs,
        schema.classes,
        config.report.max_shap_seconds,
        derive_seed(config.seed, "report", number),
    )
    sizes = np.abs(explained.values).mean(axis=2)
    if not sizes.any():
        return None
    names = [str(name) for name in explained.features]
    errors = sizes.std(axis=0, ddof=1) / len(sizes) ** 0.5 if len(sizes) > 1 else np.zeros(len(names))
    return Attribution(
        number,
        named,
        len(sizes),
        dict(zip(names, sizes.mean(axis=0).tolist(), strict=True)),
        dict(zip(names, errors.tolist(), strict=True)),
    )


def _find_cause(history: History, known: Sequence[Attribution], alarms: Sequence[AttributionTest]) -> str:
    """Return whether the model that served the batch before shows the changes too ('data') or not ('model')."""
    newest, before = known[-1], known[-2]
    if newest.version == before.version:
        return "data"
    again = _explain_batch(history, newest.batch, before.version)
    if again is None:
        return ""
    shown = [one for one in alarms if not one.lower <= again.shares.get(one.feature, 0.0) <= one.upper]
    return "data" if len(shown) * 2 >= len(alarms) else "model"


def _rank(known: Sequence[Attribution]) -> list[str]:
    """Return the features by their mean share, the largest first."""
    totals: dict[str, float] = {}
    for one in known:
        for name, share in one.shares.items():
            totals[name] = totals.get(name, 0.0) + share
    return sorted(totals, key=lambda name: (-totals[name], name))


def _load_kept(path: Path) -> Mapping[str, Attribution]:
    """Return what was kept, by version and batch; nothing where there is no such file or another protocol's."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        kept = [Attribution(**one) for one in stored["known"]] if stored["protocol"] == PROTOCOL else []
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {f"{one.version}/{one.batch}": one for one in kept}


def _save_kept(path: Path, known: Sequence[Attribution]) -> None:
    text = json.dumps({"protocol": PROTOCOL, "known": [asdict(one) for one in known]})
    path.parent.mkdir(exist_ok=True)
    save_atomically(path, text.encode())
