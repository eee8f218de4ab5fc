"""Late labels in a request body: read and checked here, stored by ``pipeline/labels/intake.py``."""

from functools import partial
from typing import Any

from pointsman.common.config import ServiceConfig
from pointsman.pipeline.api.json_survey import check_big
from pointsman.pipeline.api.reading import KINDS, check_count, describe_long, name_kind, parse_json
from pointsman.pipeline.api.refusal import MOST_PROBLEMS, Problem, Refused, refuse_rows
from pointsman.pipeline.labels.intake import MOST_ID, OUTCOMES, Received
from pointsman.pipeline.labels.outcomes import REFUSALS

SHAPE = 'send {"labels": [{"id": "...", "label": ...}, ...]}, with ids as /predict gave them'
USELESS = tuple(name for name in OUTCOMES if name in REFUSALS)
"""Outcomes of labels that are not stored."""


def read_labels(body: bytes, limits: ServiceConfig) -> list[tuple[str, Any]]:
    """Return ids of rows and their labels.

    Raises Refused: 400 for a body that is not JSON, 413 beyond a limit, 422 naming entries and fields that cannot be
    read.
    """
    check_big(body, "labels", limits, partial(check_entry, limits=limits))
    sent = parse_json(body, SHAPE)
    listed = sent.get("labels") if isinstance(sent, dict) else sent
    if not isinstance(listed, list):
        raise Refused(422, f"The body has no list of labels; {SHAPE}.")
    check_count(len(listed), limits, SHAPE)
    problems = [problem for position, entry in enumerate(listed) for problem in check_entry(position, entry, limits)]
    if problems:
        raise refuse_rows(problems[:MOST_PROBLEMS])
    return [(entry["id"], entry["label"]) for entry in listed]


def check_entry(position: int, entry: Any, limits: ServiceConfig) -> list[Problem]:
    """Return what is wrong with one entry."""
    if type(entry) is not dict:
        return [Problem(position, "", f'{name_kind(entry)} is no label; write {{"id": "...", "label": ...}}')]
    problems = []
    row_id = entry.get("id")
    if not isinstance(row_id, str) or not 0 < len(row_id) <= MOST_ID:
        problems.append(Problem(position, "id", "write the id of a row as /predict gave it"))
    label = entry.get("label")
    if label is None or type(label) in KINDS:
        told = f"{name_kind(label)} is no label" if "label" in entry else "it is missing"
        problems.append(Problem(position, "label", f"{told}; write a text or a number"))
    elif isinstance(label, str) and len(label) > limits.max_text:
        problems.append(Problem(position, "label", describe_long(len(label), limits)))
    return problems


def present_received(request: str, received: Received) -> dict[str, Any]:
    """Return what a client gets: how many labels had which outcome, and the ids of those that are of no use."""
    counts = {name: len(getattr(received, name)) for name in OUTCOMES}
    useless = {name: list(getattr(received, name)) for name in USELESS}
    return {"request": request, "counts": counts, "ids": useless}
