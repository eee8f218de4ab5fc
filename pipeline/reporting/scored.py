"""Scores as they are stored, and beside the prior: what several sections tell of versions rests on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pointsman.common.task import Task
from pointsman.pipeline.reporting.history import FALLBACK_FAMILY, History, list_rows
from pointsman.pipeline.reporting.loss_scale import LOSS, measure_gain, pool
from pointsman.pipeline.validation.tables import scores_table

PREQUENTIAL = "prequential"


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
    """What the champion of the time, or what served typical requests, scored on a batch, beside the prior.

    ``gain`` is by which share its loss was lower than the prior's (``loss_scale``), whatever the headline metric is.
    """

    batch: int
    version: str
    rows: int
    metrics: Mapping[str, float]
    prior: Mapping[str, float]
    gain: float | None


def list_scores(history: History) -> tuple[ScoreFigure, ...]:
    """Return every score, oldest batch first."""
    groups: dict[tuple[int, str, str], dict[str, float]] = {}
    rows: dict[tuple[int, str, str], int] = {}
    for row in list_rows(history.read(scores_table).sort_values(["batch", "version", "kind", "metric"])):
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


def find_last(history: History) -> dict[str, ScoreFigure]:
    """Return by line its newest prequential score."""
    return {score.line: score for score in history.ask(list_scores) if score.kind == PREQUENTIAL}


def compare_with_prior(history: History, known: Sequence[ScoreFigure]) -> tuple[ChampionScore, ...]:
    """Return prequential scores beside those of the prior on the same batches."""
    scores = history.ask(list_scores)
    priors = {one.batch: one.metrics for one in scores if one.kind == PREQUENTIAL and one.family == FALLBACK_FAMILY}
    compared = []
    for own in known:
        prior = priors.get(own.batch, {})
        gain = compute_gain(history.task, own.metrics, prior)
        compared.append(ChampionScore(own.batch, own.version, own.rows, own.metrics, prior, gain))
    return tuple(compared)


def compute_gain(task: Task | None, own: Mapping[str, float], prior: Mapping[str, float]) -> float | None:
    """Return by which share a loss is lower than the prior's; None where one of them is not known or is 0."""
    if task is None or LOSS not in own or LOSS not in prior:
        return None
    return measure_gain(own[LOSS], prior[LOSS], task)


def pool_gain(task: Task | None, scores: Sequence[ChampionScore]) -> float | None:
    """Return by which share the loss over all rows of batches is lower than the prior's; None where one has none."""
    if task is None or not scores or any(one.gain is None for one in scores):
        return None
    rows = [one.rows for one in scores]
    own, prior = (
        pool([known[LOSS] for known in losses], rows)
        for losses in zip(*((one.metrics, one.prior) for one in scores), strict=True)
    )
    return measure_gain(own, prior, task)
