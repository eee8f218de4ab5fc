"""Selection: the selector, fitted on everything that is known about the active lines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from common.config import Config
from meta.grades import CLEAN_GROUP, DAMAGED_GROUP, Grade
from meta.grading import answer_record
from meta.hard_choice import Margins, tune_margin
from meta.records import Record
from meta.selector import Selector, fit_selector
from meta.store import PLAN_LINE
from meta.trust import judge_grades
from pipeline.enrolment import (
    TUNING_BATCHES,
    tune,
)
from registry.contender import FALLBACK_FAMILY
from registry.generations import Generation
from registry.versions import Version


def learn_selector(
    config: Config,
    generation: Generation,
    records: Sequence[Record],
    grades: Sequence[Grade],
    plan_outputs: np.ndarray | None,
) -> Selector:
    """Fit the selector on everything that is known about the active lines and tune its threshold."""
    assert generation.schema is not None
    settings, task = config.selection, generation.schema.task
    lines = [version.line for version in generation.versions]
    shares = {version.id: version.line for version in generation.versions}
    blends = {
        blend.line: np.array([dict(_by_line(blend, shares)).get(line, 0.0) for line in lines])
        for blend in generation.blends
    }
    trust = judge_grades(grades, settings.half_life, settings.confidence, root=not task.is_classification)
    margins = Margins(*[tune_group(grades, group, settings.half_life) for group in (CLEAN_GROUP, DAMAGED_GROUP)])
    guarded = [one.line for one in generation.versions if one.guarded or one.family == FALLBACK_FAMILY]
    selector = fit_selector(records, lines, blends, settings, config.seed, trust, margins, guarded)
    answered = [record for record in records[-TUNING_BATCHES:] if PLAN_LINE in record.predicted]
    outputs = [record.predicted[PLAN_LINE] for record in answered]
    if plan_outputs is not None:
        answered, outputs = [*answered, records[-1]], [*outputs, plan_outputs]
    if not answered:
        answered, outputs = [records[-1]], [answer_record(selector, records[-1])]
    target = np.concatenate([record.rows.target[record.rows.clean] for record in answered])
    clean = [known[record.rows.clean] for record, known in zip(answered, outputs, strict=True)]
    return replace(selector, threshold=tune(config, task, target, np.concatenate(clean)))


def tune_group(grades: Sequence[Grade], group: str, half_life: float) -> float:
    """Return the margin of the hard chooser that paid off on a group of input."""
    graded = [grade for grade in grades if grade.group == group]
    newest = max((grade.batch for grade in graded), default=0)
    return tune_margin([one.margins for one in graded], np.array([newest - one.batch for one in graded]), half_life)


def _by_line(blend: Version, lines: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    for version, share in blend.params["weights"].items():
        yield lines[version], share
