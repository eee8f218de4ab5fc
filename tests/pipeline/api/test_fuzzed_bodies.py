"""Anything may be sent: the answer is a sentence or a prediction, never a failure of the service."""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from open_services import open_service
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from benchmarks.bad_requests import COLUMNS, KINDS, cells
from pointsman.pipeline.api.access import ROUTES
from pointsman.pipeline.api.reading import JSON

FEW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
CONFORMS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
"""Left out: that what its types allow is accepted. No document can say what is a table in CSV, or Parquet."""


@pytest.fixture(scope="module")
def client(learned):
    """A service of this module's own, which in the end has logged every row that it answered."""
    with open_service(learned) as (service, client):
        yield client
    assert service.answers.dropped == 0


def check(answered):
    assert answered.status_code in (200, 400, 404, 405, 408, 413, 415, 422), (answered.status_code, answered.text)
    told = answered.json()
    assert told["request"] == answered.headers["x-request-id"]
    assert "rows" in told or "counts" in told or told["error"].endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_client_should_send_is_answered_or_refused(client, kind):
    @FEW
    @given(sent=KINDS[kind])
    def send(sent):
        check(client.post(sent.path, content=sent.content, headers=sent.headers))

    send()


@FEW
@given(columns=st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4, unique=True), drawn=st.data())
def test_cells_of_any_kind_are_predicted(client, columns, drawn):
    sent = drawn.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(columns, cells)), min_size=1, max_size=5))
    answered = client.post("/predict", content=json.dumps(sent).encode(), headers={"content-type": JSON})
    check(answered)
    if set(columns) - {"OBJECT_ID", "nowhere"}:
        assert answered.status_code == 200, answered.text
        assert len(answered.json()["rows"]) == len(sent)


PAGES = ("/", "/openapi.json", "/report", "/live", "/try", "/docs")
"""Routes for readers, which the document leaves out, and the document itself."""


@pytest.mark.parametrize("path", [path for path in ROUTES if path not in PAGES])
def test_what_the_document_allows_is_answered_as_it_says(client, path):
    """By schemathesis: no failure, and statuses, headers and bodies as the document has them."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", client.app, headers={"Host": "localhost"})
    (operation,) = (one.ok() for one in schema.include(path=path).get_all_operations())

    def ask(mode):
        @settings(FEW, max_examples=20)
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case):
            case.call_and_validate(headers={"Host": "localhost"}, checks=CHECKS.get_by_names(CONFORMS))

        send()

    ask(GenerationMode.POSITIVE)
    if path in ("/predict", "/feedback"):
        ask(GenerationMode.NEGATIVE)
