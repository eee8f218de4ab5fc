"""Bodies of the largest size that are refused, each made to cost much: many rows, cells or objects for few bytes."""

import io
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.bad_requests import CSV, JSON, PARQUET, Bad

SIZE = 15_900_000


def repeat(kind: str, before: bytes, piece: bytes, after: bytes = b"", path: str = "/predict") -> Bad:
    """Return a body of a piece that is repeated to the largest size."""
    count = (SIZE - len(before) - len(after)) // len(piece)
    return Bad(path, before + piece * count + after, {"content-type": kind})


def make_texts(length: int, last: int) -> Bad:
    """Return a Parquet body of 75,000 texts of one length, the last one of another."""
    buffer = io.BytesIO()
    texts = [f"{place:06}" * (length // 6) for place in range(75_000)]
    table = pa.table({"MAKE": [*texts, "x" * last]})
    pq.write_table(table, buffer, use_dictionary=False, compression="none" if length < 1_000 else "snappy")
    return Bad("/predict", buffer.getvalue(), {"content-type": PARQUET})


HEAD = b"PREMIUM,MAKE\n"
HEAVY = {
    "CSV: commas": partial(repeat, CSV, HEAD, b",\n"),
    "CSV: blank lines": partial(repeat, CSV, HEAD, b"\n"),
    "CSV: one line": partial(repeat, CSV, HEAD, b","),
    "CSV: a fault in the last line": partial(repeat, CSV, HEAD, b"1," + b"y" * 157 + b"\n", b"1,2,3\n"),
    "CSV: an open quote": partial(repeat, CSV, HEAD, b'"",""' * 30 + b"\n", b'1,"x'),
    "JSON: objects": partial(repeat, JSON, b"[", b"{},", b"{}]"),
    "JSON: numbers": partial(repeat, JSON, b'{"rows":[', b"0.5,", b"1]}"),
    "JSON: lists in a cell": partial(repeat, JSON, b'[{"MAKE":[', b"[],", b"[]]}]"),
    "JSON: keys": partial(repeat, JSON, b"[{", b'"PREMIUM":1,', b'"MAKE":1}]'),
    "JSON: a fault in the last row": partial(
        repeat, JSON, b"[", b'{"PREMIUM":1.5,"MAKE":"' + b"y" * 140 + b'"},', b'{"MAKE":[]}]'
    ),
    "JSON: a long text": partial(repeat, JSON, b'[{"MAKE":"', b"\\\\", b'"}]'),
    "JSON: labels": partial(repeat, JSON, b'{"labels":[', b'{"id":"a-1","label":1},', b"{}]}", "/feedback"),
    "Parquet: a fault in the last row": partial(make_texts, 200, 20_000),
    "Parquet: unpacks to much": partial(make_texts, 4_000, 1),
}
