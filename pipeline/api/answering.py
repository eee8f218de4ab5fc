"""A request of rows, answered: read, chosen for, predicted, presented."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
import pandas as pd

from pointsman.common.config import ServiceConfig
from pointsman.pipeline.api.costs import Laps
from pointsman.pipeline.api.csv_rows import read_csv_rows
from pointsman.pipeline.api.current import Served
from pointsman.pipeline.api.decoder import Decoder
from pointsman.pipeline.api.reading import CSV, JSON, Brought, read_json_rows
from pointsman.pipeline.api.refusal import Refused
from pointsman.pipeline.serving.answer import Answer, show_labels
from pointsman.pipeline.serving.predictor import Choice, Predictor, ReadRows
from pointsman.pipeline.serving.reasons import explain_rows

MOST_EXPLAINED = 1_000
"""Rows of a request whose answers are explained: that takes milliseconds a row, for which all others would wait."""


@dataclass(frozen=True, eq=False)
class Answered:
    """A request's rows and what they were answered; ``body`` is what its client gets."""

    id: str
    brought: Brought
    rows: ReadRows
    choice: Choice
    answer: Answer
    body: bytes
    costs: Mapping[str, tuple[float, float]]

    def count_rows(self) -> Mapping[tuple[str, str], int]:
        """Return the number of rows by version and reason."""
        return Counter(zip(self.answer.versions.tolist(), self.answer.reasons.tolist(), strict=True))


def read_rows(media_type: str, body: bytes, served: Served, limits: ServiceConfig, decoder: Decoder) -> Brought:
    """Return the rows of a body; Refused where they cannot be read."""
    if media_type == JSON:
        return read_json_rows(body, served.columns, limits)
    if media_type == CSV:
        return read_csv_rows(body, served.columns, limits, served.predictor.config.source.encoding)
    return decoder.read(body, served.columns)


def answer_rows(request: str, brought: Brought, served: Served, explains: bool = False) -> Answered:
    """Answer rows by what is served; ``explains`` adds the strongest reasons of each row's answer.

    Refused with 413 where that would take too long.
    """
    if explains and len(brought) > MOST_EXPLAINED:
        raise Refused(
            413,
            f"{len(brought)} rows are more than the {MOST_EXPLAINED} that are explained in one request; "
            "send them in parts.",
        )
    predictor, laps = served.predictor, Laps()
    given = brought.rows
    # Rows of JSON never become a DataFrame: for a few of them pandas takes longer than the models do.
    rows = predictor.read(given) if isinstance(given, pd.DataFrame) else predictor.read_rows(given)
    laps.end("reading")
    choice = predictor.choose(rows)
    laps.end("selection")
    answer = predictor.answer(rows, choice)
    laps.end("prediction")
    presented = present_rows(request, answer, predictor)
    if explains:
        for shown, reasons in zip(presented, explain_rows(predictor, rows, choice, answer), strict=True):
            shown["reasons"] = [vars(reason) for reason in reasons]
        laps.end("explanation")
    # Warnings of how the body was read come first: they explain those of what its columns hold.
    told = {
        "request": request,
        "generation": served.generation,
        "rows": presented,
        "expected": present_expectation(choice),
        "alarm": choice.plan.alarm.describe().removeprefix("alarm: ") if choice.plan.alarm else None,
        "warnings": [
            *brought.warnings,
            *rows.warnings,
            *choice.warnings,
            *([predictor.unread] if predictor.unread else []),
        ],
    }
    if len(predictor.schema.classes) == 2:
        told["positive"] = show_labels(predictor.schema.classes).tolist()[1]

    body = orjson.dumps(told)
    laps.end("presentation")
    return Answered(request, brought, rows, choice, answer, body, laps.costs)


def present_rows(request: str, answer: Answer, predictor: Predictor) -> list[dict[str, Any]]:
    """Return each row as its client gets it: id, prediction, probability (of classes), version and reason."""
    ids = [f"{request}-{position}" for position in range(len(answer.versions))]
    columns: dict[str, list[Any]] = {"id": ids, "predict": answer.decided.tolist()}
    schema = predictor.schema
    if schema.task.is_classification:
        columns["predict"] = show_labels(schema.classes)[answer.decided.astype(int)].tolist()
        if len(schema.classes) == 2:
            columns["probability"] = answer.outputs[:, 1].tolist()
        else:
            label_shares = partial(zip, schema.classes, strict=True)
            columns["probability"] = [dict(label_shares(shares)) for shares in answer.outputs.tolist()]
    columns |= {"version": answer.versions.tolist(), "reason": answer.reasons.tolist()}
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def present_expectation(choice: Choice) -> dict[str, float | None] | None:
    """Return the expected loss of what was chosen, with the interval of nine requests in ten; None where unknown."""
    expected = choice.serving.expected
    if choice.serving is not choice.plan or expected.loss is None:
        return None
    return {"loss": expected.loss, "lower": expected.lower, "upper": expected.upper}
