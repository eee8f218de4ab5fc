"""Bodies of requests: read as they come, counted, and given up where they are too big, too slow or compressed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pointsman.common.config import ServiceConfig
from pointsman.pipeline.api.refusal import Refused

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MB = 1_000_000
BODIES_HELD = 4
"""Bodies of the largest size that may be held at once, whatever the number of requests; slow ones may have half."""
PROMPT_SECONDS = 1.0
"""A body that is not there by then is slow: how many of those there are is bounded, so that others are not kept out."""
DRAIN_SECONDS = 1.0
"""How long the rest of a refused body is thrown away, so that its sender gets to read why."""


class Disconnected(Exception):
    """The client went away before its request was complete."""


class _TooBig(Exception):
    """The body is larger than it may be; ``args`` says whether more of it is to come."""


@dataclass
class _Arriving:
    """What has come of a body."""

    chunks: list[bytes] = field(default_factory=list)
    size: int = 0
    is_slow: bool = False


class Inbox:
    """Reads bodies within the limits of one request, and of all requests that are under way."""

    def __init__(self, limits: ServiceConfig) -> None:
        self.most_bytes = int(limits.max_mb * MB)
        self.most_slow = limits.concurrent
        self.seconds = limits.seconds
        self.held = 0
        self.slow = 0
        self.held_slowly = 0

    async def read(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        """Return the whole body. The caller gives it back with ``release`` once it is answered.

        Raises Refused with 413, 415, 408 or 503, Disconnected where the client is gone.
        """
        if (encoding := headers.get("content-encoding", "identity").strip().lower()) not in ("identity", ""):
            raise Refused(415, f"A body encoded as '{encoding[:20]}' is not taken; send it as it is.")
        stated = headers.get("content-length", "")
        # Only a first look: the header may be absent or lie, so what comes is counted as well. Its digits are cut
        # because int() refuses thousands of them.
        if stated.isdecimal() and int(stated[:18]) > self.most_bytes:
            # Who asked by 'Expect: 100-continue' has sent no body yet, so there is none to drain.
            raise await self._refuse_size(receive, drains=headers.get("expect", "").lower() != "100-continue")
        body = _Arriving()
        try:
            await self._receive(body, receive)
        # A body that is not returned is never released, so its bytes are given back here, also on cancellation.
        except _TooBig as error:
            self.held -= body.size
            raise await self._refuse_size(receive, drains=error.args[0]) from None
        except BaseException:
            self.held -= body.size
            raise
        return body.chunks[0] if len(body.chunks) == 1 else b"".join(body.chunks)

    def release(self, body: bytes) -> None:
        """Count a body as done with."""
        self.held -= len(body)

    async def _receive(self, body: _Arriving, receive: Receive) -> None:
        """Take the whole of a body, as a slow one if it does not come at once."""
        prompt = min(PROMPT_SECONDS, self.seconds)
        try:
            async with asyncio.timeout(prompt):
                await self._collect(body, receive)
        except TimeoutError:
            if self.seconds <= prompt:
                raise self._refuse_late() from None
            with self._slowly(body):
                try:
                    async with asyncio.timeout(self.seconds - prompt):
                        await self._collect(body, receive)
                except TimeoutError:
                    raise self._refuse_late() from None

    async def _collect(self, body: _Arriving, receive: Receive) -> None:
        """Take what comes until the body is whole; given up in between, it can be gone on with."""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunk, more = message.get("body", b""), message.get("more_body", False)
            body.size += len(chunk)
            self.held += len(chunk)
            self.held_slowly += len(chunk) if body.is_slow else 0
            if body.size > self.most_bytes:
                raise _TooBig(more)
            self._check_room(body)
            body.chunks.append(chunk)

    @contextmanager
    def _slowly(self, body: _Arriving) -> Iterator[None]:
        """Count a body as slow while it comes."""
        if self.slow >= self.most_slow:
            raise Refused(503, f"{self.slow} bodies come slowly; send this one again.", retry_after=1, closes=True)
        body.is_slow = True
        self.slow += 1
        self.held_slowly += body.size
        try:
            self._check_room(body)
            yield
        finally:
            self.slow -= 1
            self.held_slowly -= body.size

    def _check_room(self, body: _Arriving) -> None:
        """Raise Refused where bodies hold more than they may."""
        most = BODIES_HELD * self.most_bytes
        if self.held > most or self.held_slowly > most / 2:
            told = "Too many big requests are under way; send this one again."
            raise Refused(503, told, retry_after=1, closes=body.is_slow)

    def _refuse_late(self) -> Refused:
        told = f"The body did not come within {self.seconds:g} seconds (service.seconds); send it again."
        return Refused(408, told, closes=True)

    async def _refuse_size(self, receive: Receive, drains: bool) -> Refused:
        if drains:
            try:
                async with asyncio.timeout(DRAIN_SECONDS):
                    while (message := await receive()).get("more_body") and message["type"] == "http.request":
                        pass
            except TimeoutError:
                pass
        told = f"The body is larger than {self.most_bytes / MB:g} MB (service.max_mb); send its rows in parts."
        return Refused(413, told)
