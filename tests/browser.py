"""The system's Chromium, driven by Playwright, for tests of what a reader sees and does."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pointsman.common.errors import ConfigError
from pointsman.pipeline.reporting.printing import find_browser

AXE = Path(__file__).resolve().parent / "vendor" / "axe.min.js"


@contextmanager
def start_browser() -> Iterator[Any]:
    """Yield a browser; the test is skipped where there is none."""
    try:
        program = find_browser()
    except ConfigError:
        pytest.skip("there is no browser here; apt-get install chromium brings one")
    driver = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser; make test installs it")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def open_page(browser: Any, address: str, own: str = "file:", **context: Any) -> Iterator[Any]:
    """Yield a page at an address; what it asked beyond its ``own`` and what went wrong on it must be nothing."""
    opened = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | context))
    page = opened.new_page()
    asked, wrong = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(address)
    yield page
    assert [url for url in asked if not url.startswith((own, "data:", "about:"))] == []
    assert [said for said in wrong if "favicon" not in said] == []
    opened.close()


def wait_until(page: Any, expression: str, seconds: float = 60.0) -> None:
    """Wait until an expression is true on a page; the driver's own wait needs eval, which the pages' policy forbids."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"{expression} did not become true within {seconds:g} seconds"
        page.wait_for_timeout(50)


def find_barriers(page: Any) -> list[str]:
    """Return the serious and critical findings of axe-core on a page, each with the first element that has it."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")
    return [
        f"{one['id']}: {one['help']} {one['nodes'][0]['html'][:160]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
