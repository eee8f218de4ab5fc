"""Fixtures that any test may use."""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import postgres
import pytest
import sqlalchemy as sa

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Return the path of a real stream by its file name, and skip the test where it is not at hand.

    The streams lie in the folder that POINTSMAN_DATA names, or else in ``../shared/data`` beside the project.
    """
    folder = Path(os.environ.get("POINTSMAN_DATA") or PROJECT.parent / "shared" / "data")

    def find(name: str) -> Path:
        path = folder / name
        if not path.is_file():
            pytest.skip(f"the real stream '{name}' is not in '{folder}'; set POINTSMAN_DATA to its folder")
        return path

    return find


@pytest.fixture(scope="session")
def postgresql() -> Iterator[sa.URL]:
    """The URL of a PostgreSQL server of the tests' own; tests are skipped where there can be none."""
    try:
        with postgres.run_server() as url:
            yield url
    except postgres.NoServerError as reason:
        pytest.skip(str(reason))


@pytest.fixture(params=["sqlite", "postgresql"])
def catalogue_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty catalogue, on SQLite and on PostgreSQL in turns."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'catalogue.db'}"
        return
    server = request.getfixturevalue("postgresql")
    name = f"test_{secrets.token_hex(6)}"
    yield postgres.make_database(server, name)
    postgres.drop_database(server, name)


@pytest.fixture(scope="session")
def linear_stream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three batches learned, with linear models beside the prior: for tests that break something of a copy of it."""
    import small_stream

    return small_stream.learn(tmp_path_factory.mktemp("linear"), 3, small_stream.LINEAR)
