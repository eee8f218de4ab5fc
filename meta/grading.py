"""Grading: the selector from before a batch chooses for it and for its damaged copies; then labels decide."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pointsman.common.comparison import compare_losses
from pointsman.common.metrics import compute_calibration_error
from pointsman.common.task import Task
from pointsman.meta.alarm import find_alarm
from pointsman.meta.chooser import choose
from pointsman.meta.chooser_fitting import MARGINS
from pointsman.meta.ensembles import mix_members
from pointsman.meta.flags import RowKind
from pointsman.meta.grades import CLEAN_GROUP, GROUPS, Grade
from pointsman.meta.past import PredictionHistory, stack_records
from pointsman.meta.records import OutOfSamplePredictions
from pointsman.meta.selector import MODES, Selector

CONFIDENCE = 0.9


@dataclass(frozen=True)
class Choices:
    """What would be chosen for every part of a record if it were a request: models by mode, champions, and alarms.

    by_margin: by mode and margin of the chooser, what it would have chosen; incumbents under the margin None
    """

    chosen: Sequence[str]
    single: Sequence[str]
    champion: Sequence[str]
    alarms: Sequence[bool]
    by_margin: Mapping[tuple[str, float | None], Sequence[str]]


def choose_for_parts(selector: Selector, record: OutOfSamplePredictions) -> Choices:
    """Return what the selector chooses for the parts of a record, trusted or not."""
    profiles = record.rows.profiles
    alarms = [find_alarm(profile, selector.usual) for profile in profiles]
    votes = [selector.vote(profile) for profile in profiles]
    asked = list(zip(alarms, votes, strict=True))
    return Choices(
        chosen=[selector.propose(alarm, known, "all") for alarm, known in asked],
        single=[selector.propose(alarm, known, "single") for alarm, known in asked],
        champion=[selector.champions.of(alarm) for alarm in alarms],
        alarms=[bool(alarm) for alarm in alarms],
        by_margin={
            (mode, margin): [
                choose(known, selector.find_incumbent(alarm, mode), margin, selector.list_choices(mode, alarm))
                for alarm, known in asked
            ]
            for mode in MODES
            for margin in (None, *MARGINS)
        },
    )


def answer_record(selector: Selector, record: OutOfSamplePredictions) -> np.ndarray:
    """Return the outputs (n_rows, n_outputs) of the models that the selector chooses for the parts of a record.

    A model that the record lacks (a version failed on it) is answered for by the mean of the lines that it has.
    """
    candidates = collect_outputs(selector, record)
    stand_in: np.ndarray = np.mean(list(record.predicted.values()), axis=0)
    chosen = choose_for_parts(selector, record).chosen
    answer = np.empty_like(stand_in)
    for part, model in enumerate(chosen):
        rows = record.rows.part == part
        answer[rows] = candidates.get(model, stand_in)[rows]
    return answer


def collect_outputs(selector: Selector, record: OutOfSamplePredictions) -> dict[str, np.ndarray]:
    """Return what every candidate of the selector answers to the rows of a record, by line."""
    outputs = {line: record.predicted[line] for line in selector.lines if line in record.predicted}
    for line, members in selector.ensembles.items():
        mixed = mix_members(outputs, record.rows.kinds, members)
        if mixed is not None:
            outputs[line] = mixed
    return outputs


def grade_selector(selector: Selector, record: OutOfSamplePredictions) -> list[Grade]:
    """Return a grade for clean input and one for damaged input, where there is such.

    Parts whose champion the record lacks (it failed on the batch) have no bar, so they are left out.
    """
    known = collect_outputs(selector, record)
    single = [line for line in selector.lines if line in known]
    if not single:
        return []
    # The batch and its damaged copies alone, without the served rows that a record may have beside them.
    past = stack_records([OutOfSamplePredictions(record.rows, known)], [*selector.lines, *selector.ensembles])
    choices = choose_for_parts(selector, record)
    rows = {
        "selected": _pick(past, choices.chosen),
        "champion": _pick(past, choices.champion),
        "single": _pick(past, choices.single),
        "last_best": _pick(past, [selector.last_best] * len(choices.chosen)),
        "uniform": past.compute_losses(past.only(single).outputs.mean(axis=1)),
    }
    with_bar = np.isin(past.part, [part for part, champion in enumerate(choices.champion) if champion in known])
    groups = {group: (past.clean == (group == CLEAN_GROUP)) & with_bar for group in GROUPS}
    return [
        _grade_group(group, past, judged, rows, choices, single, list(known))
        for group, judged in groups.items()
        if judged.any()
    ]


def _grade_group(
    group: str,
    past: PredictionHistory,
    judged: np.ndarray,
    rows: Mapping[str, np.ndarray],
    choices: Choices,
    single: Sequence[str],
    candidates: Sequence[str],
) -> Grade:
    clean = group == CLEAN_GROUP
    parts = np.unique(past.part[judged])
    means = {name: float(_mean_by_part(losses, past, parts).mean()) for name, losses in rows.items()}
    by_line, by_candidate = (
        np.column_stack([_mean_by_part(past.losses[:, past.lines.index(line)], past, parts) for line in lines])
        for lines in (single, candidates)
    )
    # Paired row by row, which tells small differences from noise; means over requests could not.
    compared = compare_losses(_align(rows["selected"], past, parts), _align(rows["champion"], past, parts), CONFIDENCE)
    return Grade(
        batch=int(past.batch[0]),
        group=group,
        requests=len(parts),
        **means,
        single_best=float(by_line.mean(axis=0).min()),
        oracle=float(by_line.min(axis=1).mean()),
        difference=compared.difference,
        error=compared.error,
        alarms=float(np.mean([choices.alarms[part] for part in parts])),
        # Scaled back to the target's own unit, in which a plan tells the loss that is to be expected.
        selected_by_kind=_mean_by_kind(rows["selected"][judged] * past.scale, past.kinds[judged]),
        champion_by_kind=_mean_by_kind(rows["champion"][judged] * past.scale, past.kinds[judged]),
        calibration=_measure_calibration(choices, past, judged) if clean else {},
        best=float(by_candidate.mean(axis=0).min()),
        chosen=dict(Counter(choices.chosen[part] for part in parts)),
        champions=dict(Counter(choices.champion[part] for part in parts)),
        margins=_grade_margins(choices, past, parts),
    )


def _grade_margins(choices: Choices, past: PredictionHistory, parts: np.ndarray) -> dict[str, dict[str, float]]:
    """Return by mode and margin (as text) the loss of what would have been chosen, relative to the incumbent's."""
    tried = {
        asked: float(_mean_by_part(_pick(past, models), past, parts).mean())
        for asked, models in choices.by_margin.items()
    }
    return {
        mode: {str(margin): compare_with(tried[mode, margin], tried[mode, None]) for margin in MARGINS}
        for mode in MODES
    }


def compare_with(loss: float, incumbent: float) -> float:
    """Return a loss relative to the incumbent's; where that is 0, any other counts as twice as large."""
    return loss / incumbent - 1 if incumbent > 0 else float(loss > 0)


def _pick(past: PredictionHistory, chosen: Sequence[str]) -> np.ndarray:
    """Return the row losses of the model that is chosen for each part."""
    positions = np.array([past.lines.index(line) for line in chosen])
    return past.losses[np.arange(len(past)), positions[past.part]]


def _mean_by_part(losses: np.ndarray, past: PredictionHistory, parts: np.ndarray) -> np.ndarray:
    means = np.array([losses[past.part == part].mean() for part in parts])
    return means if past.task.is_classification else np.sqrt(means)


def _align(losses: np.ndarray, past: PredictionHistory, parts: np.ndarray) -> np.ndarray:
    """Return the mean over copies of each underlying row: copies of one row are not independent evidence."""
    return np.mean([losses[past.part == part] for part in parts], axis=0)


def _mean_by_kind(losses: np.ndarray, kinds: np.ndarray) -> tuple[float | None, ...]:
    return tuple(float(losses[kinds == kind].mean()) if (kinds == kind).any() else None for kind in RowKind)


def _measure_calibration(choices: Choices, past: PredictionHistory, rows: np.ndarray) -> dict[str, float]:
    """Return the expected calibration error on the clean part of what was chosen for it, and of its champion."""
    if past.task is Task.REGRESSION:
        return {}
    models = {"selected": choices.chosen[0], "champion": choices.champion[0]}
    return {
        name: compute_calibration_error(past.target[rows], past.outputs[rows, past.lines.index(model)])
        for name, model in models.items()
    }
