"""Estimates without labels, through the flows: made of a batch or a request, graded once labels come, learned anew."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from common.config import Config
from common.metrics import get_metric
from common.task import Task
from meta.estimation.estimator import Estimate, Estimator, estimate
from meta.estimation.expectation import realise
from meta.flags import RowKind
from meta.plan import Plan
from meta.records import Record
from meta.selector import Selector
from meta.store import PLAN_LINE, StoredSelector
from registry.generations import Generation

log = logging.getLogger(__name__)


def estimate_request(
    estimators: Mapping[str, Estimator], plan: Plan, outputs: np.ndarray, kinds: np.ndarray, classes: Sequence[str]
) -> Estimate:
    """Return what the served outputs (n_rows, n_outputs) of rows of each kind are expected to show."""
    estimator = choose_estimator(estimators, plan, np.unique(kinds))
    if estimator is None:
        return Estimate(PLAN_LINE, len(outputs), {}, "not estimated: there is no estimator of what serves")
    return estimate(estimator, outputs, kinds, classes)


def choose_estimator(estimators: Mapping[str, Estimator], plan: Plan, kinds: Iterable[int]) -> Estimator | None:
    """Return the estimator of the line that serves rows of some kinds alone, else that of the plan."""
    lines = {line for kind in kinds for line in plan.weights[RowKind(kind)]}
    alone = estimators.get(next(iter(lines))) if len(lines) == 1 else None
    return alone or (None if plan.is_pinned else estimators.get(PLAN_LINE))


def list_measures(config: Config, task: Task) -> list[str]:
    """Return what is estimated: the loss and the configuration's metric."""
    return list(dict.fromkeys(["log_loss" if task.is_classification else "rmse", get_metric(config.metric, task).name]))


def grade_estimates(
    stored: StoredSelector | None, record: Record, plan_outputs: np.ndarray | None
) -> list[dict[str, Any]]:
    """Estimate the clean rows of a batch by the generation before it and return the rows of the estimates table.

    The estimates read outputs and kinds alone; labels only grade them.
    """
    if stored is None:
        return []
    outputs = {**record.predicted} if plan_outputs is None else {**record.predicted, PLAN_LINE: plan_outputs}
    rows, clean = record.rows, record.rows.clean
    graded = []
    for line, estimator in stored.estimators.items():
        if line in outputs:
            known = outputs[line][clean]
            made = estimate(estimator, known, rows.kinds[clean], rows.classes)
            graded += grade(made, rows.batch, "", rows.task, rows.target[clean], known)
    of_plan = [f"{one['measure']} {one['estimated']:.4g} ({one['lower']:.4g} to {one['upper']:.4g}) and is "
               f"{one['realised']:.4g}" for one in graded if one["answerer"] == PLAN_LINE]  # fmt: skip
    if of_plan:
        log.info("batch %d was estimated without labels: %s", rows.batch, "; ".join(of_plan))
    return graded


def grade(
    made: Estimate, batch: int, request: str, task: Task, target: np.ndarray, outputs: np.ndarray
) -> list[dict[str, Any]]:
    """Return the rows of the estimates table: one a measure that labels (n_rows,) define."""
    graded = []
    for name, measured in made.measures.items():
        realised = realise(name, task, target, outputs, made.threshold)
        if np.isfinite(realised):
            graded.append({
                "batch": batch,
                "answerer": made.answerer,
                "request": request,
                "measure": name,
                "rows": len(target),
                "estimated": measured.estimated,
                "lower": measured.lower,
                "upper": measured.upper,
                "realised": realised,
                "covered": measured.covers(realised),
            })  # fmt: skip
    return graded


def learn_estimators(
    config: Config,
    generation: Generation,
    selector: Selector,
    records: Sequence[Record],
    plan_outputs: np.ndarray | None,
) -> dict[str, Estimator]:
    """Return the estimators, by line, of the plan and of what may serve alone, from all records up to the newest."""
    from meta.estimation.fitting import fit_estimator

    known = list(records)
    if plan_outputs is not None:
        known[-1] = known[-1].with_lines({PLAN_LINE: plan_outputs})
    thresholds = {version.line: version.threshold for version in generation.versions}
    pinned = [generation.pinned] if generation.pinned else []
    alone = dict.fromkeys([selector.champions.clean, selector.champions.damaged, *pinned])
    served = {PLAN_LINE: selector.threshold} | {line: thresholds.get(line, 0.5) for line in alone}
    measures = list_measures(config, records[-1].rows.task)
    return {line: fit_estimator(known, line, measures, threshold) for line, threshold in served.items()}
