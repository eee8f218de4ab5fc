"""Reasons of single answers: which cells of a row moved its answer most, and by how much.

Every effect is on the scale of the answer: of the probability (of the positive class of two, of the decided one of
more) or of the number. So effects of several members can be mixed by their weights, as their answers are. Effects are
counted from what a member answers before it knows anything of a row; how these first answers differ is not explained.
"""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.meta.flags import RowKind
from pointsman.model_zoo.attribution import explain_model
from pointsman.model_zoo.readings import Verdicts
from pointsman.pipeline.preparation.features import engineer_features
from pointsman.pipeline.serving.answer import Answer
from pointsman.pipeline.serving.predictor import Choice, Predictor, ReadRows
from pointsman.pipeline.serving.published import list_answerers

log = logging.getLogger(__name__)

CHUNK_ROWS = 2_000
"""Rows explained at a time, which bounds memory: every encoded column of a row takes a few numbers."""


@dataclass(frozen=True)
class Reason:
    """A feature, a row's cell of it (None where it is missing), and what that adds to the row's answer.

    >>> str(Reason("PREMIUM", 1200.0, 0.0831)), str(Reason("SEX", None, -0.2))
    ('PREMIUM=1200 (+0.083)', 'SEX missing (-0.2)')
    """

    feature: str
    cell: float | str | None
    effect: float

    def __str__(self) -> str:
        """Return the reason in words."""
        shown = f"{self.cell:.6g}" if isinstance(self.cell, float) else self.cell
        named = f"{self.feature} missing" if self.cell is None else f"{self.feature}={shown}"
        return f"{named} ({self.effect:+.2g})"


def explain_rows(
    predictor: Predictor, rows: ReadRows, choice: Choice, answer: Answer, most: int = 3
) -> list[list[Reason]]:
    """Return the strongest reasons of each row's answer, at most ``most``, the strongest first.

    A row has none where it was answered by models that read no feature, such as the prior.
    """
    features = engineer_features(rows.inputs, predictor.schema, predictor.config.features)
    parts = [slice(start, start + CHUNK_ROWS) for start in range(0, len(features), CHUNK_ROWS)]
    reasons: list[list[Reason]] = []
    weights = weigh_members(predictor, choice, answer)
    for part in parts:
        shown = features.iloc[part]
        effects = compute_effects(
            predictor,
            shown,
            {line: each[part] for line, each in weights.items()},
            answer.decided[part],
            choice.verdicts,
        )
        reasons += _name_strongest(shown, effects, most)
    return reasons


def weigh_members(predictor: Predictor, choice: Choice, answer: Answer) -> dict[str, np.ndarray]:
    """Return by model the weight (n_rows,) with which it answered each row; over models they sum to 1."""
    by_line, plan = list_answerers(predictor.generation, predictor.published), choice.serving
    weights = {
        line: np.array([plan.weights[kind].get(line, 0.0) for kind in RowKind])[answer.kinds]
        for line in plan.lines
        if by_line[line].id not in answer.failures
    }
    total = np.sum(list(weights.values()), axis=0) if weights else np.zeros(len(answer.kinds))
    for line, version in by_line.items():
        alone = (total == 0) & (answer.versions == version.id)
        if alone.any():
            weights[line] = weights.get(line, 0.0) + alone
    return {line: each / np.where(total == 0, 1.0, total) for line, each in weights.items()}


def compute_effects(
    predictor: Predictor,
    features: pd.DataFrame,
    weights: dict[str, np.ndarray],
    decided: np.ndarray,
    verdicts: Verdicts | None = None,
) -> np.ndarray:
    """Return what each feature adds to the answers of rows, (n_rows, n_features), mixed by the members' weights.

    ``verdicts`` are those by which the request was answered, where these rows are a part of it. A member whose family
    cannot be explained adds nothing.
    """
    schema = predictor.schema
    by_line = list_answerers(predictor.generation, predictor.published)
    load = predictor.published.on_shelf(predictor.shelf) if predictor.published else predictor.shelf.load
    codes = decided.astype(int) if len(schema.classes) > 2 else np.full(len(features), len(schema.classes[1:]))
    effects = np.zeros(features.shape)
    for line, each in weights.items():
        answered = np.flatnonzero(each > 0)
        if not len(answered):
            continue
        try:
            model = load(by_line[line])
            verdict = verdicts.of(model.normal) if verdicts and model.normal else None
            own = explain_model(model, features.iloc[answered], codes[answered], schema.classes, verdict)
        except Exception as error:  # a member that answered may fail in any library; the others are reasons still
            log.warning("the answers of %s cannot be taken apart: %s", by_line[line].id, error)
            continue
        effects[answered] += each[answered, None] * own
    return effects


def _name_strongest(features: pd.DataFrame, effects: np.ndarray, most: int) -> list[list[Reason]]:
    order = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :most]
    names = [str(name) for name in features]
    cells = [_show_cells(features.iloc[:, place]) for place in range(len(names))]
    return [
        [Reason(names[place], cells[place][row], float(effects[row, place])) for place in places if effects[row, place]]
        for row, places in enumerate(order)
    ]


def _show_cells(column: pd.Series) -> list[float | str | None]:
    return column.astype("object").where(column.notna(), None).tolist()
