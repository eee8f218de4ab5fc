"""The routes of the service."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from pointsman.common.config import Config
from pointsman.common.storage.catalogue import utc_now
from pointsman.common.storage.state import run_restored
from pointsman.pipeline.api import document
from pointsman.pipeline.api.answering import Answered, answer_rows, present_expectation, read_rows
from pointsman.pipeline.api.current import Served
from pointsman.pipeline.api.failures import add_handlers
from pointsman.pipeline.api.feedback import present_received, read_labels
from pointsman.pipeline.api.listing import list_models
from pointsman.pipeline.api.pages.routes import add_pages
from pointsman.pipeline.api.reading import CSV, JSON, MEDIA_TYPES, PARQUET, PARQUET_TYPES, Brought
from pointsman.pipeline.api.refusal import Refused, shorten
from pointsman.pipeline.api.service import Service
from pointsman.pipeline.labels.intake import Received, add_labels
from pointsman.pipeline.serving.served_requests import ServedRequest

log = logging.getLogger(__name__)

INLINE_BYTES, INLINE_ROWS = 16_384, 32
"""A request this small is answered where it was read: handing it to the worker would take longer than it does."""
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def build_app(service: Service) -> FastAPI:
    """Return the application."""
    # The framework's own page at /docs would load scripts of other hosts; add_pages has one of ours.
    app = FastAPI(title="Pointsman", docs_url=None, redoc_url=None, redirect_slashes=False)
    add_handlers(app)

    # FastAPI would build its document from the routes, once; the columns change with the generation that serves.
    def describe() -> dict[str, Any]:
        served = service.current.served
        return document.describe_service(served.predictor.schema if served else None)

    app.openapi = describe  # type: ignore[method-assign]

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        return await answer(service, request)

    @app.post("/feedback")
    async def feedback(request: Request) -> Response:
        return await take_labels(service, request)

    @app.get("/health")
    async def health() -> Response:
        return respond({"status": "alive"})

    @app.get("/ready")
    async def ready() -> Response:
        return respond({"status": "ready", "generation": service.need_served().generation})

    @app.get("/models")
    async def models() -> Response:
        return respond(list_models(service.need_served().predictor.generation))

    @app.get("/metrics")
    async def metrics() -> Response:
        service.metrics.log_waiting.set(service.answers.queued)
        service.metrics.log_dropped.set(service.answers.dropped)
        return Response(service.metrics.show(), media_type=METRICS_TYPE)

    add_pages(app, service)
    return app


async def answer(service: Service, request: Request) -> Response:
    """Answer the rows of a request body: a small one here, any other by the worker, in the order in which they came."""
    told, limits = request.scope["state"], service.config.service
    served = service.need_served()
    media_type, explains = find_media_type(request), read_switch(request, "explain")
    body = await service.inbox.read(request.headers, request.receive)
    try:
        told |= {"bytes": len(body), "generation": served.generation}

        def read() -> Brought:
            return read_rows(media_type, body, served, limits, service.decoder)

        if media_type == JSON and len(body) <= INLINE_BYTES:
            work = partial(answer_rows, told["request"], brought := read(), served, explains)
            is_small = len(brought) <= INLINE_ROWS and not explains
            answered = work() if is_small else await service.predict(work)
        else:
            answered = await service.predict(lambda: answer_rows(told["request"], read(), served, explains))
    finally:
        service.inbox.release(body)
    told["rows"] = len(answered.rows)
    expected = present_expectation(answered.choice)
    service.metrics.count_rows(answered.count_rows(), expected["loss"] if expected else None)
    service.costs.add(served.generation, len(answered.rows), answered.costs)
    service.answers.add(describe_served(service.config, served, answered))
    return Response(answered.body, media_type=JSON)


def describe_served(config: Config, served: Served, answered: Answered) -> ServedRequest:
    """Return what the answer log keeps of a request."""
    brought = answered.brought
    return ServedRequest(
        id=answered.id,
        at=utc_now(),
        origin="/predict",
        predictor=served.predictor,
        keys=brought.pick(config.labels.key_columns),
        rows=answered.rows,
        choice=answered.choice,
        answer=answered.answer,
        columns=[name for name in served.columns.inputs if name in brought.columns],
    )


async def take_labels(service: Service, request: Request) -> Response:
    """Store late labels; they are durable when this answers."""
    told = request.scope["state"]
    service.need_served()
    if find_media_type(request) != JSON:
        raise Refused(415, f'Labels are taken as {JSON} alone; send {{"labels": [...]}} with that Content-Type.')
    body = await service.inbox.read(request.headers, request.receive)
    try:
        told["bytes"] = len(body)
        pairs = read_labels(body, service.config.service)
        told["labels"] = len(pairs)
        store = partial(store_labels, service, pairs)
        received = await service.book(partial(run_restored, service.state, store))
    finally:
        service.inbox.release(body)
    presented = present_received(told["request"], received)
    for outcome, count in presented["counts"].items():
        service.metrics.labels.labels(outcome).inc(count)
    return respond(presented)


def store_labels(service: Service, pairs: Sequence[tuple[str, Any]]) -> Received:
    """Store labels, also of requests whose answers are not logged yet."""
    # Asked before the catalogue is: a request that is logged meanwhile is found in both, and none in neither.
    answering = service.answers.list_waiting()
    received = add_labels(service.config, service.state, pairs, "/feedback", answering)
    service.refusals.add(received.refused)
    return received


def find_media_type(request: Request) -> str:
    """Return which of MEDIA_TYPES a body is said to be; Refused with 415 for anything else.

    One without a Content-Type is refused, since a page of another site could have a browser send it unasked.
    """
    stated = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if stated in PARQUET_TYPES:
        return PARQUET
    if stated in MEDIA_TYPES:
        return stated
    named = f"'{shorten(stated)}' is not read" if stated else "There is no Content-Type"
    raise Refused(415, f"{named}; send {JSON}, {CSV} or {PARQUET} (curl: -H 'Content-Type: {JSON}').")


def read_switch(request: Request, name: str) -> bool:
    """Return a query parameter that is true or false; Refused with 422 for anything else."""
    if not request.scope["query_string"]:
        return False
    stated = request.query_params.get(name, "false").strip().lower()
    if stated not in ("true", "false", "1", "0", ""):
        raise Refused(422, f"The parameter {name} is '{shorten(stated)}'; write true or false.")
    return stated in ("true", "1")


def respond(content: dict[str, Any], status: int = 200) -> Response:
    """Return a response of JSON."""
    return Response(orjson.dumps(content), status, media_type=JSON)
