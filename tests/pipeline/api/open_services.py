"""A service on a small learned state, asked in this process."""

import asyncio
import json
from contextlib import contextmanager

import httpx
import small_stream

from pointsman.common.storage.state import open_state
from pointsman.pipeline.api.access import Gate
from pointsman.pipeline.api.app import build_app
from pointsman.pipeline.api.service import build_service


class Client:
    """Asks an ASGI application, one request after another, or several at a time by ``all_of``."""

    def __init__(self, app, headers=None):
        self.app = app
        self._runner = asyncio.Runner()
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://localhost", headers=headers or {}
        )

    def get(self, path, **options):
        return self._runner.run(self._http.get(path, **options))

    def post(self, path, **options):
        return self._runner.run(self._http.post(path, **options))

    def all_of(self, *requests):
        async def ask():
            return await asyncio.gather(*(self._http.post(path, **options) for path, options in requests))

        return self._runner.run(ask())

    def close(self):
        self._runner.run(self._http.aclose())
        self._runner.close()


@contextmanager
def open_service(folder, *overrides, key=b"", lines=None):
    """A service on the state in a folder, and a client of it; ``lines`` takes its access log."""
    config = small_stream.configure(folder, small_stream.LINEAR, *overrides)
    with open_state(config) as state:
        service = build_service(config, state)
        take = (lambda _line: None) if lines is None else (lambda line: lines.append(json.loads(line)))
        client = Client(Gate(build_app(service), config.service, key, service.metrics, take))
        try:
            yield service, client
        finally:
            client.close()
            service.close()
