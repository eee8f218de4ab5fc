"""The gate before every route: who may ask, by which name, and a line about each request."""

import base64
import hmac
import logging
import os
import secrets
import sys
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pointsman.common.config import ServiceConfig
from pointsman.common.errors import ConfigError
from pointsman.pipeline.api.bodies import MB, Disconnected
from pointsman.pipeline.api.metrics import Metrics
from pointsman.pipeline.api.refusal import Refused, refuse_unforeseen

log = logging.getLogger(__name__)

KEY_VARIABLE, FORMER_VARIABLE = "POINTSMAN_API_KEY", "SWITCHYARD_API_KEY"
OPEN_ROUTES = ("/health", "/ready")
"""Routes that need no key and no name of the host: monitoring asks them."""
PAGES = ("/", "/live", "/try", "/docs")
"""What people open in a browser, which asks them for the key."""
ROUTES = (*PAGES, "/predict", "/feedback", "/health", "/ready", "/models", "/metrics", "/report", "/openapi.json")
LOG_BYTES, LOG_FILES = 64 * MB, 3
HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
"""What every answer says unless it says otherwise itself."""
NEEDS_KEY = (
    "This needs the key of the service, as 'Authorization: Bearer KEY', as 'X-API-Key: KEY', or in a browser as the "
    "password of any name."
)
GONE = 499
"""The status that logs show for a client that went away."""


def find_key(settings: ServiceConfig) -> bytes:
    """Return the key that requests must bring, b'' for none; ConfigError where others could ask without one."""
    key = os.environ.get(KEY_VARIABLE, "").strip().encode()
    if not key and (key := os.environ.get(FORMER_VARIABLE, "").strip().encode()):
        log.warning("the key is that of %s, which is now called %s", FORMER_VARIABLE, KEY_VARIABLE)
    if not key and not settings.open and not is_loopback(settings.host):
        raise ConfigError(
            f"service.host is '{settings.host}', which other machines reach, and there is no key; "
            f"set {KEY_VARIABLE}, or service.open=true to let everybody ask."
        )
    return key


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("example.org")
    (True, True, False, False)
    """
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def write_access_log(settings: ServiceConfig, folder: Path) -> Callable[[bytes], None]:
    """Return what writes a line of the access log. A line that cannot be written is not a failure of a request."""
    if settings.access_log == "none":
        return lambda _line: None
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if settings.access_log == "file":
        path = folder / "access.log"
        try:
            handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
        except OSError as error:  # such as a state that may only be read, which is served all the same
            log.warning("There is no access log: '%s' cannot be written (%s).", path, error.strerror)
            return lambda _line: None
    lines = logging.Logger("access")  # one of its own: it stands in no tree, so nobody else shows its lines
    lines.addHandler(handler)
    return lambda line: lines.info(line.decode())


def is_host(header: bytes, names: Collection[str]) -> bool:
    """Return whether a Host header names this machine for itself, or is among configured names (in small letters).

    >>> [is_host(header, ["claims.lan"]) for header in (b"localhost:8000", b"[::1]:80", b"Claims.LAN", b"evil.example")]
    [True, True, True, False]
    """
    stated = header.decode("latin-1").strip().lower()
    host = stated[1:].partition("]")[0] if stated.startswith("[") else stated.partition(":")[0]
    return host.removesuffix(".") in names or is_loopback(host.removesuffix("."))


def find_header(scope: Scope, name: bytes) -> bytes:
    """Return a header of a request, b'' without it."""
    return next((stated for known, stated in scope["headers"] if known == name), b"")


class Gate:
    """The ASGI application around the service's routes."""

    def __init__(
        self, app: ASGIApp, settings: ServiceConfig, key: bytes, metrics: Metrics, write: Callable[[bytes], None]
    ) -> None:
        self._app, self._key, self._metrics, self._write = app, key, metrics, write
        self._hosts = None if (key or settings.open) and not settings.hosts else frozenset(settings.hosts)
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await refuse_other(scope, receive, send)
            return
        started = time.perf_counter()
        request = secrets.token_hex(10)
        told: dict[str, Any] = {"request": request}
        scope["state"] = told
        status, sent_bytes = 0, 0

        async def send_on(message: Message) -> None:
            nonlocal status, sent_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
                own = list(message.get("headers", ()))
                said = {name for name, _ in own}
                usual = [header for header in HEADERS if header[0] not in said]
                message["headers"] = [*own, (b"x-request-id", request.encode()), *usual]
            else:
                sent_bytes += len(message.get("body", b""))
            await send(message)

        self._running += 1
        self._metrics.running.set(self._running)
        try:
            # Checked inside the try, so that a refusal is counted, logged and given its id like any answer.
            self._check(scope)
            await self._app(scope, receive, send_on)
        except Disconnected:
            status = GONE
        except Refused as refusal:
            await send_refusal(refusal, request, send_on)
        except Exception as error:
            log.error("request %s failed: %s at %s", request, type(error).__name__, find_place(error))
            # Once headers are out, nothing can be said any more.
            if not status:
                await send_refusal(refuse_unforeseen(request), request, send_on)
        finally:
            self._running -= 1
            self._metrics.running.set(self._running)
            # Without a status no answer was begun: the client left, or the task was cancelled.
            self._tell(scope, told, status or GONE, sent_bytes, time.perf_counter() - started)

    def _check(self, scope: Scope) -> None:
        """Raise Refused where a request may be meant for others, was led here, or brings no key."""
        names = [name for name, _ in scope["headers"]]
        if b"content-length" in names and b"transfer-encoding" in names:
            # A proxy before this service may have counted by the other one, and see two requests where this sees one.
            told = "The request states Content-Length and Transfer-Encoding; send one of them."
            raise Refused(400, told, closes=True)
        if scope["path"] in OPEN_ROUTES:
            return
        if self._key and not self._is_known(scope):
            raise Refused(401, NEEDS_KEY)
        if self._hosts is not None and not is_host(find_header(scope, b"host"), self._hosts):
            # A page of another site can have its own name lead here, and its reader's browser ask.
            told = "This service is not known by that Host; ask by localhost, or name it in service.hosts."
            raise Refused(421, told)

    def _is_known(self, scope: Scope) -> bool:
        brought = b""
        for name, header in scope["headers"]:
            if name == b"x-api-key":
                brought = header
            elif name == b"authorization" and header[:7].lower() == b"bearer ":
                brought = header[7:].strip()
            elif name == b"authorization" and header[:6].lower() == b"basic ":
                brought = read_password(header[6:])
        return hmac.compare_digest(brought, self._key)

    def _tell(self, scope: Scope, told: dict[str, Any], status: int, sent_bytes: int, seconds: float) -> None:
        route = scope["path"] if scope["path"] in ROUTES else "other"
        self._metrics.count_request(route, status, seconds)
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "method": scope["method"] if scope["method"] in ("GET", "POST") else "other",
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 2),
            "sent_bytes": sent_bytes,
            **told,
        }
        self._write(orjson.dumps(line))


def read_password(encoded: bytes) -> bytes:
    """Return the password of what a browser sends by HTTP's Basic scheme, b'' where it is none.

    >>> read_password(b"YW55Ym9keTpzM2NyZXQ="), read_password(b"s3cret")
    (b's3cret', b'')
    """
    try:
        return base64.b64decode(encoded, validate=True).partition(b":")[2]
    except ValueError:
        return b""


async def refuse_other(scope: Scope, receive: Receive, send: Send) -> None:
    """End anything but HTTP; a server may also ask for the lifespan, in which there is nothing to do."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    else:
        await send({"type": "websocket.close", "code": 1003})


async def send_refusal(refusal: Refused, request: str, send: Send) -> None:
    """Send a refusal as JSON."""
    body = orjson.dumps(refusal.to_json(request))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), stated.encode()) for name, stated in refusal.list_headers().items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def find_place(error: BaseException) -> str:
    """Return where an error was raised, without what it says: that may hold cells of a request."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return ", ".join(frames[-4:])
