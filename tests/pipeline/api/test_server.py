"""What stands before the application: connections that promise a request and do not send it."""

import asyncio

import uvicorn
from uvicorn.server import ServerState

from pointsman.pipeline.api.server import with_patience

SECONDS = 0.2
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def answer_slowly(_scope, _receive, send):
    await asyncio.sleep(2 * SECONDS)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def talk(*pieces):
    """What a server sends back to a client that sends some pieces, and whether it hung up in time."""
    config = uvicorn.Config(answer_slowly, lifespan="off", log_config=None, timeout_keep_alive=60)
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
