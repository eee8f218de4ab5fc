"""The OpenAPI document: the routes, and the columns of the generation that serves."""

from typing import Any

from pointsman.common.schema import Schema
from pointsman.pipeline.api.feedback import OUTCOMES, USELESS
from pointsman.pipeline.api.reading import CSV, JSON, PARQUET

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
WHOLE: Json = {"type": "integer"}
NUMBER: Json = {"type": "number"}
ERRORS = {
    400: "The body is not what its Content-Type says.",
    401: "The key is missing or wrong.",
    408: "The body did not come in time.",
    413: "The body, its rows or its columns are more than the service takes.",
    415: "The body is of a kind that the service does not read.",
    421: "The service is not known by the name in the header Host.",
    422: "Rows or fields cannot be read; the problems are named.",
    500: "The service failed; its log says why.",
    503: "Nothing serves yet, or too much is under way; ask again later.",
}


def or_null(*schemas: Json) -> Json:
    """Return a schema that also allows null."""
    return {"anyOf": [*schemas, {"type": "null"}]}


def holding(required: Json, **optional: Json) -> Json:
    """Return the schema of an object with these properties."""
    return {"type": "object", "properties": {**required, **optional}, "required": list(required)}


def list_of(schema: Json) -> Json:
    """Return the schema of a list."""
    return {"type": "array", "items": schema}


def refer(name: str) -> Json:
    """Return a reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def respond_with(description: str, content: Json) -> Json:
    """Return a response of one status."""
    return {"description": description, "content": content}


def in_json(schema: Json) -> Json:
    """Return a content of JSON."""
    return {JSON: {"schema": schema}}


def list_errors(*statuses: int) -> Json:
    """Return the responses of the statuses with which a route may refuse.

    Any may lack the key or a known Host, fail or be busy.
    """
    refused = in_json(refer("Refusal"))
    return {str(status): respond_with(ERRORS[status], refused) for status in sorted({401, 421, 500, 503, *statuses})}


def describe_get(summary: str, content: Json, keyed: bool = True, also: Json | None = None) -> Json:
    """Return the description of a GET route."""
    described: Json = {
        "summary": summary,
        "responses": {"200": respond_with(summary, content), **(also or {}), **list_errors()},
    }
    return described if keyed else described | {"security": []}


BODY_ERRORS = (400, 408, 413, 415, 422)
EXPECTED: Json = holding({"loss": NUMBER, "lower": or_null(NUMBER), "upper": or_null(NUMBER)}) | {
    "description": "the loss (log-loss, or RMSE in the unit of the target) that what was chosen is expected to have on "
    "such a request, by past batches; nine of ten lie between "
    "lower and upper"
}
VERSION: Json = holding(
    {
        **dict.fromkeys(("id", "family", "variant", "stage", "role"), TEXT),
        "aliases": list_of(TEXT),
        **dict.fromkeys(("first_batch", "last_batch", "rows", "updates", "bytes"), WHOLE),
        "members": {
            "type": "object",
            "description": "of an ensemble, its weights by kind of row and member",
            "additionalProperties": {"type": "object", "additionalProperties": NUMBER},
        },
    }
)
LABEL: Json = holding(
    {"id": {"type": "string", "minLength": 1, "maxLength": 100}, "label": {"type": ["string", "number", "boolean"]}}
)
COMPONENTS: Json = {
    "Rows": holding({"rows": list_of(refer("Row")) | {"minItems": 1}}),
    "Answer": holding(
        {
            "request": TEXT,
            "generation": WHOLE,
            "rows": list_of(refer("AnsweredRow")),
            "expected": or_null(EXPECTED),
            "alarm": or_null(TEXT),
            "warnings": list_of(TEXT),
        },
        positive={"type": ["string", "number"], "description": "of two labels, the one that probability is of"},
    ),
    "Labels": holding({"labels": list_of(LABEL) | {"minItems": 1}}),
    "Received": holding(
        {
            "request": TEXT,
            "counts": holding(dict.fromkeys(OUTCOMES, WHOLE)),
            "ids": holding(dict.fromkeys(USELESS, list_of(TEXT))),
        }
    ),
    "Models": holding(
        {
            "generation": WHOLE,
            "cause": TEXT,
            "batch": or_null(WHOLE),
            "pinned": or_null(TEXT),
            "production": or_null(TEXT) | {"description": "the version that serves typical requests"},
            "aliases": {"type": "object", "additionalProperties": TEXT},
            "versions": list_of(VERSION),
        }
    ),
    "Refusal": holding(
        {"request": TEXT, "error": TEXT}, problems=list_of(holding({"row": WHOLE, "field": TEXT, "problem": TEXT}))
    ),
}
"""Every schema that the routes refer to, but for the two that follow from the stream's columns: Row and AnsweredRow."""

EXPLAIN: Json = {
    "name": "explain",
    "in": "query",
    "required": False,
    "schema": {"type": "boolean"},
    "description": "add the strongest reasons to each row",
}
ROWS: Json = {
    JSON: {"schema": {"anyOf": [refer("Rows"), list_of(refer("Row")) | {"minItems": 1}, refer("Row")]}},
    CSV: {"schema": TEXT},
    PARQUET: {"schema": {"type": "string", "format": "binary"}},
}
PREDICT: Json = {
    "summary": "Answer rows.",
    "parameters": [EXPLAIN],
    "requestBody": {"required": True, "content": ROWS},
    "responses": {
        "200": respond_with("The answers, in the order of the rows.", in_json(refer("Answer"))),
        **list_errors(*BODY_ERRORS),
    },
}
FEEDBACK: Json = {
    "summary": "Take labels of rows that were answered, by their ids.",
    "requestBody": {"required": True, "content": in_json(refer("Labels"))},
    "responses": {
        "200": respond_with("Stored; what each label was.", in_json(refer("Received"))),
        **list_errors(*BODY_ERRORS),
    },
}
ALIVE, READY, UNDER_WAY = (
    in_json(holding(known))
    for known in ({"status": TEXT}, {"status": TEXT, "generation": WHOLE}, {"request": TEXT, "status": TEXT})
)
REPORT: Json = describe_get(
    "The summary, as a page.",
    {"text/html": {"schema": TEXT}},
    also={"202": respond_with("It is being made; ask again.", UNDER_WAY)},
)
ROUTES: Json = {
    "/predict": {"post": PREDICT},
    "/feedback": {"post": FEEDBACK},
    "/health": {"get": describe_get("Whether the process lives.", ALIVE, keyed=False)},
    "/ready": {"get": describe_get("Whether a generation serves.", READY, keyed=False)},
    "/models": {"get": describe_get("What serves typical requests, and every active model.", in_json(refer("Models")))},
    "/metrics": {"get": describe_get("Counters, for Prometheus.", {"text/plain": {"schema": TEXT}})},
    "/report": {"get": REPORT},
}
"""Every route, by path and method."""


def describe_row(schema: Schema | None) -> Json:
    """Return the schema of a row of a request: every column may be left out, be null, or be written as a text."""
    if schema is None:
        return {"type": "object", "description": "Columns are known once a model serves."}
    properties = {name: or_null(NUMBER, TEXT) | {"description": "a number"} for name in schema.numeric}
    properties |= {
        name: or_null(TEXT, NUMBER, {"type": "boolean"}) | {"description": "a level"} for name in schema.categorical
    }
    properties |= {name: or_null(TEXT) | {"description": "a date"} for name in schema.dates}
    return {"type": "object", "properties": properties, "minProperties": 1}


def describe_answer(schema: Schema | None) -> Json:
    """Return the schema of a row of an answer."""
    probability: Json = {}
    if schema is None or schema.task.is_classification:
        shares: Json = {"type": "object", "additionalProperties": NUMBER}
        probability = {"probability": NUMBER if schema and len(schema.classes) == 2 else shares}
    reason = holding({"feature": TEXT, "cell": or_null(TEXT, NUMBER), "effect": NUMBER})
    version = TEXT | {"description": "the registered model that answered, a single one or an ensemble"}
    told = {"id": TEXT, "predict": {"type": ["string", "number"]}, "version": version, "reason": TEXT}
    return holding(told | probability, reasons=list_of(reason))


def describe_service(schema: Schema | None) -> Json:
    """Return the document as it is while rows have this schema; None while nothing serves."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pointsman",
            "version": "1",
            "description": "Predictions. One registered model, single or an ensemble, is chosen for each request.",
        },
        "paths": ROUTES,
        "components": {
            "schemas": {"Row": describe_row(schema), "AnsweredRow": describe_answer(schema), **COMPONENTS},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
        "security": [{"bearer": []}, {"header": []}, {}],
    }
