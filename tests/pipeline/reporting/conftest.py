"""One browser for all tests of pages."""

from collections.abc import Iterator
from typing import Any

import pytest
from report_browser import start_browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A Chromium without a window; tests are skipped where there is none."""
    with start_browser() as started:
        yield started
