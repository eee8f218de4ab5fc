"""The routes of pages: the report with what is answered now, a form to try a row, and the list of routes."""

from functools import partial
from typing import TYPE_CHECKING

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from pointsman.common.redaction import as_told
from pointsman.pipeline.api.pages.docs import describe_document
from pointsman.pipeline.api.pages.home import add_strip
from pointsman.pipeline.api.pages.render import show_page
from pointsman.pipeline.api.pages.trial import FORM_TYPE, PREFIX, Outcome, answer_trial, read_form
from pointsman.pipeline.api.reading import JSON
from pointsman.pipeline.api.refusal import Refused
from pointsman.pipeline.api.report import Shown
from pointsman.pipeline.reporting.loss_scale import name_loss

if TYPE_CHECKING:
    from pointsman.pipeline.api.service import Service

REPORT_SECONDS = 3
"""When a client should ask again for a report that is being made."""
NO_MODEL_SECONDS = 5
KEPT = {"cache-control": "private, no-cache"}
"""A browser may keep the report, and asks each time whether it is still the newest."""


def add_pages(app: FastAPI, service: "Service") -> None:
    """Add the routes that people open in a browser."""

    @app.get("/report")
    async def report(request: Request) -> Response:
        return show_report(service, request.scope["state"]["request"])

    @app.get("/", include_in_schema=False)
    async def home(request: Request) -> Response:
        return show_home(service, request)

    @app.get("/live", include_in_schema=False)
    async def live() -> Response:
        return show_live(service)

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        return show_page("docs.html", **describe_document(app.openapi(), find_url(request), find_label(service)))

    @app.get("/try", include_in_schema=False)
    async def show_form(request: Request) -> Response:
        return await show_trial(service, request)

    @app.post("/try", include_in_schema=False)
    async def try_row(request: Request) -> Response:
        return await take_trial(service, request)


def find_label(service: "Service") -> object:
    """Return a label that the stream may have; 1 where it has no classes, or nothing serves yet."""
    served = service.current.served
    return served.predictor.schema.classes[-1] if served and served.predictor.schema.classes else 1


def find_url(request: Request) -> str:
    """Return where the service was asked, as far as the request says."""
    return str(request.base_url).rstrip("/")


def ask_report(service: "Service") -> Shown | None:
    """Return the newest report; Refused with 503 where nothing serves, or there is none and none can be made."""
    shown = service.report.ask(service.need_served().generation, service.metrics.recent.answered)
    if shown is None and (failure := service.report.failure):
        raise Refused(503, failure, retry_after=REPORT_SECONDS)
    return shown


def show_report(service: "Service", request: str) -> Response:
    """Return the report of the generation that serves, the one before while it is made, or when to ask again."""
    shown = ask_report(service)
    wait = {"retry-after": str(REPORT_SECONDS)}
    if shown is None:
        told = orjson.dumps({"request": request, "status": "the report is being made; ask again in a moment"})
        return Response(told, 202, wait, JSON)
    headers = {"x-generation": str(shown.page.mark.generation)}
    return HTMLResponse(shown.page.html, headers=headers if shown.is_current else headers | wait)


def show_home(service: "Service", request: Request) -> Response:
    """Return the report with what is answered now, or a page that loads itself again until there is one."""
    if service.current.served is None:
        title = "No model serves yet"
        return show_page(
            "waiting.html", title=title, sentence=as_told(service.current.reason), seconds=NO_MODEL_SECONDS
        )
    try:
        shown = ask_report(service)
    except Refused as refusal:
        title = "There is no report"
        return show_page("waiting.html", refusal.status, title=title, sentence=as_told(str(refusal)), seconds=0)
    if shown is None:
        sentence = "It is made once for each generation, which takes up to a minute or so."
        title = "The report is being made"
        return show_page("waiting.html", 202, title=title, sentence=sentence, seconds=REPORT_SECONDS)
    page = add_strip(shown.page.html)
    headers = {**KEPT, "etag": page.tag, "content-security-policy": page.policy}
    if request.headers.get("if-none-match") == page.tag:
        return Response(status_code=304, headers=headers)
    return HTMLResponse(page.html, headers=headers)


def show_live(service: "Service") -> Response:
    """Return the strip: the last hour of this process, and how old the report is."""
    served, recent = service.current.served, service.metrics.recent
    shown = service.report.ask(served.generation, recent.answered) if served else None
    return show_page(
        "live.html",
        hour=recent.summarise(),
        generation=served.generation if served else None,
        shown=shown,
        since=recent.answered - shown.answered if shown else 0,
    )


async def show_trial(
    service: "Service",
    request: Request,
    typed: dict[str, str] | None = None,
    outcome: Outcome | None = None,
    problem: Refused | None = None,
) -> Response:
    """Return the form, with what was typed and answered; without anything typed it begins with usual cells."""
    served = service.current.served
    if served is None:
        sentence = as_told(service.current.reason)
        return show_page("waiting.html", 503, title="No model serves yet", sentence=sentence, seconds=NO_MODEL_SECONDS)
    schema = served.predictor.schema
    fields = await service.book(partial(service.forms.make, served.generation, schema))
    return show_page(
        "trial.html",
        problem.status if problem else 200,
        fields=fields,
        typed={field.name: field.usual for field in fields} if typed is None else typed,
        outcome=outcome,
        problem=as_told(str(problem)) if problem else "",
        generation=served.generation,
        target=schema.target,
        loss=name_loss(schema.task),
        prefix=PREFIX,
        most_text=service.config.service.max_text,
        url=find_url(request),
    )


async def take_trial(service: "Service", request: Request) -> Response:
    """Answer what was typed into the form."""
    served, limits = service.need_served(), service.config.service
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise Refused(415, f"A row is tried by the form at /try, which sends {FORM_TYPE}; programs ask /predict.")
    fields = await service.book(partial(service.forms.make, served.generation, served.predictor.schema))
    told = request.scope["state"]
    body = await service.inbox.read(request.headers, request.receive)
    typed: dict[str, str] | None = None
    try:
        typed = read_form(body, fields, limits)
        outcome = await service.predict(partial(answer_trial, told["request"], typed, served, limits))
    except Refused as refusal:
        return await show_trial(service, request, typed, problem=refusal)
    finally:
        service.inbox.release(body)
    return await show_trial(service, request, typed, outcome)
