"""The server process: a socket, the application, and a shutdown that finishes everything that was begun."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

import pointsman.pipeline.lifecycle.catalogue  # noqa: F401  (the catalogue is opened with every table)
from pointsman.common.config import Config, ServiceConfig
from pointsman.common.errors import ConfigError
from pointsman.common.storage.state import open_state
from pointsman.pipeline.api.access import Gate, find_key, write_access_log
from pointsman.pipeline.api.app import build_app
from pointsman.pipeline.api.service import build_service

log = logging.getLogger(__name__)

BACKLOG = 1024
KEEP_ALIVE_SECONDS = 30
SWITCH_SECONDS = 0.0005
"""How long a thread computes before another may: small requests are answered beside what the worker does."""


def run_server(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; print the URL on stdout once requests are accepted."""
    settings = config.service
    key = find_key(settings)
    # Processes that read Parquet or make reports would else take modules, Pythons own too, from where this one stands.
    os.environ["PYTHONSAFEPATH"] = "1"
    with open_state(config) as state, bind(settings) as listening:
        sys.setswitchinterval(SWITCH_SECONDS)
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        service = build_service(config, state)
        gate = Gate(build_app(service), settings, key, service.metrics, write_access_log(settings, state.folder))
        server = Server(gate, settings, name_url(settings, listening))
        service.current.start()
        gc.collect()
        gc.freeze()  # what is there by now stays; no later collection has to look through it
        try:
            server.run(sockets=[listening])
        finally:
            service.close()
    log.info("the service has ended")


def bind(settings: ServiceConfig) -> socket.socket:
    """Return a socket that listens where the configuration says; ConfigError where it cannot."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is named, or else asyncio would not send the small packets of an answer at once.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"The service cannot listen at {settings.host}:{settings.port} ({error.strerror or error}); "
            "change service.host or service.port (0 takes a free one)."
        ) from error
    return listening


def name_url(settings: ServiceConfig, listening: socket.socket) -> str:
    """Return the URL of a bound socket."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listening.getsockname()[1]}"


class Protocol(H11Protocol):
    """HTTP that closes a connection on which no request arrives in time; see ``with_patience``."""

    seconds = 30.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._waiting = self.loop.call_later(self.seconds, self._give_up)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._waiting.cancel()
        self._waiting = self.loop.call_later(self.seconds, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._waiting.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


def with_patience(seconds: float) -> type[Protocol]:
    """Return the protocol that waits for a request as many seconds as ``service.seconds`` says."""
    return type("PatientProtocol", (Protocol,), {"seconds": seconds})


class Server(uvicorn.Server):
    """Uvicorn that says when it accepts requests and takes a signal as an ordinary end."""

    def __init__(self, app: Any, settings: ServiceConfig, url: str) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=with_patience(settings.seconds),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=settings.shutdown_seconds,
            )
        )
        self._url = url
        for number in (signal.SIGTERM, signal.SIGINT):
            # Uvicorn takes these over and raises them again when it is done, which must not end the process unclean.
            signal.signal(number, self._end)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept requests and say where."""
        await super().startup(sockets)
        if self.started and not self.should_exit:
            print(self._url, flush=True)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self.should_exit = True
