"""How well versions do on rows they had not learned from, over time, beside the prior."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pointsman.common.metrics import Metric
from pointsman.pipeline.reporting.history import FALLBACK_FAMILY, History, list_rows
from pointsman.registry.generations import Role
from pointsman.registry.versions import name_kinds
from pointsman.registry.words import show_word

PREQUENTIAL = "prequential"
RECENT = 4
"""Batches over which the recent gain on the prior is averaged."""

METRIC_NAMES = {
    "log_loss": "log-loss",
    "brier": "Brier score",
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "loss": "mean row loss",
}


@dataclass(frozen=True)
class ScoreFigure:
    """Metrics of a version on one batch: 'prequential', or 'out-of-fold' of a newcomer."""

    batch: int
    version: str
    line: str
    family: str
    kind: str
    rows: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class ChampionScore:
    """What stood when a batch arrived, beside the prior; ``gain`` is the relative improvement on it.

    That is the champion, or what served typical requests.
    """

    batch: int
    version: str
    rows: int
    metrics: Mapping[str, float]
    prior: Mapping[str, float]
    gain: float | None


@dataclass(frozen=True)
class VersionFigures:
    """An active single model. ``last`` are the newest prequential metrics of its line, on batch ``last_scored``.

    ``untuned`` is why its threshold was not tuned, None where it was.
    """

    id: str
    role: str
    family: str
    variant: str
    line: str
    origin: str
    updates: int
    generation: int
    first_batch: int
    last_batch: int
    rows: int
    threshold: float | None
    untuned: str | None
    bytes: int
    fit_seconds: float
    params: Mapping[str, Any]
    window: int | None
    masked: bool
    guarded: bool
    out_of_fold: Mapping[str, float]
    last: Mapping[str, float]
    last_scored: int | None


def list_scores(history: History) -> tuple[ScoreFigure, ...]:
    """Return every score, oldest batch first."""
    groups: dict[tuple[int, str, str], dict[str, float]] = {}
    rows: dict[tuple[int, str, str], int] = {}
    for row in list_rows(history.scores.sort_values(["batch", "version", "kind", "metric"])):
        key = (int(row["batch"]), str(row["version"]), str(row["kind"]))
        groups.setdefault(key, {})[row["metric"]] = float(row["observed"])
        rows[key] = int(row["rows"])
    return tuple(
        ScoreFigure(
            batch,
            version,
            history.lines.get(version, version),
            history.families.get(version, ""),
            kind,
            rows[batch, version, kind],
            metrics,
        )
        for (batch, version, kind), metrics in groups.items()
    )


@dataclass(frozen=True)
class ProductionFigures:
    """The single model or ensemble that serves typical requests now, with its own numbers.

    members: an ensemble's versions and their weights for clean rows, the heaviest first; {} for a single model
    by_hand: whether a person made it serve, and every request
    batch:   the newest batch that its line predicted before learning it; None where there was none yet
    metrics: on that batch, the prior's beside them; ``gain`` is the relative improvement on it
    recent:  the mean gain over so many newest batches as the headline sums up; None where there were fewer
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


def list_serving_scores(
    history: History, scores: tuple[ScoreFigure, ...], serving: Mapping[int, str]
) -> tuple[ChampionScore, ...]:
    """Return, for every batch that was predicted before it was learned, how the version did that is named for it."""
    by_key = {(score.batch, score.version): score for score in scores if score.kind == PREQUENTIAL}
    known = [by_key[batch, version] for batch, version in sorted(serving.items()) if (batch, version) in by_key]
    return _compare_with_prior(history, scores, known)


def _compare_with_prior(
    history: History, scores: tuple[ScoreFigure, ...], known: Sequence[ScoreFigure]
) -> tuple[ChampionScore, ...]:
    priors = {one.batch: one.metrics for one in scores if one.kind == PREQUENTIAL and one.family == FALLBACK_FAMILY}
    compared = []
    for own in known:
        prior = priors.get(own.batch, {})
        gain = compute_gain(history.metric, own.metrics, prior)
        compared.append(ChampionScore(own.batch, own.version, own.rows, own.metrics, prior, gain))
    return tuple(compared)


def find_production(history: History, scores: tuple[ScoreFigure, ...]) -> ProductionFigures | None:
    """Return what serves typical requests now; None before there is a model."""
    version = history.generation.production
    if version is None:
        return None
    of_line = [score for score in scores if score.kind == PREQUENTIAL and score.line == version.line]
    own = _compare_with_prior(history, scores, of_line)
    newest = own[-1] if own else None
    gains = [one.gain for one in own[-RECENT:] if one.gain is not None]
    return ProductionFigures(
        id=version.id,
        line=version.line,
        family=show_word(version.family),
        variant=version.variant,
        is_ensemble=version.is_ensemble,
        members=_sort_weights(version.members[0]) if version.is_ensemble else {},
        by_hand=history.generation.pinned == version.line,
        batch=newest.batch if newest else None,
        rows=newest.rows if newest else None,
        metrics=newest.metrics if newest else {},
        prior=newest.prior if newest else {},
        gain=newest.gain if newest else None,
        recent=sum(gains) / RECENT if len(gains) == RECENT else None,
    )


def _sort_weights(weights: Mapping[str, float]) -> dict[str, float]:
    """Return weights by version, the heaviest first."""
    return dict(sorted(weights.items(), key=lambda one: (-one[1], one[0])))


def compute_gain(metric: Metric | None, own: Mapping[str, float], prior: Mapping[str, float]) -> float | None:
    """Return by which share a metric is better than the prior's; None where one of them is not known or is 0."""
    if metric is None or metric.name not in own or not prior.get(metric.name):
        return None
    change = own[metric.name] / prior[metric.name] - 1
    return float(change if metric.higher_is_better else -change)


def list_versions(history: History, scores: tuple[ScoreFigure, ...]) -> tuple[VersionFigures, ...]:
    """Return the active single models, the champion first, then by their loss on the newest rows."""
    folds = {score.version: score for score in scores if score.kind == "out-of-fold"}
    last = find_last(scores)
    listed = []
    for member in history.generation.members:
        version = member.version
        if version.is_ensemble or member.role is Role.CHALLENGER:
            continue
        own, previous = folds.get(version.id), last.get(version.line)
        listed.append(
            VersionFigures(
                id=version.id,
                role=member.role.shown,
                family=version.family,
                variant=version.variant,
                line=version.line,
                origin=version.origin,
                updates=version.updates,
                generation=version.generation,
                first_batch=version.first_batch,
                last_batch=version.last_batch,
                rows=version.rows,
                threshold=version.threshold if history.task == "binary" else None,
                untuned=version.untuned,
                bytes=version.bytes,
                fit_seconds=version.fit_seconds,
                params=dict(version.params),
                window=version.window,
                masked=version.masked,
                guarded=version.guarded,
                out_of_fold=own.metrics if own else {},
                last=previous.metrics if previous else {},
                last_scored=previous.batch if previous else None,
            )
        )
    return tuple(
        sorted(
            listed, key=lambda one: (one.role != "champion", one.last.get("loss", one.out_of_fold.get("loss", np.inf)))
        )
    )


def find_last(scores: tuple[ScoreFigure, ...]) -> dict[str, ScoreFigure]:
    """Return by line its newest prequential score."""
    return {score.line: score for score in scores if score.kind == PREQUENTIAL}


@dataclass(frozen=True)
class EnsembleFigures:
    """An active ensemble. ``last`` are the newest prequential metrics of its line, on batch ``last_scored``.

    members: by the kinds of rows that it answers alike, its versions and their weights, the heaviest first
    """

    id: str
    line: str
    variant: str
    members: Mapping[str, Mapping[str, float]]
    threshold: float | None
    last: Mapping[str, float]
    last_scored: int | None


def list_ensembles(history: History, scores: tuple[ScoreFigure, ...]) -> tuple[EnsembleFigures, ...]:
    """Return the active ensembles."""
    last = find_last(scores)
    return tuple(
        EnsembleFigures(
            id=one.id,
            line=one.line,
            variant=one.variant,
            members={rows: _sort_weights(weights) for rows, weights in name_kinds(one.members).items()},
            threshold=one.threshold if history.task == "binary" else None,
            last=last[one.line].metrics if one.line in last else {},
            last_scored=last[one.line].batch if one.line in last else None,
        )
        for one in history.generation.ensembles
    )


def name_metric(name: str) -> str:
    """Return a metric's name in text.

    >>> name_metric("log_loss")
    'log-loss'
    """
    return METRIC_NAMES.get(name, name)


def list_metric_names(history: History, scores: tuple[ScoreFigure, ...]) -> tuple[str, ...]:
    """Return the metrics worth a column: the headline metric first, the mean row loss left out."""
    found = {name for score in scores for name in score.metrics}
    first = [history.metric.name] if history.metric else []
    return tuple(dict.fromkeys([*first, *(name for name in METRIC_NAMES if name in found and name != "loss")]))
