"""What stands before the application: connections that promise a request and do not send it."""

import asyncio

import uvicorn
from uvicorn.server import ServerState

from pointsman.common.config import ServiceConfig
from pointsman.pipeline.api.access import Gate
from pointsman.pipeline.api.metrics import Metrics
from pointsman.pipeline.api.server import with_patience

SECONDS = 0.2
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def answer_slowly(_scope, _receive, send):
    await asyncio.sleep(2 * SECONDS)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def talk(*pieces, app=answer_slowly):
    """What a server sends back to a client that sends some pieces, and whether it hung up in time."""
    config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_keep_alive=60)
    config.load()
    state, make = ServerState(), with_patience(SECONDS)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: make(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.01)
    try:
        return await asyncio.wait_for(reader.read(), timeout=20 * SECONDS)
    finally:
        writer.close()
        server.close()


def test_who_never_sends_a_whole_header_is_hung_up_on():
    for pieces in ([], [b"GET / HT"], [b"GET / HTTP/1.1\r\n", b"x: y\r\n", b"x: y\r\n"]):
        assert asyncio.run(talk(*pieces)) == b""


def test_a_slow_answer_is_waited_for_and_the_next_request_too():
    answered = asyncio.run(talk(REQUEST, REQUEST, b"GET"))
    assert answered.count(b"HTTP/1.1 200 OK") == 2


BOTH = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"


def test_two_lengths_of_one_body_are_refused_and_the_connection_closed():
    """What follows may be a request that a proxy before this service took for a part of the body."""

    def open_gate():
        settings = ServiceConfig()
        return Gate(answer_slowly, settings, b"", Metrics(), lambda _line: None)

    answered = asyncio.run(talk(BOTH + REQUEST, app=open_gate()))
    head, _, body = answered.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"connection: close" in head.lower()
    assert b"send one of them" in body
    assert answered.count(b"HTTP/1.1") == 1
