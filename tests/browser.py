"""A Chromium that tests drive through its own protocol, over a pipe; tests are skipped where there is none."""

import fcntl
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")


class Page:
    """A tab: it opens addresses, runs scripts in them, and keeps what it asked of the network and complained of."""

    def __init__(self, browser):
        self._browser = browser
        target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **params):
        return self._browser.ask(method, self._session, **params)

    def send_headers(self, **headers):
        """Send these headers with every request."""
        self.ask("Network.setExtraHTTPHeaders", headers=headers)

    def size(self, width, height):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def open(self, url):
        """Load an address and wait until all of it is there."""
        seen = self._browser.count("Page.loadEventFired")
        self.ask("Page.navigate", url=url)
        self.wait_for_load(seen)

    def wait_for_load(self, seen):
        """Wait until a page has loaded, beyond those that had before."""
        self._browser.wait(lambda: self._browser.count("Page.loadEventFired") > seen)

    def run(self, script):
        """Return what a script comes to."""
        told = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def submit(self, script):
        """Run a script that leads to another page, and wait for that."""
        seen = self._browser.count("Page.loadEventFired")
        self.run(script)
        self.wait_for_load(seen)

    @property
    def asked(self):
        """Every address that was asked for."""
        return [one["request"]["url"] for one in self._browser.list("Network.requestWillBeSent")]

    @property
    def complaints(self):
        """What the browser wrote to its log, such as what a policy kept out."""
        return [one["entry"]["text"] for one in self._browser.list("Log.entryAdded")]


class Browser:
    """Speaks the protocol: numbered questions and their answers, and events between them."""

    def __init__(self, reading, writing):
        self._reading, self._writing = reading, writing
        self._numbers = itertools.count(1)
        self._answers, self._events = {}, []

    def ask(self, method, session=None, **params):
        number = next(self._numbers)
        question = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        self._writing.write(json.dumps(question).encode() + b"\0")
        self._writing.flush()
        self.wait(lambda: number in self._answers)
        answer = self._answers.pop(number)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def wait(self, done):
        while not done():
            self._take()

    def list(self, event):
        return [params for name, params in self._events if name == event]

    def count(self, event):
        return len(self.list(event))

    def _take(self):
        message = bytearray()
        while (byte := self._reading.read(1)) != b"\0":
            assert byte, "the browser has ended"
            message += byte
        told = json.loads(message)
        if "id" in told:
            self._answers[told["id"]] = told
        else:
            self._events.append((told["method"], told.get("params", {})))


def find_browser():
    """The path of a browser; the test is skipped without one."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"there is no browser here ({', '.join(NAMES)})")
    return found


def move_up(pipe):
    """The ends of a pipe under numbers that stand for nothing else, so that the browser's own can take the low ones."""
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in pipe]
    for end in pipe:
        os.close(end)
    return moved


@contextmanager
def open_browser():
    """A tab of a browser of its own, without anything that another one keeps."""
    path = find_browser()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        their_reading, writing = move_up(os.pipe())
        reading, their_writing = move_up(os.pipe())

        # The browser reads from the third descriptor and writes to the fourth.
        moves = f"os.dup2({their_reading}, 3); os.dup2({their_writing}, 4)"
        begin = f"import os, sys; {moves}; os.execv(sys.argv[1], sys.argv[1:])"
        command = [sys.executable, "-c", begin, path, *OPTIONS]
        process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"],
            pass_fds=(their_reading, their_writing),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(their_reading)
        os.close(their_writing)
        try:
            with os.fdopen(reading, "rb") as answers, os.fdopen(writing, "wb") as questions:
                yield Page(Browser(answers, questions))
        finally:
            process.kill()
            process.wait()
