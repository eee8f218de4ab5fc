"""Bodies of requests: read as they come, counted, and given up where they are too big, too slow or compressed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from pointsman.common.config import ServiceConfig
from pointsman.pipeline.api.refusal import Refused

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MB = 1_000_000
BODIES_HELD = 4
"""Bodies of the largest size that may be held at once, whatever the number of requests."""
DRAIN_SECONDS = 1.0
"""How long the rest of a refused body is thrown away, so that its sender gets to read why."""


class Disconnected(Exception):
    """The client went away before its request was complete."""


class Inbox:
    """Reads bodies within the limits of one request, and of all requests that are under way."""

    def __init__(self, limits: ServiceConfig) -> None:
        self.most_bytes = int(limits.max_mb * MB)
        self.seconds = limits.seconds
        self.held = 0

    async def read(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        """Return the whole body. The caller gives it back with ``release`` once it is answered.

        Raises Refused with 413, 415, 408 or 503, Disconnected where the client is gone.
        """
        if (encoding := headers.get("content-encoding", "identity").strip().lower()) not in ("identity", ""):
            raise Refused(415, f"A body encoded as '{encoding[:20]}' is not taken; send it as it is.")
        stated = headers.get("content-length", "")
        waits = headers.get("expect", "").lower() == "100-continue"
        # Only a first look: the header may be absent or lie, so what comes is counted as well. Its digits are cut
        # because int() refuses thousands of them.
        if stated.isdecimal() and int(stated[:18]) > self.most_bytes:
            # Who asked by 'Expect: 100-continue' has sent no body yet, so there is none to drain.
            raise await self._refuse_size(receive, drains=not waits)
        chunks: list[bytes] = []
        taken = 0
        try:
            async with asyncio.timeout(self.seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Disconnected
                    chunk, more = message.get("body", b""), message.get("more_body", False)
                    taken += len(chunk)
                    self.held += len(chunk)
                    if taken > self.most_bytes:
                        raise await self._refuse_size(receive, drains=more)
                    if self.held > BODIES_HELD * self.most_bytes:
                        raise Refused(503, "Too many big requests are under way; send this one again.", retry_after=1)
                    chunks.append(chunk)
        # A body that is not returned is never released, so its bytes are given back here, also on cancellation.
        except TimeoutError:
            self.held -= taken
            raise Refused(
                408, f"The body did not come within {self.seconds:g} seconds (service.seconds); send it again."
            ) from None
        except BaseException:
            self.held -= taken
            raise
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def release(self, body: bytes) -> None:
        """Count a body as done with."""
        self.held -= len(body)

    async def _refuse_size(self, receive: Receive, drains: bool) -> Refused:
        if drains:
            try:
                async with asyncio.timeout(DRAIN_SECONDS):
                    while (message := await receive()).get("more_body") and message["type"] == "http.request":
                        pass
            except TimeoutError:
                pass
        return Refused(
            413, f"The body is larger than {self.most_bytes / MB:g} MB (service.max_mb); send its rows in parts."
        )
