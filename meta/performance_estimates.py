"""Estimates without labels, through the flows: made of a batch or a request, graded once labels come, learned anew."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pointsman.common.config import Config
from pointsman.common.metrics import get_metric
from pointsman.common.task import Task
from pointsman.meta.estimation.estimator import Estimate, PerformanceEstimator, estimate
from pointsman.meta.estimation.expectation import realise
from pointsman.meta.plan import Plan
from pointsman.meta.records import OutOfSamplePredictions
from pointsman.meta.selector import Selector
from pointsman.meta.selector_store import StoredSelector
from pointsman.meta.store import PLAN_LINE
from pointsman.registry.generations import Generation

log = logging.getLogger(__name__)


def estimate_request(
    estimators: Mapping[str, PerformanceEstimator],
    plan: Plan,
    outputs: np.ndarray,
    kinds: np.ndarray,
    classes: Sequence[str],
) -> Estimate:
    """Return what the served outputs (n_rows, n_outputs) of rows of each kind are expected to show."""
    estimator = choose_estimator(estimators, plan)
    if estimator is None:
        return Estimate(PLAN_LINE, len(outputs), {}, "not estimated: there is no estimator of what serves")
    return estimate(estimator, outputs, kinds, classes)


def choose_estimator(estimators: Mapping[str, PerformanceEstimator], plan: Plan) -> PerformanceEstimator | None:
    """Return the estimator of the model that serves, else that of whatever is chosen."""
    return estimators.get(plan.model) or (None if plan.is_pinned else estimators.get(PLAN_LINE))


def list_measures(config: Config, task: Task) -> list[str]:
    """Return what is estimated: the loss and the configuration's metric."""
    return list(dict.fromkeys(["log_loss" if task.is_classification else "rmse", get_metric(config.metric, task).name]))


def grade_estimates(
    stored: StoredSelector | None, record: OutOfSamplePredictions, plan_outputs: np.ndarray | None
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
    of_plan = [
        f"{one['measure']} {one['estimated']:.4g} ({one['lower']:.4g} to {one['upper']:.4g}) and is "
        f"{one['realised']:.4g}"
        for one in graded
        if one["answerer"] == PLAN_LINE
    ]
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
            graded.append(
                {
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
                }
            )
    return graded


def learn_estimators(
    config: Config,
    generation: Generation,
    selector: Selector,
    records: Sequence[OutOfSamplePredictions],
    plan_outputs: np.ndarray | None,
) -> dict[str, PerformanceEstimator]:
    """Return the estimators, by line, of what is chosen and of what may serve alone, from all records so far."""
    from pointsman.meta.estimation.fitting import fit_estimator

    learned = list(records)
    if plan_outputs is not None:
        learned[-1] = learned[-1].with_lines({PLAN_LINE: plan_outputs})
    models = {version.line: version for version in (*generation.versions, *generation.ensembles)}
    wanted = [selector.champions.clean, selector.champions.damaged, selector.typical, generation.pinned]
    known = {line for record in learned for line in record.predicted}
    alone = [line for line in dict.fromkeys(wanted) if line in models and line in known]
    typical = models.get(selector.typical or selector.champions.clean)
    served = {PLAN_LINE: typical.threshold if typical else 0.5} | {line: models[line].threshold for line in alone}
    measures = list_measures(config, records[-1].rows.task)
    return {line: fit_estimator(learned, line, measures, threshold) for line, threshold in served.items()}
