"""A row that somebody tries: read as any request is, answered with reasons, and kept nowhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from pointsman.common.config import ServiceConfig
from pointsman.meta.flags import RowKind
from pointsman.meta.plan import name_kind
from pointsman.pipeline.api.answering import answer_rows
from pointsman.pipeline.api.current import Served
from pointsman.pipeline.api.pages.form import Field
from pointsman.pipeline.api.reading import read_json_rows
from pointsman.pipeline.api.refusal import Refused

FORM_TYPE = "application/x-www-form-urlencoded"
PREFIX = "in-"
"""Stands before the name of a column in the name of its field, so that no column is taken for a part of the form."""
REASONS = {
    "selected": "the model that was chosen for such a request",
    "champion": "the champion, since choices have not been graded yet or lost to it",
    "fallback:sparse": "cells are missing that seldom are, so those members answered that are meant for it",
    "fallback:anomalous": "cells hold what training never saw, so those members answered that are meant for it",
    "fallback:error": "the model that was meant to answer failed, and the next one did",
    "promoted": "a person made this model serve every request",
    "mlflow:production": "the model registry's Production model serves",
}


@dataclass(frozen=True)
class Effect:
    """What a cell adds to the answer; ``cell`` is None where it is missing."""

    feature: str
    cell: Any
    effect: float


@dataclass(frozen=True)
class Outcome:
    """What a row was answered, as the page shows it.

    kind:    of the row: 'clean', 'sparse' or 'anomalous'
    members: what mixed the answer, with their weights; a single model is its own only member
    row:     what was sent, as JSON that /predict takes
    """

    predict: Any
    probability: Any
    positive: Any
    version: str
    reason: str
    meaning: str
    choice: str
    kind: str
    members: Mapping[str, float]
    expected: Mapping[str, float | None] | None
    effects: tuple[Effect, ...]
    alarm: str | None
    warnings: tuple[str, ...]
    row: str


def read_form(body: bytes, fields: Sequence[Field], limits: ServiceConfig) -> dict[str, str]:
    """Return what was typed, by column; columns that the form does not have are left out.

    Raises Refused: 400 for a body that is no form, 413 for one of too many fields.
    """
    try:
        sent = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=limits.max_columns
        )
    except UnicodeDecodeError:
        raise Refused(400, f"The body is no form; send it as {FORM_TYPE}.") from None
    except ValueError:
        raise Refused(413, f"The form has more than {limits.max_columns} fields (service.max_columns).") from None
    known = {f"{PREFIX}{field.name}": field.name for field in fields}
    return {known[name]: text.strip() for name, text in sent if name in known}


def answer_trial(request: str, typed: Mapping[str, str], served: Served, limits: ServiceConfig) -> Outcome:
    """Return what a row is answered and why; Refused where it cannot be read. An empty field is a missing cell."""
    row = {name: text or None for name, text in typed.items()}
    brought = read_json_rows(orjson.dumps(row), served.columns, limits)
    answered = answer_rows(request, brought, served, explains=True)
    told = orjson.loads(answered.body)
    shown = told["rows"][0]
    predictor = served.predictor
    kind = name_kind(RowKind(int(answered.answer.kinds[0])))
    members = predictor.describe(answered.choice)["weights"][kind] if not answered.answer.failures else {}
    return Outcome(
        predict=shown["predict"],
        probability=shown.get("probability"),
        positive=told.get("positive"),
        version=shown["version"],
        reason=shown["reason"],
        meaning=REASONS.get(shown["reason"], shown["reason"]),
        choice=predictor.tell_choice(answered.choice),
        kind=kind,
        members=members,
        expected=told["expected"],
        effects=tuple(Effect(**one) for one in shown["reasons"]),
        alarm=told["alarm"],
        warnings=tuple(told["warnings"]),
        row=orjson.dumps({name: cell for name, cell in row.items() if cell is not None}).decode(),
    )
