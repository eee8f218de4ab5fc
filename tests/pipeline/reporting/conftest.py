"""What tests of pages need; that this file is here puts its folder on the path of tests in the folders below."""

import shutil
from collections.abc import Iterator

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """A Chromium without a window; tests are skipped where there is none."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"there is no browser here (none of {', '.join(BROWSERS)}); apt-get install chromium brings one")
    api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser; make test installs it")
    with api.sync_playwright() as player:
        opened = player.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()
