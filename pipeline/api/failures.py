"""Refusals and failures, each answered by a body of JSON with a sentence."""

import logging

import orjson
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from pointsman.common.errors import PointsmanError
from pointsman.pipeline.api.access import GONE
from pointsman.pipeline.api.bodies import Disconnected
from pointsman.pipeline.api.reading import JSON
from pointsman.pipeline.api.refusal import Refused, refuse_unforeseen

log = logging.getLogger(__name__)


def add_handlers(app: FastAPI) -> None:
    """Make every refusal and failure a body of JSON with a sentence."""

    @app.exception_handler(Refused)
    async def refuse(request: Request, refusal: Refused) -> Response:
        body = orjson.dumps(refusal.to_json(request.scope["state"]["request"]))
        return Response(body, refusal.status, refusal.list_headers(), JSON)

    @app.exception_handler(TimeoutError)
    async def give_up(request: Request, _error: TimeoutError) -> Response:
        late = Refused(503, "The answer was not there in time (service.seconds); send fewer rows.", retry_after=1)
        return await refuse(request, late)

    @app.exception_handler(PointsmanError)
    async def explain(request: Request, error: PointsmanError) -> Response:
        told = request.scope["state"]["request"]
        log.error("request %s: %s", told, error)  # its words may name places of this machine, which are not told
        return await refuse(request, Refused(503, f"The request failed; the log says why of {told}.", retry_after=5))

    @app.exception_handler(Exception)
    async def fail(request: Request, _error: Exception) -> Response:
        # The gate logs it: the error is raised again to there.
        return await refuse(request, refuse_unforeseen(request.scope["state"]["request"]))

    # The framework's own refusals would be bodies of another shape; its headers, such as Allow, are kept.
    @app.exception_handler(HTTPException)
    async def miss(request: Request, missed: HTTPException) -> Response:
        known = {
            404: "There is no such route; / lists them.",
            405: "This route is not asked that way; /openapi.json says how.",
        }
        response = await refuse(request, Refused(missed.status_code, known.get(missed.status_code, missed.detail)))
        response.headers.update(missed.headers or {})
        return response

    @app.exception_handler(Disconnected)
    async def drop(_request: Request, _gone: Disconnected) -> Response:
        # Nobody reads this; the status is for the access log and the counters.
        return Response(status_code=GONE)
