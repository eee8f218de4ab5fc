"""The service that most tests ask."""

import json

import pytest
import small_stream
from open_services import open_service


@pytest.fixture(scope="session")
def learned(linear_stream, tmp_path_factory):
    """A copy of the learned state that services write their log to."""
    return small_stream.copy(linear_stream, tmp_path_factory.mktemp("service") / "copy")


@pytest.fixture(scope="session")
def opened(learned):
    with open_service(learned) as both:
        yield both


@pytest.fixture(scope="session")
def service(opened):
    return opened[0]


@pytest.fixture(scope="session")
def client(opened):
    return opened[1]


@pytest.fixture(scope="session")
def rows():
    """Rows of the stream that no model has learned, as JSON has them."""
    table = small_stream.make_rows().iloc[4 * small_stream.ROWS :].drop(columns="CLAIM_PAID")
    return json.loads(table.to_json(orient="records"))
