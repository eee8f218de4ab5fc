"""Big bodies of JSON are judged before they are read, and sound ones are read as before."""

import json
import tracemalloc

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointsman.common.config import ServiceConfig
from pointsman.pipeline.api import json_survey
from pointsman.pipeline.api.csv_rows import read_csv_rows
from pointsman.pipeline.api.feedback import read_labels
from pointsman.pipeline.api.json_survey import find_list, list_rows
from pointsman.pipeline.api.reading import Columns, read_json_rows
from pointsman.pipeline.api.refusal import Refused

COLUMNS = Columns(("PREMIUM", "MAKE", "SEX"), frozenset(["T"]))
LIMITS = ServiceConfig()
SIZE = 3_000_000
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
texts = st.text(alphabet='ab,:[]{}"\\ ñ\U0001f600\n', max_size=6)
elements = st.recursive(
    st.none() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)


@pytest.fixture
def _short_blocks(monkeypatch):
    """Every edge of a block falls somewhere."""
    monkeypatch.setattr(json_survey, "BLOCK", 7)
    monkeypatch.setattr(json_survey, "SMALL", 0)


@pytest.mark.usefixtures("_short_blocks")
@FEW
@given(sent=st.lists(elements, min_size=1, max_size=6), indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
def test_rows_are_split_where_json_ends_them(sent, indent, ascii_only):
    body = json.dumps(sent, indent=indent, ensure_ascii=ascii_only).encode()
    assert [orjson.loads(body[start:end]) for start, end in list_rows(body, 0, len(body), LIMITS)] == sent


@pytest.mark.usefixtures("_short_blocks")
@FEW
@given(sent=st.lists(elements, max_size=4), beside=st.dictionaries(texts, elements, max_size=3), last=st.booleans())
def test_the_list_is_found_under_its_key(sent, beside, last):
    body = json.dumps(beside | {"rows": sent} if last else {"rows": sent} | beside).encode()
    start, end = find_list(body, "rows", LIMITS)
    rows = list_rows(body, start, end, LIMITS)
    assert orjson.loads(body[rows[0][0] - 1 : rows[len(rows) - 1][1] + 1]) == sent


def repeat(piece, before=b"", after=b""):
    return before + piece * (SIZE // len(piece)) + after


ROW = b'{"PREMIUM":1.5,"MAKE":"abcd","SEX":1,"T":"x","x1":1,"x2":2,"x3":3,"x4":4,"x5":5,"x6":6,"x7":7,"x8":8},'
REFUSED = {
    "objects": (413, repeat(b"{},", b"[", b"{}]")),
    "lists": (413, repeat(b"[],", b"[", b"[]]")),
    "numbers": (413, repeat(b"0.5,", b'{"rows":[', b"1]}")),
    "lists in a cell": (422, repeat(b"{},", b'[{"MAKE":[', b"{}]}]")),
    "keys": (413, repeat(b'"PREMIUM":1,', b"[{", b'"MAKE":1}]')),
    "beside rows": (413, repeat(b"{},", b'{"rows":[{"PREMIUM":1}],"x":[', b"{}]}")),
    "a fault in the last row": (422, repeat(ROW, b"[", b'{"MAKE":[]}]')),
    "a row that has no end": (400, repeat(b'{"PREMIUM":1},' * 10, b"[")[:1_000_000] + b'{"MAKE":"abc'),
    "a long text": (422, b'["' + b"a" * SIZE + "\U0001f600".encode() + b'"]'),
    "escapes": (422, b'[{"MAKE":"' + b"\\\\" * (SIZE // 2) + b'"}]'),
    "an open text": (422, b'[{"MAKE":"' + b"a" * SIZE),
}
TABLES = {
    "commas": (413, repeat(b",\n", b"PREMIUM,MAKE\n")),
    "blank lines": (413, repeat(b"\n", b"PREMIUM,MAKE\n")),
    "one line": (413, repeat(b",", b"PREMIUM,MAKE\n")),
    "an open quote": (400, repeat(b'"",""\n', b"PREMIUM,MAKE\n")[: SIZE // 5] + 2 * repeat(b'"",""\n', b'1,"x')),
    "a fault in the last line": (422, repeat(b"1,abcdefghijklmnopqrstuvwxyzabcd\n", b"PREMIUM,MAKE\n", b"1,2,3\n")),
}


def weigh(read, body):
    """Return the refusal of a body, and what it took in multiples of its bytes."""
    tracemalloc.start()
    try:
        with pytest.raises(Refused) as refusal:
            read(body)
        return refusal.value, tracemalloc.get_traced_memory()[1] / len(body)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("status", "body"), REFUSED.values(), ids=list(REFUSED))
def test_a_refused_body_of_json_takes_less_than_four_times_its_size(status, body):
    refusal, times = weigh(lambda sent: read_json_rows(sent, COLUMNS, LIMITS), body)
    assert refusal.status == status, refusal
    assert times < 4


@pytest.mark.parametrize(("status", "body"), TABLES.values(), ids=list(TABLES))
def test_a_refused_table_takes_less_than_four_times_its_size(status, body):
    refusal, times = weigh(lambda sent: read_csv_rows(sent, COLUMNS, LIMITS), body)
    assert refusal.status == status, refusal
    assert times < 4


def test_labels_too_are_counted_before_they_are_read():
    refusal, times = weigh(
        lambda sent: read_labels(sent, LIMITS), repeat(b'{"id":"a-1","label":1},', b'{"labels":[', b"{}]}")
    )
    assert refusal.status == 413
    assert times < 4


def test_a_big_sound_body_is_read_as_a_small_one_is():
    rows = [{"PREMIUM": place, "MAKE": f'a"{place}\\', "elsewhere": [1, {"a": 2}]} for place in range(5_000)]
    body = json.dumps({"other": [1, 2], "rows": rows}).encode()
    assert len(body) > json_survey.SMALL
    brought = read_json_rows(body, COLUMNS, LIMITS)
    assert [row["MAKE"] for row in brought.rows] == [row["MAKE"] for row in rows]
    assert len(brought.warnings) == 2
