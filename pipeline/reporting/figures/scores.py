"""How well versions do on rows they had not learned from, over time, beside the prior."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.metrics import Metric
from pipeline.reporting.history import FALLBACK_FAMILY, History, list_rows
from registry.generations import Role

METRIC_NAMES = {
    "log_loss": "log-loss", "brier": "Brier score", "roc_auc": "ROC-AUC", "average_precision": "average precision",
    "f1": "F1", "precision": "precision", "recall": "recall", "accuracy": "accuracy", "macro_f1": "macro-F1",
    "rmse": "RMSE", "mae": "MAE", "r2": "R²", "loss": "mean row loss",
}  # fmt: skip


@dataclass(frozen=True)
class Score:
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
    """The champion that served when a batch arrived, beside the prior; ``gain`` is the relative improvement on it."""

    batch: int
    version: str
    rows: int
    metrics: Mapping[str, float]
    prior: Mapping[str, float]
    gain: float | None


@dataclass(frozen=True)
class VersionFigures:
    """An active version. ``last`` are the newest prequential metrics of its line, on batch ``last_scored``.

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


def list_scores(history: History) -> tuple[Score, ...]:
    """Return every score, oldest batch first."""
    groups: dict[tuple[int, str, str], dict[str, float]] = {}
    rows: dict[tuple[int, str, str], int] = {}
    for row in list_rows(history.scores.sort_values(["batch", "version", "kind", "metric"])):
        key = (int(row["batch"]), str(row["version"]), str(row["kind"]))
        groups.setdefault(key, {})[row["metric"]] = float(row["observed"])
        rows[key] = int(row["rows"])
    return tuple(
        Score(batch, version, history.lines.get(version, version), history.families.get(version, ""), kind,
              rows[batch, version, kind], metrics)
        for (batch, version, kind), metrics in groups.items()
    )  # fmt: skip


def list_champion_scores(history: History, scores: tuple[Score, ...]) -> tuple[ChampionScore, ...]:
    """Return, for every batch that was predicted before it was learned, how the serving champion did."""
    by_key = {(score.batch, score.version): score for score in scores if score.kind == "prequential"}
    priors = {score.batch: score for score in by_key.values() if score.family == FALLBACK_FAMILY}
    listed = []
    for batch, version in sorted(history.serving.items()):
        own = by_key.get((batch, version))
        if own is None:
            continue
        prior = priors[batch].metrics if batch in priors else {}
        gain = compute_gain(history.metric, own.metrics, prior)
        listed.append(ChampionScore(batch, version, own.rows, own.metrics, prior, gain))
    return tuple(listed)


def compute_gain(metric: Metric | None, own: Mapping[str, float], prior: Mapping[str, float]) -> float | None:
    """Return by which share a metric is better than the prior's; None where one of them is not known or is 0."""
    if metric is None or metric.name not in own or not prior.get(metric.name):
        return None
    change = own[metric.name] / prior[metric.name] - 1
    return float(change if metric.higher_is_better else -change)


def list_versions(history: History, scores: tuple[Score, ...]) -> tuple[VersionFigures, ...]:
    """Return the active versions, the champion first, then by their loss on the newest rows."""
    folds = {score.version: score for score in scores if score.kind == "out-of-fold"}
    last = {score.line: score for score in scores if score.kind == "prequential"}
    listed = []
    for member in history.generation.members:
        version = member.version
        if version.is_ensemble or member.role is Role.RIVAL:
            continue
        own, previous = folds.get(version.id), last.get(version.line)
        listed.append(
            VersionFigures(
                id=version.id,
                role=member.role.value,
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


@dataclass(frozen=True)
class EnsembleFigures:
    """An active blend and its members' weights, the heaviest first."""

    id: str
    line: str
    variant: str
    weights: Mapping[str, float]


def list_ensembles(history: History) -> tuple[EnsembleFigures, ...]:
    """Return the active blends."""
    return tuple(
        EnsembleFigures(one.id, one.line, one.variant, dict(sorted(one.params["weights"].items(), key=lambda w: -w[1])))
        for one in history.generation.ensembles
    )


def name_metric(name: str) -> str:
    """Return a metric's name in text.

    >>> name_metric("log_loss")
    'log-loss'
    """
    return METRIC_NAMES.get(name, name)


def list_metric_names(history: History, scores: tuple[Score, ...]) -> tuple[str, ...]:
    """Return the metrics worth a column: the headline metric first, the mean row loss left out."""
    found = {name for score in scores for name in score.metrics}
    first = [history.metric.name] if history.metric else []
    return tuple(dict.fromkeys([*first, *(name for name in METRIC_NAMES if name in found and name != "loss")]))
