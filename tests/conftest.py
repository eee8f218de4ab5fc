"""Fixtures that any test may use."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Return the path of a real stream by its file name, and skip the test where it is not at hand.

    The streams lie in the folder that SWITCHYARD_DATA names, or else in ``../shared/data`` beside the project.
    """
    folder = Path(os.environ.get("SWITCHYARD_DATA") or PROJECT.parent / "shared" / "data")

    def find(name: str) -> Path:
        path = folder / name
        if not path.is_file():
            pytest.skip(f"the real stream '{name}' is not in '{folder}'; set SWITCHYARD_DATA to its folder")
        return path

    return find
