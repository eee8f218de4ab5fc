"""A learned stream that several files of tests look at, each in a copy of its own where it breaks something."""

import pytest
import small_stream


@pytest.fixture(scope="session")
def linear_stream(tmp_path_factory):
    """Three batches learned, with linear models beside the prior."""
    return small_stream.learn(tmp_path_factory.mktemp("linear"), 3, small_stream.LINEAR)
