"""What answers now: the registered model, its members, and how good it is beside others, in the reader's units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import sqrt

from pointsman.common.config import Config, CostsConfig
from pointsman.common.task import Task
from pointsman.pipeline.reporting.formats import format_count
from pointsman.pipeline.reporting.health.rivals import find_default, find_prior
from pointsman.pipeline.reporting.health.serving_rules import NOISE
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.names import name_family
from pointsman.pipeline.reporting.reader_units import Measure, Question, format_about, measure_answers
from pointsman.pipeline.reporting.scored import PREQUENTIAL, ScoreFigure, list_scores
from pointsman.pipeline.reporting.sections.generations import list_generations
from pointsman.pipeline.reporting.sections.overview import ProductionFigures, find_production
from pointsman.registry.words import show_word

OUT_OF_FOLD = "out-of-fold"
FEW_ROWS = 200
"""Rows of a test of which fewer are called few: nine right of ten may be 3 more or less of a hundred by chance."""


@dataclass(frozen=True)
class Part:
    """A version that answers, with its weight for clean rows; the only part of a single model weighs 1."""

    version: str
    family: str
    weight: float


@dataclass(frozen=True)
class Beside:
    """A model beside what answers now: the same number of it, ``length`` being its share of the largest of them.

    version:     the name by which ``models`` shows the model now
    measured_as: its version that was measured, '' where that is the same; a model has learned since what tested it
    """

    label: str
    version: str
    measured_as: str
    measure: Measure
    length: float
    is_serving: bool


@dataclass(frozen=True)
class Standing:
    """What answers typical requests now.

    kind:     what it is, in a few words
    since:    since when its model answers, and whether a person wants it to
    basis:    which rows it was measured on
    measures: how good it was on them; () where nothing was measured yet
    beside:   the first of these numbers of it and of others; () where there is nothing to hold it against
    caution:  why these numbers tell little, '' where nothing speaks against them
    """

    id: str
    kind: str
    since: str
    basis: str
    parts: tuple[Part, ...]
    measures: tuple[Measure, ...]
    beside: tuple[Beside, ...]
    caution: str


def describe_standing(history: History) -> Standing | None:
    """Return what answers now, None before there is a model."""
    production, question = history.ask(find_production), pose_question(history)
    if production is None or question is None:
        return None
    if production.batch is not None:
        metrics = production.metrics
        whose = "its members" if production.is_ensemble else "it"
        rows = format_count(production.rows or 0, "row")
        basis = f"batch {production.batch} ({rows}), before {whose} learned from it"
    else:
        metrics, basis = _measure_out_of_fold(history, production)
    measures = measure_answers(question, metrics)
    return Standing(
        id=production.id,
        kind=_name_kind(production),
        since=_say_since(history, production),
        basis=basis,
        parts=_list_parts(history, production),
        measures=measures,
        beside=_list_beside(history, production, question),
        caution=_warn(production, question, measures),
    )


def pose_question(history: History) -> Question | None:
    """Return what is predicted, None before a batch has shown it."""
    schema = history.generation.schema
    if schema is None:
        return None
    return Question(schema.task, schema.target, schema.classes, find_costs(history.config, schema.task))


def find_costs(config: Config, task: Task) -> CostsConfig | None:
    """Return what wrong answers cost where that was stated, None where every mistake counts alike."""
    stated = config.training.decision == "cost" or config.training.costs != CostsConfig()
    return config.training.costs if stated and task is Task.BINARY else None


def find_out_of_fold(history: History, production: ProductionFigures) -> ScoreFigure | None:
    """Return what a version scored on rows that were set aside while it learned; None where it has no such score."""
    scores = history.ask(list_scores)
    return next((one for one in scores if one.version == production.id and one.kind == OUT_OF_FOLD), None)


def _measure_out_of_fold(history: History, production: ProductionFigures) -> tuple[Mapping[str, float], str]:
    """Return what a version was worth that no batch has tested yet, on rows that a fit like it had not seen."""
    own = find_out_of_fold(history, production)
    if own is None:
        return {}, "nothing yet: no batch has come since it was made"
    return own.metrics, f"{format_count(own.rows, 'later row')} of batch {own.batch}, set aside while it learned"


def _name_kind(production: ProductionFigures) -> str:
    if production.is_ensemble:
        return f"a mixture of {format_count(len(production.members), 'model')}"
    return name_family(production.family)


def _say_since(history: History, production: ProductionFigures) -> str:
    """Return since when the model answers: the oldest generation without another one between it and now."""
    generations = history.ask(list_generations)
    reign = list(takewhile(lambda one: one.production_line == production.line, reversed(generations)))
    if production.by_hand:
        return "promoted by hand, for every request"
    if not reign:
        return f"in selection.mode={history.mode}"
    return "since the first update" if len(reign) == len(generations) else f"since batch {reign[-1].batch}"


def _list_parts(history: History, production: ProductionFigures) -> tuple[Part, ...]:
    """Return the members, the heaviest first."""
    if not production.is_ensemble:
        return (Part(production.id, name_family(production.family), 1.0),)
    return tuple(
        Part(version, name_family(show_word(history.families.get(version, ""))), weight)
        for version, weight in production.members.items()
    )


def _list_beside(history: History, production: ProductionFigures, question: Question) -> tuple[Beside, ...]:
    """Return what answers now and what it is held against, all on the batch that it was tested on."""
    if production.batch is None:
        return ()
    scores = [one for one in history.ask(list_scores) if one.kind == PREQUENTIAL]
    tested = {one.line: one for one in scores if one.batch == production.batch}
    found: list[tuple[str, ScoreFigure | None, bool]] = [("answers now", tested.get(production.line), True)]
    found.append((*_find_before(history, production, scores), False))
    plain = {"LightGBM as it comes": find_default, _name_prior(question): find_prior}
    for label, find in plain.items():
        version = find(history.generation.versions)
        if version is not None and version.line != production.line:
            found.append((label, tested.get(version.line), False))
    names = {one.line: one.id for one in (*history.generation.versions, *history.generation.ensembles)}
    names[production.line] = production.id
    rows = [
        (label, names.get(score.line, score.version), score.version, measures[0], is_serving)
        for label, score, is_serving in found
        if score is not None and (measures := measure_answers(question, score.metrics))
    ]
    alike = [row for row in rows if row[3].metric == rows[0][3].metric]
    most = max((abs(measure.number) for _, _, _, measure, _ in alike), default=0.0) or 1.0
    return tuple(
        Beside(label, now, measured if measured != now else "", one, abs(one.number) / most, is_own)
        for label, now, measured, one, is_own in alike
    )


def _warn(production: ProductionFigures, question: Question, measures: Sequence[Measure]) -> str:
    if production.batch is None or not production.rows or not measures:
        return ""
    return warn(measures[0], measure_answers(question, production.prior), production.rows)


def warn(own: Measure, plain: Sequence[Measure], rows: int) -> str:
    """Return why a number of a test tells little: few rows, or that no model, which is ``plain``, did about as well."""
    few = f"Few rows: {format_count(rows, 'row')} tell little" if rows < FEW_ROWS else ""
    prior = next((one for one in plain if one.metric == own.metric == "accuracy"), None)
    if prior is not None:
        band = 100 * NOISE * estimate_error(own.number / 100, prior.number / 100, rows)
        if abs(own.number - prior.number) <= band:
            few = few or f"{format_count(rows, 'row')} tell no more"
            return f"{few}: within the ±{format_about(band)} of chance of answering every row alike ({prior.short})."
    return f"{few}." if few else ""


def estimate_error(share: float, other: float, rows: int) -> float:
    """Return the standard error of the difference of two shares of rows that were right, as if of rows of their own.

    >>> round(estimate_error(0.935, 0.897, 185), 4)
    0.0288
    """
    return sqrt((share * (1 - share) + other * (1 - other)) / rows)


def _find_before(
    history: History, production: ProductionFigures, scores: Sequence[ScoreFigure]
) -> tuple[str, ScoreFigure | None]:
    """Return what answered before the last update: another model on the same batch, or the same on the batch before."""
    generations = history.ask(list_generations)
    line = generations[-2].production_line if len(generations) > 1 else None
    if line is not None and line != production.line:
        own = [one for one in scores if one.line == line and one.batch == production.batch]
        return "answered before", own[-1] if own else None
    earlier = [one for one in scores if one.line == production.line and one.batch != production.batch]
    return (f"the same on batch {earlier[-1].batch}", earlier[-1]) if earlier else ("", None)


def _name_prior(question: Question) -> str:
    return "the mean, without a model" if question.task is Task.REGRESSION else "every row alike, without a model"
