"""Bodies that come slowly: waited for, but never at the cost of others."""

import asyncio

import pytest

from pointsman.common.config import ServiceConfig
from pointsman.pipeline.api import bodies
from pointsman.pipeline.api.bodies import Inbox
from pointsman.pipeline.api.refusal import Refused

KB = 1_000


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(bodies, "PROMPT_SECONDS", 0.05)


class Sender:
    """Sends pieces of a body when it is told to, as a server hands them on."""

    def __init__(self, *pieces):
        self.messages = asyncio.Queue()
        for piece in pieces:
            self.send(piece)

    def send(self, piece, more=True):
        self.messages.put_nowait({"type": "http.request", "body": piece, "more_body": more})

    async def receive(self):
        return await self.messages.get()


def read(inbox, sender):
    return asyncio.create_task(inbox.read({}, sender.receive))


def limits(**settings):
    return ServiceConfig(**{"seconds": 0.5, "concurrent": 3, "max_mb": 0.1} | settings)


async def answer_beside_slow_ones():
    inbox = Inbox(limits())
    slow = [read(inbox, Sender(b"{")) for _ in range(5)]
    await asyncio.sleep(0.2)
    fast = Sender()
    fast.send(b"{}", more=False)
    body = await inbox.read({}, fast.receive)
    inbox.release(body)
    refused = await asyncio.gather(*slow, return_exceptions=True)
    return body, refused, inbox


def test_slow_bodies_are_bounded_by_themselves():
    body, refused, inbox = asyncio.run(answer_beside_slow_ones())
    assert body == b"{}"
    assert sorted(one.status for one in refused) == [408, 408, 408, 503, 503]
    assert all(one.closes for one in refused)
    assert (inbox.held, inbox.slow, inbox.held_slowly) == (0, 0, 0)


async def send_the_rest_later():
    inbox, sender = Inbox(limits(seconds=5)), Sender(b"[", b"1")
    reading = read(inbox, sender)
    await asyncio.sleep(0.2)
    assert inbox.slow == 1
    sender.send(b"]", more=False)
    body = await reading
    inbox.release(body)
    return body, inbox


def test_a_slow_body_is_read_whole():
    body, inbox = asyncio.run(send_the_rest_later())
    assert body == b"[1]"
    assert (inbox.held, inbox.slow, inbox.held_slowly) == (0, 0, 0)


async def fill_with_slow_ones():
    inbox = Inbox(limits())
    slow = [read(inbox, Sender(b" " * 90 * KB)) for _ in range(3)]
    await asyncio.sleep(0.2)
    held = inbox.held
    fast = Sender()
    fast.send(b" " * 100 * KB, more=False)
    body = await inbox.read({}, fast.receive)
    inbox.release(body)
    return held, await asyncio.gather(*slow, return_exceptions=True), inbox


def test_slow_bodies_have_half_of_the_room():
    held, refused, inbox = asyncio.run(fill_with_slow_ones())
    assert held == 180 * KB
    assert sorted(one.status for one in refused) == [408, 408, 503]
    assert inbox.held == inbox.held_slowly == 0


async def refuse_size():
    inbox, sender = Inbox(limits()), Sender(b" " * 101 * KB)
    sender.send(b"", more=False)
    try:
        await inbox.read({}, sender.receive)
    finally:
        assert inbox.held == 0


def test_one_that_is_too_big_is_refused_once_it_is():
    with pytest.raises(Refused, match=r"larger than 0\.1 MB"):
        asyncio.run(refuse_size())
