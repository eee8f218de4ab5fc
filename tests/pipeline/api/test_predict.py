"""POST /predict: three kinds of body, the same answers; and what is refused, with row and field."""

import asyncio
import io
import json
import os
import resource
import signal
import threading
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from open_services import open_service

from pointsman.pipeline.api import app
from pointsman.pipeline.api.csv_rows import read_csv_rows
from pointsman.pipeline.api.parquet import read_parquet_rows
from pointsman.pipeline.api.reading import CSV, JSON, PARQUET, read_json_rows
from pointsman.pipeline.serving.reasons import explain_rows


def to_csv(rows, **options):
    return pd.DataFrame(rows).to_csv(index=False, **options).encode()


def to_parquet(table, **options):
    buffer = io.BytesIO()
    pq.write_table(table if isinstance(table, pa.Table) else pa.Table.from_pandas(table), buffer, **options)
    return buffer.getvalue()


def send(client, body, media_type=JSON, **headers):
    return client.post("/predict", content=body, headers={"content-type": media_type, **headers})


def strip(answered):
    return [{name: cell for name, cell in row.items() if name != "id"} for row in answered.json()["rows"]]


async def chunks_of(chunk, count, pause=0.0):
    for _ in range(count):
        await asyncio.sleep(pause)
        yield chunk


class TestAnswers:
    def test_a_row_gets_everything_that_is_known_of_its_answer(self, client, service, rows):
        answered = client.post("/predict", json={"rows": rows[:3]})
        assert answered.status_code == 200, answered.text
        told = answered.json()
        assert set(told) == {"request", "generation", "rows", "expected", "alarm", "warnings", "positive"}
        assert told["generation"] == service.current.served.generation
        assert told["request"] == answered.headers["x-request-id"]
        assert [row["id"] for row in told["rows"]] == [f"{told['request']}-{position}" for position in range(3)]
        for row in told["rows"]:
            assert row["predict"] in (0, 1)
            assert 0 <= row["probability"] <= 1
            assert row["version"] in service.current.served.versions
            assert row["reason"]
        assert told["expected"]["loss"] > 0

    def test_it_answers_as_files_are_answered(self, client, service, rows):
        predictor = service.current.served.predictor
        read = predictor.read(pd.DataFrame(rows[:200]))
        expected = predictor.answer(read, predictor.choose(read))
        answered = client.post("/predict", json=rows[:200]).json()["rows"]
        np.testing.assert_allclose([row["probability"] for row in answered], expected.outputs[:, 1], rtol=1e-12)
        assert [row["predict"] for row in answered] == expected.decided.tolist()

    @pytest.mark.parametrize("count", [1, 7, 100])
    def test_the_kinds_of_body_are_answered_alike(self, client, rows, count):
        table = pd.DataFrame(rows[:count])
        bodies = {
            JSON: client.post("/predict", json={"rows": rows[:count]}),
            CSV: send(client, to_csv(table), CSV),
            "text/csv; charset=utf-8": send(client, to_csv(table, sep=";"), "text/csv; charset=utf-8"),
            PARQUET: send(client, to_parquet(table), PARQUET),
            "application/octet-stream": send(client, to_parquet(table, compression="none"), "application/octet-stream"),
        }
        for kind, answered in bodies.items():
            assert answered.status_code == 200, (kind, answered.text)
        assert all(strip(answered) == strip(bodies[JSON]) for answered in bodies.values())

    def test_long_numbers_are_told_apart_as_texts_are(self, service):
        columns, limits = service.current.served.columns, service.config.service
        brought = read_json_rows(b'{"MAKE": 1234567890123456789, "PREMIUM": 18446744073709551615}', columns, limits)
        assert brought.pick(["MAKE"])["MAKE"].tolist() == [1234567890123456789]
        predictor = service.current.served.predictor
        texts = read_csv_rows(b"MAKE,PREMIUM\n1234567890123456789,18446744073709551615\n", columns, limits)
        one, other = predictor.read_rows(brought.rows).inputs, predictor.read(texts.rows).inputs
        pd.testing.assert_frame_equal(one, other)
        assert one["MAKE"].tolist() == ["1234567890123456789"]

    def test_long_numbers_beside_missing_ones_keep_their_digits(self, service):
        columns, limits = service.current.served.columns, service.config.service
        long = [900719925474100568, None, -900719925474100569]
        sent = json.dumps([{"MAKE": one} for one in long]).encode()
        assert read_json_rows(sent, columns, limits).pick(["MAKE"])["MAKE"].tolist() == [long[0], pd.NA, long[2]]
        for kind in (pa.int64(), pa.decimal128(20, 0)):
            body = io.BytesIO()
            pq.write_table(pa.table({"MAKE": pa.array(long, pa.int64()).cast(kind)}), body, compression="snappy")
            cells = read_parquet_rows(body.getvalue(), columns, limits).pick(["MAKE"])["MAKE"]
            assert [int(cell) for cell in cells.dropna()] == [long[0], long[2]]

    @pytest.mark.parametrize("above", ["sep=;\n", "Claims of March\n\n", "\n"])
    def test_lines_above_the_header_are_left_out(self, client, rows, above):
        body = to_csv(pd.DataFrame(rows[:2]), sep=";")
        answered = send(client, above.encode() + body, CSV)
        assert strip(answered) == strip(send(client, body, CSV))
        assert bool(answered.json()["warnings"]) == above.startswith("Claims")

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "cp1251"])
    def test_a_body_is_read_in_the_encodings_of_files(self, service, encoding):
        columns, limits = service.current.served.columns, service.config.service
        body = "PREMIUM,MAKE\n1,Лада\n".encode(encoding)
        brought = read_csv_rows(body, columns, limits, "cp1251")
        assert brought.rows["MAKE"].tolist() == ["Лада"]

    def test_blank_lines_are_no_rows(self, client, rows):
        body = to_csv(pd.DataFrame(rows[:2]))
        header, first, second = body.splitlines()
        blank = send(client, b"\n".join([b"", header, first, b"   ", second, b"\t", b""]), CSV)
        assert strip(blank) == strip(send(client, body, CSV))

    def test_one_row_needs_no_list(self, client, rows):
        assert strip(client.post("/predict", json=rows[0])) == strip(client.post("/predict", json=[rows[0]]))

    def test_reasons_are_told_on_request(self, client, service, rows):
        answered = client.post("/predict?explain=true", json=rows[:20])
        predictor = service.current.served.predictor
        read = predictor.read_rows(rows[:20])
        choice = predictor.choose(read)
        expected = explain_rows(predictor, read, choice, predictor.answer(read, choice))
        assert [row["reasons"] for row in answered.json()["rows"]] == [[vars(one) for one in each] for each in expected]
        assert any(expected)
        assert "reasons" not in client.post("/predict?explain=false", json=rows[:1]).json()["rows"][0]
        refused = client.post("/predict?explain=maybe", json=rows[:1])
        assert refused.json()["error"] == "The parameter explain is 'maybe'; write true or false."

    def test_many_rows_are_not_explained_at_once(self, client):
        refused = client.post("/predict?explain=true", json=[{"PREMIUM": 1}] * 1_001)
        assert refused.status_code == 413
        assert refused.json()["error"] == (
            "1001 rows are more than the 1000 that are explained in one request; send them in parts."
        )

    def test_numbers_may_be_texts_and_columns_may_be_absent(self, client, rows):
        texts = {name: str(cell) for name, cell in rows[0].items()}
        assert strip(client.post("/predict", json=texts)) == strip(client.post("/predict", json=rows[0]))
        assert client.post("/predict", json={"PREMIUM": None}).status_code == 200

    def test_columns_that_nobody_knows_are_named_and_ignored(self, client, rows):
        answered = client.post("/predict", json={"rows": [rows[0] | {"COLOUR": [1], "OBJECT_ID": "7"}], "more": 1})
        assert answered.status_code == 200
        assert strip(answered) == strip(client.post("/predict", json=rows[0]))
        assert answered.json()["warnings"] == [
            "ignored beside rows: more",
            "ignored, since the stream has no such column: 'COLOUR'",
        ]

    def test_types_of_parquet_that_are_cells_are_read(self, client, rows):
        table = pd.DataFrame(rows[:40])
        dates = pd.to_datetime(table["INSR_BEGIN"], format="%d-%b-%y")
        plain = strip(send(client, to_parquet(table.assign(INSR_BEGIN=dates.dt.strftime("%Y-%m-%d"))), PARQUET))
        premium = pd.to_numeric(table["PREMIUM"]).tolist()
        typed = pa.Table.from_pandas(table)
        place = typed.schema.names.index("INSR_BEGIN")
        for moments in (pa.array(dates.dt.date), pa.array(dates.astype("datetime64[ns]"), pa.timestamp("ns", "UTC"))):
            typed = typed.set_column(place, "INSR_BEGIN", moments)
            typed = typed.set_column(typed.schema.names.index("PREMIUM"), "PREMIUM", pa.array(premium, pa.float64()))
            coded = typed.set_column(
                typed.schema.names.index("MAKE"), "MAKE", typed.column("MAKE").cast(pa.string()).dictionary_encode()
            )
            assert strip(send(client, to_parquet(coded), PARQUET)) == plain


REFUSED = {
    "nothing": (b"", JSON, 400, "is empty"),
    "no JSON": (b"{", JSON, 400, "is no JSON"),
    "NaN": (b'{"PREMIUM": NaN}', JSON, 400, "written as null"),
    "an endless number": (b'{"PREMIUM": 1e999}', JSON, 400, "infinity"),
    "half a character": (b'{"MAKE": "\\ud800"}', JSON, 400, "surrogate"),
    "bytes that are no UTF-8": (b'{"MAKE": "\xff"}', JSON, 400, "is no JSON"),
    "deep": (b"[" * 100_000, JSON, 400, "depth"),
    "a number": (b"7", JSON, 422, "a number and holds no rows"),
    "no row": (b"[]", JSON, 422, "There is no row"),
    "rows of something else": (b"[{}, 7]", JSON, 422, "Row 1: a number is no row"),
    "a list for a cell": (b'[{}, {}, {}, {"PREMIUM": [1]}]', JSON, 422, "Row 3, field 'PREMIUM': a list is no cell"),
    "an object for a cell": (b'{"MAKE": {"a": 1}}', JSON, 422, "field 'MAKE': an object is no cell"),
    "a long text": (b'{"MAKE": "' + b"x" * 11_000 + b'"}', JSON, 422, "11000 characters is longer than 10000"),
    "no column that models read": (b'[{"COLOUR": 1}]', JSON, 422, "No row has a column that models read"),
    "a CSV header alone": (b"PREMIUM,MAKE\n", CSV, 422, "There is no row"),
    "a CSV line with more cells": (b"PREMIUM,MAKE\n1,a\n1,a,b\n", CSV, 422, "Row 1: 3 cells"),
    "an open quote": (b'PREMIUM,MAKE\n\n1,a\n1,"a\n', CSV, 400, "a quote in line 4 that is never closed"),
    "text behind a quote": (b'PREMIUM,MAKE\n1,"a"b\n', CSV, 400, "text behind a closing quote"),
    "stray quotes": (b'PREMIUM,MAKE\n1,a\n1,"a\n2,b\n3,c"\n', CSV, 400, "a quote in line 3 that ends only in line 5"),
    "a CSV of another encoding": ("PREMIUM\né".encode("cp1252"), CSV, 400, "is not UTF-8"),
    "a name twice": (b"PREMIUM,PREMIUM\n1,2\n", CSV, 422, "'PREMIUM' is there more than once"),
    "no Parquet": (b"PREMIUM\n1\n", PARQUET, 400, "first bytes are not PAR1"),
    "a cut Parquet": (b"PAR1" + bytes(40), PARQUET, 400, "was cut off"),
    "another kind": (b"<rows/>", "text/xml", 415, "'text/xml' is not read"),
}


class TestDecoder:
    def test_a_body_that_ends_its_reader_is_refused_and_the_next_is_read(self, learned, rows):
        sound = to_parquet(pd.DataFrame(rows[:2]))
        with open_service(learned) as (service, client):
            assert send(client, sound, PARQUET).status_code == 200
            reader = service.decoder._process
            os.kill(reader.pid, signal.SIGSTOP)
            threading.Timer(0.3, reader.kill).start()
            refused = send(client, sound, PARQUET)
            assert (refused.status_code, "its reader gave up" in refused.text) == (400, True)
            assert send(client, sound, PARQUET).status_code == 200
            service.decoder._process.kill()
            service.decoder._process.join()
            assert send(client, sound, PARQUET).status_code == 200

    def test_one_that_is_stuck_is_ended_in_time(self, learned, rows):
        sound = to_parquet(pd.DataFrame(rows[:2]))
        with open_service(learned) as (service, client):
            service.decoder.read(sound, service.current.served.columns)
            os.kill(service.decoder._process.pid, signal.SIGSTOP)
            service.decoder._limits = service.config.service.model_copy(update={"seconds": 0.2})
            late = send(client, sound, PARQUET)
            assert (late.status_code, late.headers["retry-after"]) == (503, "1")

    def test_it_may_not_take_all_the_memory_there_is(self, service, rows):
        service.decoder.read(to_parquet(pd.DataFrame(rows[:2])), service.current.served.columns)
        bound, _ = resource.prlimit(service.decoder._process.pid, resource.RLIMIT_AS)
        assert 0 < bound < 2**36


class TestRefusals:
    @pytest.mark.parametrize("name", REFUSED)
    def test_it_says_what_is_wrong_and_where(self, client, name):
        body, media_type, status, sentence = REFUSED[name]
        refused = send(client, body, media_type)
        assert refused.status_code == status, refused.text
        assert sentence in refused.json()["error"]
        assert refused.json()["error"].endswith(".")
        assert refused.json()["request"] == refused.headers["x-request-id"]

    def test_every_problem_is_listed_up_to_ten(self, client):
        refused = client.post("/predict", json=[{"PREMIUM": [], "MAKE": {}}] * 50).json()
        assert len(refused["problems"]) == 10
        assert refused["problems"][1] == {
            "row": 0,
            "field": "MAKE",
            "problem": "an object is no cell; write a number, a text or null",
        }

    def test_a_body_needs_a_content_type(self, client):
        refused = client.post("/predict", content=b"{}")
        assert refused.status_code == 415
        assert "There is no Content-Type" in refused.json()["error"]

    def test_a_packed_body_is_refused(self, client):
        assert send(client, b"\x1f\x8b", **{"content-encoding": "gzip"}).status_code == 415

    @pytest.mark.parametrize(
        "cells", [pa.array([[1.0], [2.0]]), pa.array([b"a", b"b"]), pa.array([{"a": 1}, {"a": 2}])], ids=str
    )
    def test_parquet_cells_that_are_none_are_refused(self, client, cells):
        refused = send(client, to_parquet(pa.table({"PREMIUM": cells})), PARQUET)
        assert refused.status_code == 422
        assert "The column 'PREMIUM' is of type" in refused.json()["error"]

    def test_parquet_texts_that_are_no_utf8_are_refused(self, client):
        broken = pa.array([b"\xff\xfe"]).view(pa.string())
        assert send(client, to_parquet(pa.table({"MAKE": broken})), PARQUET).status_code == 400

    def test_a_long_text_of_parquet_is_named(self, client):
        table = pa.table({"MAKE": ["a", None, "b" * 10_001]})
        refused = send(client, to_parquet(table), PARQUET)
        assert refused.json()["problems"][0]["row"] == 2

    def test_moments_beyond_what_dates_hold_are_refused(self, client):
        far = pa.array([2**60], pa.int64()).cast(pa.timestamp("ms"))
        assert send(client, to_parquet(pa.table({"INSR_BEGIN": far})), PARQUET).status_code == 400


@pytest.fixture(scope="module")
def small(learned):
    limits = ("max_mb=0.02", "max_rows=50", "max_columns=20", "max_text=1000")
    with open_service(learned, *(f"service.{limit}" for limit in limits)) as (_, client):
        yield client


class TestLimits:
    def test_a_big_body_is_refused_by_what_it_says_or_by_what_comes(self, small):
        by_length = send(small, b" " * 20_001)
        by_count = send(small, chunks_of(b" " * 1000, 30))
        assert (by_length.status_code, by_count.status_code) == (413, 413)
        assert "larger than 0.02 MB (service.max_mb)" in by_count.json()["error"]

    def test_too_many_rows_or_columns_are_refused(self, small):
        assert small.post("/predict", json=[{}] * 51).status_code == 413
        assert small.post("/predict", json={str(place): 1 for place in range(21)}).status_code == 413
        assert send(small, b"PREMIUM\n" + b"1\n" * 51, CSV).status_code == 413
        assert send(small, b",".join(b"a%d" % place for place in range(21)) + b"\n", CSV).status_code == 413
        assert send(small, to_parquet(pd.DataFrame({"PREMIUM": range(51)})), PARQUET).status_code == 413
        wide = pd.DataFrame({f"a{place}": [1] for place in range(21)})
        assert send(small, to_parquet(wide), PARQUET).status_code == 413

    def test_what_is_packed_small_is_measured_before_it_is_unpacked(self, small):
        text = pa.table({"MAKE": ["x" * 1000] * 50, "TYPE_VEHICLE": ["y"] * 50})
        assert send(small, to_parquet(text), PARQUET).status_code == 200
        repeated = pa.table(
            {
                name: ["x" * 1000] * 50
                for name in (
                    "MAKE",
                    "USAGE",
                    "TYPE_VEHICLE",
                    "SEX",
                    "INSR_TYPE",
                    "INSR_BEGIN",
                    "INSR_END",
                    "PREMIUM",
                    "PROD_YEAR",
                    "SEATS_NUM",
                    "CCM_TON",
                    "EFFECTIVE_YR",
                    "CARRYING_CAPACITY",
                    "INSURED_VALUE",
                )
            }
        )
        refused = send(small, to_parquet(repeated, write_statistics=False), PARQUET)
        assert (refused.status_code, "decodes to" in refused.text) == (413, True)
        refused = send(small, to_parquet(text, compression="zstd"), PARQUET)
        assert (refused.status_code, "snappy" in refused.text) == (415, True)

    def test_a_slow_answer_is_given_up(self, learned, rows, monkeypatch):
        with open_service(learned, "service.seconds=0.05") as (_, client):
            plain = app.answer_rows
            monkeypatch.setattr(app, "answer_rows", lambda *given: (time.sleep(0.3), plain(*given))[1])
            late = client.post("/predict", json=rows[:100])
            assert (late.status_code, late.headers["retry-after"]) == (503, "1")
            assert "service.seconds" in late.json()["error"]

    def test_a_slow_body_is_given_up(self, learned):
        with open_service(learned, "service.seconds=0.3") as (_, client):
            late = send(client, chunks_of(b" ", 100, pause=0.02))
        assert late.status_code == 408
        assert "within 0.3 seconds" in late.json()["error"]

    def test_too_many_at_a_time_are_told_to_come_again(self, learned, rows):
        with open_service(learned, "service.concurrent=1") as (service, client):
            with service.slots.take():
                refused = client.post("/predict", json=rows[:100])
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
                assert client.get("/models").status_code == client.get("/metrics").status_code == 200
                assert (
                    client.post("/predict", json=rows[:1]).status_code == 200
                )  # answered at once, it waits for nobody
            assert client.post("/predict", json=rows[:100]).status_code == 200


def test_an_edit_of_what_models_read_changes_no_answer_and_is_told(learned, client, rows):
    plain = client.post("/predict", json={"rows": rows[:20]}).json()
    with open_service(learned, "features.ratios=[]", "quality.ranges=[]") as (_, other):
        edited = other.post("/predict", json={"rows": rows[:20]}).json()
    assert [row["probability"] for row in edited["rows"]] == [row["probability"] for row in plain["rows"]]
    assert plain["warnings"] == []
    (warning,) = edited["warnings"]
    assert warning.startswith(f"generation {plain['generation']} reads rows by its own settings")
    assert warning.endswith("features.ratios, quality.ranges")
