"""Requests that no client should send, by kind, as hypothesis strategies: for tests and benchmarks of the service."""

import io
import json
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
COLUMNS = ("PREMIUM", "MAKE", "INSR_BEGIN", "INSR_END", "SEX", "INSURED_VALUE", "OBJECT_ID", "nowhere")
"""Columns of the demo stream, of every kind, one that is no input and one that is none."""
MOST_DEEP, MOST_LONG = 3_000, 20_000


@dataclass(frozen=True)
class Bad:
    """A request: where it goes and what it brings."""

    path: str = "/predict"
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


texts = st.text(max_size=12) | st.sampled_from(
    [
        "NaN",
        "inf",
        "-1e400",
        "99999-13-45",
        "2020-01-01T00:00:00+99:99",
        "0001-01-01T00:00:00+14:00",
        "now",
        "today",
        "0001-01-01",
        "9999-12-31T23:59:59-14:00",
        "9" * 40,
        "\x00",
        "  7 ",
        "1_000",
        "٣",
        "-0",
        "0x10",
        "1e5",
        "None",
    ]
)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
cells = st.none() | st.booleans() | numbers | texts
anything = st.recursive(cells, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
rows = st.dictionaries(st.sampled_from(COLUMNS), cells | anything, max_size=6)
shapes = st.one_of(
    rows, st.lists(rows, max_size=6), st.lists(rows | anything, max_size=4).map(lambda sent: {"rows": sent}), anything
)
traps = st.sampled_from(
    [
        b"",
        b"{",
        b'{"PREMIUM": NaN}',
        b'{"PREMIUM": -Infinity}',
        b'{"PREMIUM": 1e999}',
        b'{"MAKE": "\\ud800"}',
        b'{"MAKE": "\xff"}',
        b'{"MAKE": "a", "MAKE": []}',
        b"[" * MOST_DEEP,
        b'{"rows":' * MOST_DEEP,
        b'{"MAKE": "' + b"x" * MOST_LONG + b'"}',
        b"[" + b"{}," * MOST_LONG + b"{}]",
        b"\xef\xbb\xbf{}",
        b"\x1f\x8b\x08",
        json.dumps({str(place): place for place in range(2_000)}).encode(),
        b'{"__proto__": {"PREMIUM": 1}}',
    ]
)
entries = st.fixed_dictionaries(
    {}, optional={"id": st.from_regex(r"[0-9a-f]{0,20}-?[0-9]{0,12}", fullmatch=True) | anything, "label": anything}
)
listed = st.lists(entries | anything, max_size=5).map(lambda sent: {"labels": sent}) | anything


def as_json(path: str, sent: Any) -> Bad:
    """Return a request of JSON."""
    return Bad(path, json.dumps(sent).encode(), {"content-type": JSON})


def as_parquet(table: pa.Table) -> bytes:
    """Return a table as the bytes of a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


PLAIN = as_parquet(pa.table({"PREMIUM": [1.5, None] * 20, "MAKE": ["a", "b"] * 20, "SEX": [0, 1] * 20}))
TYPES = (
    pa.int8(),
    pa.uint64(),
    pa.float32(),
    pa.string(),
    pa.large_string(),
    pa.bool_(),
    pa.date32(),
    pa.date64(),
    pa.timestamp("s"),
    pa.timestamp("ns", "UTC"),
    pa.timestamp("us", "Europe/Berlin"),
    pa.decimal128(30, 5),
    pa.null(),
    pa.binary(),
    pa.list_(pa.int8()),
    pa.time32("s"),
    pa.dictionary(pa.int8(), pa.string()),
    pa.duration("s"),
)


@st.composite
def damaged_parquet(draw: st.DrawFn) -> Bad:
    """A Parquet file with bytes that were changed, and an end that may be cut off."""
    sent = bytearray(PLAIN)
    for place, byte in draw(st.lists(st.tuples(st.integers(0, len(sent) - 1), st.integers(0, 255)), max_size=6)):
        sent[place] = byte
    return Bad(content=bytes(sent[: len(sent) - draw(st.integers(0, 40))]), headers={"content-type": PARQUET})


@st.composite
def typed_parquet(draw: st.DrawFn) -> Bad:
    """A sound Parquet file of any types, be they cells or not."""
    number, made = draw(st.integers(-(2**62), 2**62) | st.integers(0, 100)), {}
    for name, kind in zip(COLUMNS, draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=4)), strict=False):
        try:
            made[name] = pa.array([number, None, number]).cast(pa.string()).cast(kind)
        except pa.ArrowException:
            made[name] = pa.nulls(3, kind)
    try:
        return Bad(content=as_parquet(pa.table(made)), headers={"content-type": PARQUET})
    except pa.ArrowException:  # a moment that Parquet cannot write
        return Bad(content=PLAIN, headers={"content-type": PARQUET})


@st.composite
def csv(draw: st.DrawFn) -> Bad:
    """Lines of any cells, below a header of which some names may be known."""
    header = draw(st.lists(st.sampled_from(COLUMNS) | texts, min_size=1, max_size=5))
    lines = draw(st.lists(st.lists(texts, max_size=5), max_size=5))
    separator = draw(st.sampled_from(",;\t|"))
    sent = "\n".join(separator.join(line) for line in [header, *lines])
    return Bad(content=sent.encode(errors="replace"), headers={"content-type": CSV})


@st.composite
def raw_bytes(draw: st.DrawFn) -> Bad:
    """Bytes of no meaning under any type."""
    sent = draw(st.binary(max_size=200) | texts.map(lambda text: text.encode(errors="replace")) | traps)
    kind = draw(st.sampled_from([JSON, CSV, PARQUET, "application/octet-stream", "text/html", "multipart/form-data"]))
    return Bad(draw(st.sampled_from(["/predict", "/feedback"])), sent, {"content-type": kind})


@st.composite
def odd_headers(draw: st.DrawFn) -> Bad:
    """A body that is sound under headers and at paths that are not."""
    names = ["content-type", "content-encoding", "authorization", "x-api-key", "accept", "range", "x-forwarded-for"]
    printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20).map(str.strip)
    endings = ["", "?explain=maybe", "?explain=1&explain=2", "/../models", "//", "/%2e%2e", "?rows=1"]
    path = "/predict" + draw(st.sampled_from(endings))
    headers = draw(st.dictionaries(st.sampled_from(names), printable, max_size=4))
    return Bad(path, b'{"PREMIUM": 1}', {"content-type": JSON} | headers)


KINDS: dict[str, st.SearchStrategy[Bad]] = {
    "JSON of any shape": shapes.map(lambda sent: as_json("/predict", sent)),
    "labels of any shape": listed.map(lambda sent: as_json("/feedback", sent)),
    "CSV of any lines": csv(),
    "Parquet of any types": typed_parquet(),
    "damaged Parquet": damaged_parquet(),
    "bytes and traps": raw_bytes(),
    "headers and paths": odd_headers(),
}
