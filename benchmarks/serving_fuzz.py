"""Whether the service stands what it is sent: thousands of bad requests, broken HTTP, new generations under load.

python benchmarks/serving_fuzz.py [--parts bad broken slow swap] [--requests 5000] [--updates 3] [--clients 8]
                                  [--seed 7] [--minutes 10] [--write docs/serving_fuzz.md]

bad:    requests of every kind of ``bad_requests.py`` and, by schemathesis, of the service's own OpenAPI document, while
        a client with sound requests goes on asking
broken: what is no HTTP, or ends in the middle: the service has to be there after it
heavy:  bodies of the largest size that are refused, of every kind of ``heavy_requests.py``
slow:   sockets that send a byte of their body a second, while others ask and read the metrics
swap:   updates of the state while clients ask, all of them sound requests
soak:   the same for so many minutes, and what memory the service has by the minute; only where it is named

Memory is that of the service and of the process that decodes Parquet, looked at twenty times a second; idle is what
they have after one sound body of each kind. A request is lost where its client got no answer. The service is a process
of its own on a small stream.
"""

import argparse
import io
import json
import os
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # in the place of this folder, whose requests.py is not the library that schemathesis needs

import httpx
import pandas as pd
import psutil
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks.bad_requests import KINDS, Bad
from benchmarks.durability_stream import Place, write_stream
from benchmarks.heavy_requests import HEAVY
from pointsman.common.storage.state import open_state
from pointsman.registry.generations import load_generation

SECONDS = 60.0
MB = 1_000_000
PARTS = ("bad", "broken", "heavy", "slow", "swap", "soak")
BROKEN: dict[str, bytes] = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
    "no version": b"POST /predict\r\n\r\n",
    "no host": b"POST /predict HTTP/1.1\r\n\r\n",
    "headers without end": b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 200_000,
    "half a header": b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-le",
    "half a body": b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{",
    "two lengths": b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
    "a negative length": b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n{}",
    "a chunk of nonsense": b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}",
    "an upgrade": b"GET /predict HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
}


@dataclass
class Tally:
    """What became of the requests of one kind."""

    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    generations: set[int] = field(default_factory=set)
    longest: float = 0.0

    @property
    def failed(self) -> int:
        """Answers with a status of 500 and above."""
        return sum(count for status, count in self.statuses.items() if status >= 500)

    def row(self, name: str) -> str:
        """Return the line of a table."""
        shown = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        total = self.statuses.total() + self.lost
        return f"| {name} | {total:,} | {shown} | {self.failed} | {self.lost} | {self.longest:.2f} s |"


class Memory:
    """Watches the resident memory, in MB, of a process and those that it started."""

    def __init__(self, number: int) -> None:
        self.process = psutil.Process(number)
        self.peak = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()

    def measure(self) -> float:
        """Return what they have now."""
        used = 0
        for one in (self.process, *self.process.children(recursive=True)):
            with suppress(psutil.Error):
                used += one.memory_info().rss
        return used / MB

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            with suppress(psutil.Error):
                self.peak = max(self.peak, self.measure())


@contextmanager
def start(place: Place) -> Iterator[tuple[str, "Memory"]]:
    """The service on a state: its URL, and what watches its memory."""
    with (place.folder / "serve.log").open("w") as log:
        process = place.start("serve", "service.port=0", "service.poll_seconds=0.5", log=log)
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url.startswith("http"):
                raise SystemExit("The service did not start: " + (place.folder / "serve.log").read_text())
            with Memory(process.pid) as memory:
                yield url, memory
        finally:
            process.terminate()
            code = process.wait(timeout=SECONDS)
            if code:
                print(f"the service ended with exit code {code}", file=sys.stderr)


def ask(client: httpx.Client, tally: Tally, bad: Bad) -> None:
    """Send a request and count what came back."""
    began = time.perf_counter()
    try:
        answered = client.post(bad.path, content=bad.content, headers=bad.headers)
    except httpx.HTTPError as error:
        tally.lost += 1
        print(f"lost: {type(error).__name__} {error} at {bad}"[:400], file=sys.stderr)
        return
    tally.longest = max(tally.longest, time.perf_counter() - began)
    tally.statuses[answered.status_code] += 1
    if answered.status_code >= 500:
        print(f"failed: {answered.text} at {bad}"[:400], file=sys.stderr)
    elif answered.status_code == 200 and bad.path == "/predict":
        tally.generations.add(answered.json()["generation"])


@contextmanager
def keep_asking(url: str, sound: Bad, clients: int) -> Iterator[list[Tally]]:
    """Clients that send the same sound request again and again beside what is done here."""
    ended, tallies = threading.Event(), [Tally() for _ in range(clients)]

    def go_on(tally: Tally) -> None:
        with httpx.Client(base_url=url, timeout=SECONDS) as client:
            while not ended.wait(0.02):
                ask(client, tally, sound)

    threads = [threading.Thread(target=go_on, args=(tally,)) for tally in tallies]
    for thread in threads:
        thread.start()
    try:
        yield tallies
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def add_up(tallies: list[Tally]) -> Tally:
    """Return several tallies as one."""
    total = Tally()
    for one in tallies:
        total.statuses += one.statuses
        total.lost += one.lost
        total.generations |= one.generations
        total.longest = max(total.longest, one.longest)
    return total


def draw(strategy: st.SearchStrategy[Any], count: int, options: argparse.Namespace, act: Callable[[Any], None]) -> None:
    """Call ``act`` with so many examples of a strategy, none of them shrunk or stored."""
    how = settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    @seed(options.seed)
    @how
    @given(drawn=strategy)
    def go(drawn: Any) -> None:
        act(drawn)

    go()


def send_bad(url: str, sound: Bad, options: argparse.Namespace) -> list[str]:
    """Return the table of bad requests by kind."""
    tallies = {name: Tally() for name in KINDS}
    each = options.requests // (len(KINDS) + 2)
    with httpx.Client(base_url=url, timeout=SECONDS) as client, keep_asking(url, sound, 1) as beside:
        for name, strategy in KINDS.items():
            draw(strategy, each, options, partial(ask, client, tallies[name]))
        tallies |= send_by_document(url, options, options.requests - each * len(KINDS))
    total = add_up(list(tallies.values()))
    tallies |= {"**all of them**": total, "sound ones beside them": add_up(beside)}
    return [tally.row(name) for name, tally in tallies.items()]


def send_by_document(url: str, options: argparse.Namespace, count: int) -> dict[str, Tally]:
    """Return what became of requests that break what the OpenAPI document asks for."""
    import schemathesis
    from schemathesis import GenerationMode

    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    tallies = {}
    for number, path in enumerate(("/predict", "/feedback")):
        tally = tallies[f"against the document, {path}"] = Tally()
        (operation,) = (one.ok() for one in schema.include(path=path).get_all_operations())
        strategy = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
        draw(strategy, (count + number) // 2, options, partial(call, tally))
    return tallies


def call(tally: Tally, case: Any) -> None:
    """Send what schemathesis made and count what came back."""
    try:
        tally.statuses[case.call().status_code] += 1
    except Exception as error:  # its client may break in many ways
        tally.lost += 1
        print(f"lost: {type(error).__name__} {error}"[:400], file=sys.stderr)


def send_broken(url: str, sound: Bad, options: argparse.Namespace) -> list[str]:
    """Return the table of what is no HTTP; nobody waits for an answer to it."""
    host, port = url.removeprefix("http://").split(":")
    generator, sent, between = random.Random(options.seed), 0, Tally()
    with httpx.Client(base_url=url, timeout=SECONDS) as client:
        for _ in range(20):
            for content in BROKEN.values():
                with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
                    with suppress(OSError):  # the service may have hung up already, as it should
                        connection.sendall(content[: generator.randint(1, 2 * len(content))])
                        if generator.random() < 0.5:
                            connection.shutdown(socket.SHUT_WR)
                    sent += 1
                    ask(client, between, sound)
    return [f"| broken HTTP | {sent} | none is expected | | | |", between.row("sound ones between them")]


def send_slowly(url: str, sound: Bad, options: argparse.Namespace) -> list[str]:
    """Return the table of requests beside sockets that hold their bodies back, and of what became of those."""
    host, port = url.removeprefix("http://").split(":")
    head = b"POST /predict HTTP/1.1\r\nhost: %s\r\ncontent-type: application/json\r\ncontent-length: 10000\r\n\r\n"
    held = [socket.create_connection((host, int(port)), timeout=SECONDS) for _ in range(options.sockets)]
    for one in held:
        one.sendall(head % url.removeprefix("http://").encode())
    fast, metrics, slow, waiting = Tally(), Tally(), Tally(), 0
    with httpx.Client(base_url=url, timeout=SECONDS) as client:
        for second in range(options.slow_seconds):
            until = time.monotonic() + 1
            for one in held:
                with suppress(OSError):  # those beyond what may be slow are refused, as they should be
                    one.sendall(b"[" if not second else b" ")
            while time.monotonic() < until:
                ask(client, fast, sound)
                began = time.perf_counter()
                metrics.statuses[client.get("/metrics").status_code] += 1
                metrics.longest = max(metrics.longest, time.perf_counter() - began)
    for one in held:
        with one:
            one.setblocking(False)
            try:
                slow.statuses[int(one.recv(100).split()[1])] += 1
            except BlockingIOError:
                waiting += 1
            except (OSError, IndexError):  # hung up
                slow.lost += 1
    name = f"{options.sockets} sockets for {options.slow_seconds} s, a byte a second; {waiting} could send to the end"
    return [slow.row(name), fast.row("fast requests beside them"), metrics.row("/metrics beside them")]


def swap(url: str, sound: Bad, place: Place, options: argparse.Namespace) -> list[str]:
    """Return the table of sound requests during updates."""
    with keep_asking(url, sound, options.clients) as tallies:
        for _ in range(options.updates):
            done = place.run("update")
            if done.returncode:
                raise SystemExit(f"An update failed: {done.stderr}")
        with httpx.Client(base_url=url, timeout=SECONDS) as client:
            newest = load_newest(place)
            while client.get("/ready").json()["generation"] < newest or newest not in add_up(tallies).generations:
                time.sleep(0.1)
    total = add_up(tallies)
    seen = ", ".join(map(str, sorted(total.generations)))
    return [total.row(f"{options.clients} clients, {options.updates} updates; answered by generations {seen}")]


def send_heavy(url: str, options: argparse.Namespace) -> list[str]:
    """Return the table of refused bodies of the largest size, one after another."""
    lines = []
    for name, make in HEAVY.items():
        tally = Tally()
        with httpx.Client(base_url=url, timeout=SECONDS) as client:
            bad = make()
            for _ in range(options.repeats):
                ask(client, tally, bad)
        lines.append(tally.row(f"{name}, {len(bad.content) / MB:.0f} MB"))
    return lines


def soak(url: str, sound: Bad, place: Place, options: argparse.Namespace, memory: Memory) -> list[str]:
    """Return the table of sound requests for some minutes with updates among them, and of memory by the minute."""
    used, ended = [], threading.Event()

    def update() -> None:
        for number in range(options.updates):
            if not ended.wait(60 * options.minutes / (options.updates + 1) if number else 30):
                place.run("update")

    updating = threading.Thread(target=update)
    with keep_asking(url, sound, options.clients) as tallies:
        updating.start()
        for _ in range(options.minutes):
            time.sleep(60)
            used.append(memory.measure())
            print(f"minute {len(used)}: {used[-1]:.0f} MB", file=sys.stderr, flush=True)
        ended.set()
    updating.join()
    total = add_up(tallies)
    seen = ", ".join(map(str, sorted(total.generations)))
    by_minute = ", ".join(f"{one:.0f}" for one in used)
    name = f"{options.clients} clients, {options.minutes} minutes, generations {seen}; MB by minute: {by_minute}"
    return [total.row(name)]


def warm(url: str, sound: Bad, place: Place) -> None:
    """Send a sound body of each kind, so that what is loaded once is there."""
    table, buffer = pd.read_csv(place.request), io.BytesIO()
    table.to_parquet(buffer)
    bodies = {"text/csv": place.request.read_bytes(), "application/vnd.apache.parquet": buffer.getvalue()}
    with httpx.Client(base_url=url, timeout=SECONDS) as client:
        for kind, content in bodies.items():
            ask(client, Tally(), Bad("/predict", content, {"content-type": kind}))
        ask(client, Tally(), sound)


def load_newest(place: Place) -> int:
    """Return the number of the newest generation."""
    with open_state(place.config) as state:
        return load_generation(state).number


def main() -> None:
    """Run the wanted parts and print, or write, what they found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS[:-1])
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--updates", type=int, default=3)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3, help="of each heavy body")
    parser.add_argument("--sockets", type=int, default=128, help="that send slowly")
    parser.add_argument("--slow-seconds", type=int, default=20)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    for name in ("POINTSMAN_API_KEY", "SWITCHYARD_API_KEY"):
        os.environ.pop(name, None)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        write_stream(Path(folder))
        place = Place(Path(folder), "state")
        done = place.run("update", "--batches", "2")
        assert done.returncode == 0, done.stderr
        rows = json.loads(pd.read_csv(place.request).head(3).to_json(orient="records"))
        sound = Bad("/predict", json.dumps(rows).encode(), {"content-type": "application/json"})
        with start(place) as (url, memory):
            warm(url, sound, place)
            idle = memory.peak = memory.measure()
            parts: dict[str, Callable[[], list[str]]] = {
                "bad": lambda: send_bad(url, sound, options),
                "broken": lambda: send_broken(url, sound, options),
                "heavy": lambda: send_heavy(url, options),
                "soak": lambda: soak(url, sound, place, options, memory),
                "slow": lambda: send_slowly(url, sound, options),
                "swap": lambda: swap(url, sound, place, options),
            }
            for part in options.parts:
                memory.peak = 0.0
                lines += parts[part]()
                lines.append(f"| *memory during {part}* | idle {idle:.0f} MB | peak {memory.peak:.0f} MB | | | |")
                print(f"{part}: done", file=sys.stderr)
    head = ["| requests | sent | answers by status | 5xx | lost | longest |", "|---|---|---|---|---|---|"]
    command = f"`python benchmarks/serving_fuzz.py --requests {options.requests} --seed {options.seed}`"
    told = ["# What the service stands", "", f"{command}, {datetime.now(UTC):%Y-%m-%d}, two cores.", "", *head, *lines]
    text = "\n".join(told) + "\n"
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
