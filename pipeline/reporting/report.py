"""The report as figures: everything that the page shows and that programs read, computed once from the history."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from typing import Any

import numpy as np

from common.task import Task
from pipeline.reporting.explanation.contributions import Explanation
from pipeline.reporting.figures.associations import RuleFigures, list_rules
from pipeline.reporting.figures.backtest import BacktestFigures, compute_backtest
from pipeline.reporting.figures.batches import BatchFigures, QualityFigures, compute_batches, compute_quality
from pipeline.reporting.figures.bouts import TournamentFigures, compute_tournament
from pipeline.reporting.figures.choices import (
    ComparisonFigures,
    DecisionFigures,
    EventFigures,
    GenerationFigures,
    compute_decisions,
    list_comparisons,
    list_events,
    list_generations,
)
from pipeline.reporting.figures.cost import CostFigures, compute_costs
from pipeline.reporting.figures.drift import DriftFigures, compute_drift_figures
from pipeline.reporting.figures.estimates import UnlabelledFigures, compute_estimates
from pipeline.reporting.figures.experiments import ExperimentFigures, compute_experiments
from pipeline.reporting.figures.features import FeatureFigures, list_features
from pipeline.reporting.figures.grades import GradeFigures, list_grades
from pipeline.reporting.figures.headline import Headline, HeadlineParts, compute_headline
from pipeline.reporting.figures.influence import InfluenceFigures, compute_influences
from pipeline.reporting.figures.labels import LabelFigures, compute_labels
from pipeline.reporting.figures.quarantine import QuarantineFigures, compute_quarantine
from pipeline.reporting.figures.regret import RegretFigures, compute_regrets
from pipeline.reporting.figures.scores import (
    ChampionScore,
    EnsembleFigures,
    ProductionFigures,
    Score,
    VersionFigures,
    find_production,
    list_ensembles,
    list_metric_names,
    list_scores,
    list_serving_scores,
    list_versions,
)
from pipeline.reporting.figures.search import SearchFigures, Trial, compute_search, list_trials
from pipeline.reporting.figures.shap import ShapFigures, compute_shap
from pipeline.reporting.history import History, Marker

PROTOCOL = 2
"""Version of report.json; it rises when a key changes its meaning or goes."""


@dataclass(frozen=True)
class Report:
    """Every figure. Names are the keys of report.json; docs of each part are with its class."""

    protocol: int
    written_at: datetime
    task: str | None
    target: str | None
    positive: str | None
    metric: str | None
    higher_is_better: bool | None
    metric_names: tuple[str, ...]
    headline: Headline
    generation: GenerationFigures
    generations: tuple[GenerationFigures, ...]
    markers: tuple[Marker, ...]
    batches: tuple[BatchFigures, ...]
    quality: QualityFigures
    quarantine: QuarantineFigures
    associations: tuple[RuleFigures, ...]
    drift: DriftFigures
    production: ProductionFigures | None
    champion: VersionFigures | None
    versions: tuple[VersionFigures, ...]
    ensembles: tuple[EnsembleFigures, ...]
    production_scores: tuple[ChampionScore, ...]
    champion_scores: tuple[ChampionScore, ...]
    scores: tuple[Score, ...]
    comparisons: tuple[ComparisonFigures, ...]
    tournament: TournamentFigures
    backtest: BacktestFigures | None
    events: tuple[EventFigures, ...]
    trials: tuple[Trial, ...]
    search: SearchFigures
    experiments: ExperimentFigures
    features: tuple[FeatureFigures, ...]
    mode: str
    grades: tuple[GradeFigures, ...]
    decisions: DecisionFigures
    regrets: RegretFigures
    labels: LabelFigures
    estimates: UnlabelledFigures
    influences: InfluenceFigures
    performance: CostFigures
    shap: ShapFigures


def compute_report(history: History, explanation: Explanation, written_at: datetime) -> Report:
    """Return the report of a history with at least one generation."""
    scores, trials = list_scores(history), list_trials(history)
    parts = HeadlineParts(
        metric=history.metric,
        batches=compute_batches(history),
        quality=compute_quality(history),
        drift=compute_drift_figures(history),
        versions=list_versions(history, scores),
        production=find_production(history, scores),
        champion_scores=list_serving_scores(history, scores, history.serving),
        search=compute_search(history, trials),
        generations=list_generations(history),
        events=list_events(history),
        grades=list_grades(history),
        decisions=compute_decisions(history),
        mode=history.mode,
    )
    metric, schema = history.metric, history.generation.schema
    return Report(
        protocol=PROTOCOL,
        written_at=written_at,
        task=schema.task.value if schema else None,
        positive=schema.classes[-1] if schema and schema.task is Task.BINARY and schema.classes else None,
        target=schema.target if schema else None,
        metric=metric.name if metric else None,
        higher_is_better=metric.higher_is_better if metric else None,
        metric_names=list_metric_names(history, scores),
        headline=compute_headline(parts),
        generation=parts.generations[-1],
        generations=parts.generations,
        markers=history.markers,
        batches=parts.batches,
        quality=parts.quality,
        quarantine=compute_quarantine(history),
        associations=list_rules(history),
        drift=parts.drift,
        production=parts.production,
        champion=parts.champion,
        versions=parts.versions,
        ensembles=list_ensembles(history, scores),
        production_scores=list_serving_scores(history, scores, history.in_production),
        champion_scores=parts.champion_scores,
        scores=scores,
        comparisons=list_comparisons(history),
        tournament=compute_tournament(history),
        backtest=compute_backtest(history),
        events=parts.events,
        trials=trials,
        search=parts.search,
        experiments=compute_experiments(history),
        features=list_features(history),
        mode=history.mode,
        grades=parts.grades,
        decisions=parts.decisions,
        regrets=compute_regrets(history),
        labels=compute_labels(history, written_at),
        estimates=compute_estimates(history),
        influences=compute_influences(history, history.seed),
        performance=compute_costs(history),
        shap=compute_shap(explanation),
    )


def to_json(figure: Any) -> Any:
    """Return plain JSON types: records become objects, dates text; a number that is not finite becomes None.

    >>> to_json({"a": (1, float("nan"), date(2014, 5, 31))})
    {'a': [1, None, '2014-05-31']}
    """
    if is_dataclass(figure) and not isinstance(figure, type):
        return {field.name: to_json(getattr(figure, field.name)) for field in fields(figure)}
    if isinstance(figure, Mapping):
        return {str(name): to_json(cell) for name, cell in figure.items()}
    if isinstance(figure, tuple | list):
        return [to_json(cell) for cell in figure]
    if isinstance(figure, date | datetime):
        return figure.isoformat()
    if isinstance(figure, np.generic):
        return to_json(figure.item())
    if isinstance(figure, float):
        return figure if math.isfinite(figure) else None
    return figure
