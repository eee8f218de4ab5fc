"""The report as figures: everything that the page shows and that programs read, computed once from the history."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

import numpy as np

from pointsman.common.task import Task
from pointsman.pipeline.reporting.contents import SECTIONS
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.loss_scale import name_loss, name_unit

PROTOCOL = 3
"""Version of report.json; it rises when a key changes its meaning or goes."""

ORDER = (
    *(
        "protocol",
        "written_at",
        "task",
        "target",
        "positive",
        "metric",
        "higher_is_better",
        "loss",
        "loss_unit",
        "metric_names",
    ),
    *("headline", "generation", "generations", "markers", "batches", "quality", "quarantine", "associations", "drift"),
    *("production", "champion", "versions", "ensembles", "production_scores", "champion_scores", "scores"),
    *("comparisons", "tournament", "backtest", "events", "trials", "search", "experiments", "features", "mode"),
    *("grades", "decisions", "regrets", "labels", "estimates", "influences", "performance", "shap"),
    *("attributions", "picks", "effects", "structures", "neighbours"),
    *("health", "standing", "changes", "outcomes", "segments"),
)
"""The order in which report.json has its keys; those that are not named here follow in reading order."""


@dataclass(frozen=True)
class Subject:
    """What the report is about: keys that belong to no section.

    ``loss`` is what losses are compared by, and ``loss_unit`` what they are counted in (``loss_scale``).
    """

    protocol: int
    written_at: datetime
    task: str | None
    target: str | None
    positive: str | None
    metric: str | None
    higher_is_better: bool | None
    loss: str
    loss_unit: str
    mode: str


def compute_report(history: History) -> dict[str, Any]:
    """Return every figure by its key of report.json, of a history with at least one generation."""
    history.load(read for section in SECTIONS for read in section.reads)
    answers = {key: answer for section in SECTIONS for key, answer in section.figures.items()}
    subject = vars(describe_subject(history))
    known = [key for key in ORDER if key in answers or key in subject]
    added = [key for key in answers if key not in ORDER]
    return {key: history.ask(answers[key]) if key in answers else subject[key] for key in (*known, *added)}


def describe_subject(history: History) -> Subject:
    """Return what the report is about."""
    metric, schema = history.metric, history.generation.schema
    return Subject(
        protocol=PROTOCOL,
        written_at=history.written_at,
        task=schema.task.value if schema else None,
        target=schema.target if schema else None,
        positive=schema.classes[-1] if schema and schema.task is Task.BINARY and schema.classes else None,
        metric=metric.name if metric else None,
        higher_is_better=metric.higher_is_better if metric else None,
        loss=name_loss(history.task),
        loss_unit=name_unit(schema.task, schema.target) if schema else "",
        mode=history.mode,
    )


def to_json(figure: Any) -> Any:
    """Return plain JSON types: records become objects, dates text; a number that is not finite becomes None.

    >>> to_json({"a": (1, float("nan"), date(2014, 5, 31))})
    {'a': [1, None, '2014-05-31']}
    """
    if figure is None or isinstance(figure, str | bool | int):
        return figure
    if isinstance(figure, np.generic):
        return to_json(figure.item())
    if isinstance(figure, float):
        return figure if math.isfinite(figure) else None
    if isinstance(figure, tuple | list):
        return [to_json(cell) for cell in figure]
    kind: Any = type(figure)
    if names := _list_fields(kind):
        return {name: to_json(getattr(figure, name)) for name in names}
    if isinstance(figure, Mapping):
        return {str(name): to_json(cell) for name, cell in figure.items()}
    if isinstance(figure, date | datetime):
        return figure.isoformat()
    return figure.isoformat()
    if isinstance(figure, np.generic):
        return to_json(figure.item())
    if isinstance(figure, float):
        return figure if math.isfinite(figure) else None
    return figure


@cache
def _list_fields(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()
