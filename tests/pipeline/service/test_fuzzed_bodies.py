"""Anything may be sent: the answer is a sentence or a prediction, never a failure of the service."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from open_services import open_service
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from pipeline.service.access import ROUTES
from pipeline.service.reading import CSV, JSON, PARQUET

FEW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
COLUMNS = ("PREMIUM", "MAKE", "INSR_BEGIN", "INSR_END", "SEX", "INSURED_VALUE", "OBJECT_ID", "nowhere")
texts = st.text(max_size=12) | st.sampled_from(["NaN", "inf", "-1e400", "99999-13-45", "2020-01-01T00:00:00+99:99",
                                                "now", "0001-01-01", "9" * 40, "\x00", "  7 "])  # fmt: skip
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
cells = st.none() | st.booleans() | numbers | texts
anything = st.recursive(cells, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
rows = st.dictionaries(st.sampled_from(COLUMNS), cells | anything, max_size=6)
bodies = st.one_of(
    rows, st.lists(rows, max_size=6), st.lists(rows | anything, max_size=4).map(lambda sent: {"rows": sent}), anything
)


@pytest.fixture(scope="module")
def client(learned):
    """A service of this module's own, which in the end has logged every row that it answered."""
    with open_service(learned) as (service, client):
        yield client
    assert service.answers.dropped == 0


def check(answered):
    assert answered.status_code in (200, 400, 408, 413, 415, 422), (answered.status_code, answered.text)
    told = answered.json()
    assert told["request"] == answered.headers["x-request-id"]
    assert "rows" in told or "counts" in told or told["error"].endswith(".")


@FEW
@given(sent=bodies)
def test_json_of_any_shape_is_answered_or_refused(client, sent):
    check(client.post("/predict", content=json.dumps(sent).encode(), headers={"content-type": JSON}))


@FEW
@given(columns=st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4, unique=True), drawn=st.data())
def test_cells_of_any_kind_are_predicted(client, columns, drawn):
    sent = drawn.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(columns, cells)), min_size=1, max_size=5))
    answered = client.post("/predict", content=json.dumps(sent).encode(), headers={"content-type": JSON})
    check(answered)
    if set(columns) - {"OBJECT_ID", "nowhere"} and "\\ud" not in json.dumps(sent):
        assert answered.status_code == 200, answered.text
        assert len(answered.json()["rows"]) == len(sent)


@FEW
@given(sent=st.binary(max_size=200) | texts.map(str.encode), kind=st.sampled_from([JSON, CSV, PARQUET, "text/html"]))
def test_bytes_of_any_kind_are_refused(client, sent, kind):
    check(client.post("/predict", content=sent, headers={"content-type": kind}))
    check(client.post("/feedback", content=sent, headers={"content-type": kind}))


@FEW
@given(
    lines=st.lists(st.lists(texts, max_size=5), max_size=5), separator=st.sampled_from(",;\t|"),
    header=st.lists(st.sampled_from(COLUMNS) | texts, min_size=1, max_size=5),
)  # fmt: skip
def test_csv_of_any_lines_is_answered_or_refused(client, header, lines, separator):
    sent = "\n".join(separator.join(line) for line in [header, *lines]).encode(errors="replace")
    check(client.post("/predict", content=sent, headers={"content-type": CSV}))


def as_parquet(table):
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


PLAIN = as_parquet(pa.table({"PREMIUM": [1.5, None] * 20, "MAKE": ["a", "b"] * 20, "SEX": [0, 1] * 20}))


@FEW
@given(flips=st.lists(st.tuples(st.integers(0, len(PLAIN) - 1), st.integers(0, 255)), min_size=1, max_size=6),
       cut=st.integers(0, 40))  # fmt: skip
def test_damaged_parquet_is_answered_or_refused(client, flips, cut):
    sent = bytearray(PLAIN)
    for place, byte in flips:
        sent[place] = byte
    check(client.post("/predict", content=bytes(sent[: len(sent) - cut]), headers={"content-type": PARQUET}))


ARROW_TYPES = st.sampled_from([
    pa.int8(), pa.uint64(), pa.float32(), pa.string(), pa.large_string(), pa.bool_(), pa.date32(), pa.date64(),
    pa.timestamp("s"), pa.timestamp("ns", "UTC"), pa.timestamp("us", "Europe/Berlin"), pa.decimal128(30, 5), pa.null(),
    pa.binary(), pa.list_(pa.int8()), pa.time32("s"), pa.dictionary(pa.int8(), pa.string()), pa.duration("s"),
])  # fmt: skip


@FEW
@given(types=st.lists(ARROW_TYPES, min_size=1, max_size=4), number=st.integers(0, 100))
def test_parquet_of_any_type_is_answered_or_refused(client, types, number):
    made = {}
    for name, kind in zip(COLUMNS, types, strict=False):
        try:
            made[name] = pa.array([number, None, number]).cast(pa.string()).cast(kind)
        except pa.ArrowException:
            made[name] = pa.nulls(3, kind)
    check(client.post("/predict", content=as_parquet(pa.table(made)), headers={"content-type": PARQUET}))


entries = st.fixed_dictionaries(
    {}, optional={"id": st.from_regex(r"[0-9a-f]{0,20}-?[0-9]{0,12}", fullmatch=True) | anything, "label": anything}
)


@FEW
@given(sent=st.lists(entries | anything, max_size=5).map(lambda listed: {"labels": listed}) | anything)
def test_feedback_of_any_shape_is_answered_or_refused(client, sent):
    check(client.post("/feedback", content=json.dumps(sent).encode(), headers={"content-type": JSON}))


@FEW
@given(
    headers=st.dictionaries(
        st.sampled_from(["content-type", "content-encoding", "authorization", "x-api-key", "expect", "accept"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20), max_size=4,
    ),
    path=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12),
)  # fmt: skip
def test_any_headers_and_any_path_are_answered_or_refused(client, headers, path):
    check(client.post("/predict", content=b'{"PREMIUM": 1}', headers=headers))
    told = client.get("/" + path.replace("#", "").replace("?", "").lstrip("/"), headers=headers)
    assert told.status_code < 500


CONFORMS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
            "response_schema_conformance")  # fmt: skip
"""Left out: that what its types allow is accepted. No document can say what is a table in CSV, or Parquet."""


@pytest.mark.parametrize("path", [path for path in ROUTES if path not in ("/", "/docs", "/openapi.json", "/report")])
def test_what_the_document_allows_is_answered_as_it_says(client, path):
    """By schemathesis: no failure, and statuses, headers and bodies as the document has them."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", client.app)
    (operation,) = (one.ok() for one in schema.include(path=path).get_all_operations())

    @settings(FEW, max_examples=20)
    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def ask_well(case):
        case.call_and_validate(checks=CHECKS.get_by_names(CONFORMS))

    @settings(FEW, max_examples=20)
    @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def ask_badly(case):
        case.call_and_validate(checks=CHECKS.get_by_names(CONFORMS))

    ask_well()
    if path in ("/predict", "/feedback"):
        ask_badly()
