"""A browser for the tests of a file: it may not outlast them, since its driver keeps the loop of its thread."""

from collections.abc import Iterator
from typing import Any

import pytest
from browser import start_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium without a window; tests are skipped where there is none."""
    with start_browser() as started:
        yield started
