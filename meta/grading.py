"""Grading: the selector of before a batch proposes plans for it and for its damaged copies; then labels decide."""

from collections.abc import Sequence

import numpy as np

from common.comparison import compare_losses
from common.metrics import compute_calibration_error
from common.task import Task
from meta.flags import RowKind
from meta.grades import CLEAN_GROUP, GROUPS, Grade
from meta.hard_choice import MARGINS
from meta.past import Past, stack_records
from meta.records import Record
from meta.selector import Selector

CONFIDENCE = 0.9


def answer_record(selector: Selector, record: Record) -> np.ndarray:
    """Return the outputs (n_rows, n_outputs) of the plans that the selector proposes for the parts of a record.

    Lines that the record lacks (a version failed on it) drop out and the others are reweighted.
    """
    return _mix_known(stack_records([record.without_live()], selector.lines), propose_weights(selector, record))


def propose_weights(selector: Selector, record: Record) -> np.ndarray:
    """Return the proposed weights (n_rows, n_lines) for the rows of a record, each part being a request."""
    rows = record.rows
    by_part = np.stack([selector.propose(selector.ask_choosers(profile)) for profile in rows.profiles])
    return by_part[rows.part, rows.kinds]


def grade_selector(selector: Selector, record: Record) -> list[Grade]:
    """Return a grade for clean input and one for damaged input, where there is such."""
    past = stack_records([record.without_live()], selector.lines)
    profiles = record.rows.profiles
    plans = [selector.plan(profile, "single") for profile in profiles]
    known = [line for line in selector.lines if line in record.predicted]
    if not known:
        return []
    rows = {
        "selected": past.compute_losses(_mix_known(past, propose_weights(selector, record))),
        "champion": _pick(past, [plan.champion for plan in plans]),
        "single": _pick(past, [plan.leading for plan in plans]),
        "last_best": _pick(past, [selector.last_best] * len(plans)),
        "uniform": past.compute_losses(past.mix(np.full(len(selector.lines), 1 / len(selector.lines)))),
    }
    for margin in MARGINS:
        chosen = [selector.hard.choose(profile.metafeatures, plan.champion, margin)
                  for profile, plan in zip(profiles, plans, strict=True)]  # fmt: skip
        rows[str(margin)] = _pick(past, chosen)
    lines = past.only(known).losses
    return [
        _grade_group(group, past, rows, lines, [bool(plan.alarm) for plan in plans], selector, record)
        for group in GROUPS
        if (past.clean == (group == CLEAN_GROUP)).any()
    ]


def _grade_group(
    group: str,
    past: Past,
    rows: dict[str, np.ndarray],
    lines: np.ndarray,
    alarms: Sequence[bool],
    selector: Selector,
    record: Record,
) -> Grade:
    clean = group == CLEAN_GROUP
    parts = np.unique(past.part[past.clean == clean])
    by_part = {name: _mean_by_part(losses, past, parts) for name, losses in rows.items()}
    by_line = np.column_stack([_mean_by_part(lines[:, position], past, parts) for position in range(lines.shape[1])])
    means = {name: float(losses.mean()) for name, losses in by_part.items()}
    compared = compare_losses(
        _align(rows["selected"], past, parts), _align(rows["champion"], past, parts), CONFIDENCE
    )  # fmt: skip
    chosen = past.clean == clean
    return Grade(
        batch=record.rows.batch,
        group=group,
        requests=len(parts),
        **{name: means[name] for name in ("selected", "champion", "single", "last_best", "uniform")},
        single_best=float(by_line.mean(axis=0).min()),
        oracle=float(by_line.min(axis=1).mean()),
        difference=compared.difference,
        error=compared.error,
        alarms=float(np.mean([alarms[part] for part in parts])),
        margins={str(margin): compare_with(means[str(margin)], means["champion"]) for margin in MARGINS},
        selected_by_kind=_mean_by_kind(rows["selected"][chosen] * past.scale, past.kinds[chosen]),
        champion_by_kind=_mean_by_kind(rows["champion"][chosen] * past.scale, past.kinds[chosen]),
        calibration=_measure_calibration(selector, record, past, chosen) if clean else {},
    )


def compare_with(loss: float, champion: float) -> float:
    """Return a loss relative to the champion's; where that is 0, any other counts as twice as large."""
    return loss / champion - 1 if champion > 0 else float(loss > 0)


def _mix_known(past: Past, weights: np.ndarray) -> np.ndarray:
    """Return the mixture over the lines that have predicted; their mean where none of a row's lines has."""
    left = weights * past.known
    total = left.sum(axis=1, keepdims=True)
    even = past.known / np.maximum(1, past.known.sum(axis=1, keepdims=True))
    return past.mix(np.where(total > 0, left / np.where(total > 0, total, 1.0), even))


def _pick(past: Past, chosen: Sequence[str]) -> np.ndarray:
    """Return the row losses of the line that is chosen for each part."""
    positions = np.array([past.lines.index(line) for line in chosen])
    return past.losses[np.arange(len(past)), positions[past.part]]


def _mean_by_part(losses: np.ndarray, past: Past, parts: np.ndarray) -> np.ndarray:
    means = np.array([losses[past.part == part].mean() for part in parts])
    return means if past.task.is_classification else np.sqrt(means)


def _align(losses: np.ndarray, past: Past, parts: np.ndarray) -> np.ndarray:
    """Return the mean over copies of each underlying row: copies of one row are no independent evidence."""
    return np.mean([losses[past.part == part] for part in parts], axis=0)


def _mean_by_kind(losses: np.ndarray, kinds: np.ndarray) -> tuple[float | None, ...]:
    return tuple(float(losses[kinds == kind].mean()) if (kinds == kind).any() else None for kind in RowKind)


def _measure_calibration(selector: Selector, record: Record, past: Past, rows: np.ndarray) -> dict[str, float]:
    if past.task is Task.REGRESSION:
        return {}
    champion = past.outputs[:, past.lines.index(selector.champions.clean)]
    outputs = {"selected": answer_record(selector, record), "champion": champion}
    return {name: compute_calibration_error(past.target[rows], predicted[rows]) for name, predicted in outputs.items()}
