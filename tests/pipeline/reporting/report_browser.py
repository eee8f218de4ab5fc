"""The system's Chromium, driven by Playwright, for tests of what a reader sees and does."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
AXE = Path(__file__).resolve().parents[2] / "vendor" / "axe.min.js"


@contextmanager
def start_browser() -> Iterator[Any]:
    """Yield a browser; the test is skipped where there is none."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"there is no browser here (none of {', '.join(NAMES)}); apt-get install chromium brings one")
    driver = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser; make test installs it")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def open_page(browser: Any, path: Path, address: str = "", **context: Any) -> Iterator[Any]:
    """Yield a page at ``path``; what it asked of a network and what went wrong on it must be nothing."""
    opened = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | context))
    page = opened.new_page()
    asked, wrong = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(f"file://{path}{address}")
    yield page
    assert [url for url in asked if not url.startswith("file:")] == []
    assert wrong == []
    opened.close()


def find_barriers(page: Any) -> list[str]:
    """Return the serious and critical findings of axe-core on a page, each with the first element that has it."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")
    return [
        f"{one['id']}: {one['help']} {one['nodes'][0]['html'][:160]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
