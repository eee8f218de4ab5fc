"""The other routes: labels, what serves, counters, the report, and the gate before all of them."""

import json
import sys
import time

import pandas as pd
import pytest
import small_stream
from open_services import open_service

from pointsman.common.errors import ConfigError, StateError
from pointsman.pipeline.api.access import FORMER_VARIABLE, KEY_VARIABLE, PAGES, ROUTES, find_key, write_access_log
from pointsman.pipeline.api.server import bind
from pointsman.pipeline.serve import serve
from pointsman.registry.generations import Alias

PATIENCE = 900.0
"""Seconds that a state is waited for: no measure of speed, but an end for what never comes."""


class TestFeedback:
    def wait_for(self, client, labels, outcome):
        """Labels may come before the log has written the rows; then they are 'early', and count all the same."""
        until = time.monotonic() + PATIENCE
        while True:
            told = client.post("/feedback", json={"labels": labels}).json()
            if told["counts"][outcome] == len(labels):
                return told
            assert time.monotonic() < until, told
            time.sleep(0.1)

    def test_labels_of_answered_rows_are_stored(self, client, rows):
        answered = client.post("/predict", json=rows[:3]).json()["rows"]
        labels = [{"id": row["id"], "label": 120.5} for row in answered]
        first = client.post("/feedback", json={"labels": labels})
        assert first.status_code == 200
        assert first.json()["counts"]["new"] + first.json()["counts"]["early"] == 3
        self.wait_for(client, labels, "known")
        stranger = client.post("/feedback", json={"labels": [{"id": "f00-x", "label": 1}]}).json()
        assert stranger["ids"]["unknown"] == ["f00-x"]

    @pytest.mark.parametrize(
        ("body", "status", "sentence"),
        [
            ({"labels": []}, 422, "There is no row"),
            ({}, 422, "has no list of labels"),
            ({"labels": [7]}, 422, "Row 0: a number is no label"),
            ({"labels": [{"id": 7, "label": 1}]}, 422, "field 'id': write the id"),
            ({"labels": [{"id": "a-1"}]}, 422, "field 'label': it is missing"),
            ({"labels": [{"id": "a-1", "label": None}]}, 422, "null is no label"),
            ({"labels": [{"id": "a-1", "label": [1]}]}, 422, "a list is no label"),
        ],
    )
    def test_what_is_no_label_is_refused_by_entry_and_field(self, client, body, status, sentence):
        refused = client.post("/feedback", json=body)
        assert refused.status_code == status
        assert sentence in refused.json()["error"]

    def test_labels_are_json_alone(self, client):
        assert client.post("/feedback", content=b"id,label", headers={"content-type": "text/csv"}).status_code == 415


class TestWhatIsTold:
    def test_it_lives_and_is_ready(self, client, service):
        assert client.get("/health").json() == {"status": "alive"}
        assert client.get("/ready").json() == {"status": "ready", "generation": service.current.served.generation}

    def test_models_are_those_of_the_generation(self, client, service):
        told = client.get("/models").json()
        generation = service.current.served.predictor.generation
        assert [one["id"] for one in told["versions"]] == [member.version.id for member in generation.members]
        assert [one["id"] for one in told["versions"] if "champion" in one["aliases"]] == [generation.champion.id]
        named = [one["id"] for one in told["versions"] if one["stage"] == "production"]
        assert [told["production"]] == named == [generation.aliases[Alias.PRODUCTION]]
        assert {one["role"] for one in told["versions"]} <= {
            "champion",
            "robust champion",
            "active",
            "ensemble",
            "rival",
        }
        members = {one["id"]: one["members"] for one in told["versions"] if one["members"]}
        assert set(members) == {one.id for one in generation.ensembles} != set()
        assert all(list(kinds) == ["clean", "sparse", "anomalous"] for kinds in members.values())

    def test_the_document_names_what_the_list_of_models_holds(self, client):
        told, schemas = client.get("/models").json(), client.get("/openapi.json").json()["components"]["schemas"]
        assert set(schemas["Models"]["properties"]) == set(told)
        assert set(schemas["Models"]["properties"]["versions"]["items"]["properties"]) == set(told["versions"][0])

    def test_metrics_count_requests_and_rows(self, learned, rows):
        with open_service(learned) as (_, client):
            answered = client.post("/predict", json=rows[:5]).json()["rows"]
            client.post("/predict", json={})
            client.get("/nothing/here")
            told = client.get("/metrics").text
        assert 'pointsman_requests_total{route="/predict",status="200"} 1.0' in told
        assert 'pointsman_requests_total{route="/predict",status="422"} 1.0' in told
        assert 'pointsman_requests_total{route="other",status="404"} 1.0' in told
        pairs = pd.DataFrame(answered).groupby(["version", "reason"]).size()
        for (version, reason), count in pairs.items():
            assert f'pointsman_rows_served_total{{reason="{reason}",version="{version}"}} {count}.0' in told

    def test_the_page_and_the_document_name_the_columns(self, client):
        assert "PREMIUM" in client.get("/docs").text
        document = client.get("/openapi.json").json()
        assert "MAKE" in document["components"]["schemas"]["Row"]["properties"]
        assert set(document["paths"]) == set(ROUTES) - {*PAGES, "/openapi.json"}

    def test_a_route_that_is_none_is_told_in_a_sentence(self, client):
        missed, wrong = client.get("/models/../../etc/passwd"), client.get("/predict")
        assert (missed.status_code, wrong.status_code) == (404, 405)
        assert missed.json()["error"] == "There is no such route; / lists them."
        assert wrong.headers["allow"] == "POST"

    def test_the_report_is_made_beside_the_service_and_then_kept(self, linear_stream, tmp_path):
        folder = small_stream.copy(linear_stream, tmp_path / "copy")  # of which nobody asked for a report before
        with open_service(folder) as (_, client):
            first = client.get("/report")
            assert (first.status_code, first.headers["retry-after"]) == (202, "3")
            until = time.monotonic() + PATIENCE
            while (told := client.get("/report")).status_code == 202 and time.monotonic() < until:
                assert client.get("/health").status_code == 200
                time.sleep(0.3)
            assert told.status_code == 200, told.text
            assert "<html" in told.text
            number = client.get("/ready").json()["generation"]
            assert client.get("/report").headers["x-generation"] == str(number)
            with open_service(folder) as (another, _):  # it finds what is kept, and makes nothing
                shown = another.report.ask(number, answered=0)
        assert shown.is_current
        assert shown.page.html.decode() == told.text


class TestGate:
    def test_with_a_key_all_but_two_routes_need_it(self, learned, rows):
        with open_service(learned, key=b"s3cret") as (_, client):
            for route in ROUTES:
                if route not in ("/health", "/ready"):
                    assert client.get(route).status_code == 401, route
            assert client.get("/health").status_code == 200
            assert client.get("/ready").status_code == 200
            for headers in ({"X-API-Key": "s3cret"}, {"Authorization": "Bearer s3cret"}):
                assert client.post("/predict", json=rows[0], headers=headers).status_code == 200
            for headers in ({"X-API-Key": "s3cre"}, {"Authorization": "Basic s3cret"}, {"X-API-Key": "ß".encode()}):
                refused = client.post("/predict", json=rows[0], headers=headers)
                assert (refused.status_code, refused.headers["www-authenticate"][-6:]) == (401, "Bearer")

    def test_others_are_let_in_by_a_key_or_on_purpose(self, monkeypatch, tmp_path):
        monkeypatch.delenv(KEY_VARIABLE, raising=False)
        exposed = small_stream.configure(tmp_path, "service.host=0.0.0.0").service
        with pytest.raises(ConfigError, match=r"set POINTSMAN_API_KEY, or service\.open=true"):
            find_key(exposed)
        assert find_key(small_stream.configure(tmp_path, "service.host=0.0.0.0", "service.open=true").service) == b""
        monkeypatch.setenv(KEY_VARIABLE, " s3cret ")
        assert find_key(exposed) == b"s3cret"

    def test_the_former_name_of_the_key_still_counts_and_is_told(self, monkeypatch, tmp_path, caplog):
        exposed = small_stream.configure(tmp_path, "service.host=0.0.0.0").service
        monkeypatch.delenv(KEY_VARIABLE, raising=False)
        monkeypatch.setenv(FORMER_VARIABLE, "s3cret")
        assert find_key(exposed) == b"s3cret"
        assert caplog.messages == ["the key is that of SWITCHYARD_API_KEY, which is now called POINTSMAN_API_KEY"]
        monkeypatch.setenv(KEY_VARIABLE, "newer")
        assert find_key(exposed) == b"newer"
        assert len(caplog.messages) == 1

    @pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8000", "", "[::2]"])
    def test_without_a_key_another_name_of_this_machine_is_refused(self, client, rows, host):
        """A page of a site whose name was made to lead here asks by that name."""
        refused = client.post("/predict", json=rows[0], headers={"host": host})
        assert refused.status_code == 421
        assert "service.hosts" in refused.json()["error"]
        assert client.get("/health", headers={"host": host}).status_code == 200
        for known in ("localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000", "127.8.9.1"):
            assert client.post("/predict", json=rows[0], headers={"host": known}).status_code == 200

    def test_names_of_the_host_are_configured_and_a_key_or_open_lets_any_pass(self, learned):
        def ask(host, *overrides, key=b""):
            with open_service(learned, *overrides, key=key) as (_, client):
                return client.get("/models", headers={"host": host, "x-api-key": "s3cret"}).status_code

        assert ask("claims.lan:80", "service.hosts=[Claims.LAN]") == 200
        assert ask("other.lan", "service.hosts=[claims.lan]") == 421
        assert ask("other.lan", key=b"s3cret") == ask("other.lan", "service.open=true") == 200
        assert ask("other.lan", "service.hosts=claims.lan", key=b"s3cret") == 421

    def test_the_access_log_holds_neither_cells_nor_labels_nor_keys(self, learned, rows):
        lines = []
        with open_service(learned, key=b"s3cret", lines=lines) as (_, client):
            marked = rows[0] | {"MAKE": "marked-cell", "OBJECT_ID": "marked-id"}
            headers = {"X-API-Key": "s3cret", "User-Agent": "marked-agent"}
            row_id = client.post("/predict?explain=marked", json=marked, headers=headers)
            row_id = client.post("/predict?other=marked", json=marked, headers=headers).json()["rows"][0]["id"]
            labels = [{"id": row_id, "label": "marked-label"}]
            client.post("/feedback", json={"labels": labels}, headers=headers)
            client.get("/marked-path", headers=headers)
        written = json.dumps(lines)
        assert "marked" not in written
        assert "s3cret" not in written
        predicted = lines[1]
        assert (predicted["route"], predicted["status"], predicted["rows"]) == ("/predict", 200, 1)
        assert {"time", "request", "method", "ms", "bytes", "sent_bytes", "generation"} <= set(predicted)

    def test_the_access_log_is_a_file_of_the_state(self, tmp_path):
        settings = small_stream.configure(tmp_path).service
        write = write_access_log(settings, tmp_path)
        write(b'{"a":1}')
        assert (tmp_path / "access.log").read_text() == '{"a":1}\n'

    def test_without_room_for_an_access_log_there_is_none(self, tmp_path, caplog):
        (tmp_path / "access.log").mkdir()
        write_access_log(small_stream.configure(tmp_path).service, tmp_path)(b"{}")
        assert "There is no access log" in caplog.text

    def test_an_address_that_is_taken_is_a_sentence(self, tmp_path):
        with bind(small_stream.configure(tmp_path, "service.port=0").service) as listening:
            taken = small_stream.configure(tmp_path, f"service.port={listening.getsockname()[1]}").service
            with pytest.raises(ConfigError, match=r"cannot listen at 127\.0\.0\.1"):
                bind(taken)

    def test_a_missing_library_is_named_with_the_way_to_get_it(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "uvicorn", None)
        with pytest.raises(ConfigError, match=r"The service needs .* pip install -r requirements-serve\.txt"):
            serve(small_stream.configure(tmp_path))


class TestFiles:
    def test_nothing_that_a_request_says_names_a_file_or_a_version(self, learned, rows):
        """Every file that the process opens while requests are full of paths is one that the service names itself."""
        opened, listening = [], True
        sys.addaudithook(lambda event, given: opened.append(str(given[0])) if listening and event == "open" else None)
        bad = "../../marked/catalogue.db"
        with open_service(learned) as (service, client):
            version = service.current.served.predictor.generation.champion.id
            client.post("/predict", json={**rows[0], "MAKE": bad, bad: 1, "version": bad, "file": bad})
            client.post(f"/predict?explain={bad}&version={bad}&state_dir={bad}", json=rows[0])
            client.post("/predict", json=rows[0], headers={"X-Request-Id": bad, "Referer": bad})
            client.post("/predict", content=f"PREMIUM,{bad}\n1,{bad}".encode(), headers={"content-type": "text/csv"})
            client.post("/feedback", json={"labels": [{"id": f"{bad}-0", "label": bad}]})
            for path in (f"/report/{bad}", f"/models/{version}", f"/{bad}", "/x//marked", "/docs/%2e%2e/marked"):
                assert client.get(path).status_code == 404
            told = client.post("/predict", json={**rows[0], "version": "prior-0001"}).json()
            assert told["rows"][0]["version"] == client.post("/predict", json=rows[0]).json()["rows"][0]["version"]
        listening = False
        assert not [path for path in opened if "marked" in path]


class TestGenerations:
    def test_before_the_first_update_it_says_what_to_do_and_then_becomes_ready(self, learned, tmp_path, rows, caplog):
        with open_service(tmp_path) as (service, client):
            service.current.refresh()
            service.current.refresh()
            assert caplog.text.count("Until then predictions are refused with 503") == 1
            for told in (client.get("/ready"), client.post("/predict", json=rows[0]), client.get("/models")):
                assert told.status_code == 503
                assert "run 'python run.py update' first" in told.json()["error"]
            assert client.get("/health").status_code == 200
            assert client.get("/openapi.json").status_code == 200
            assert client.get("/").status_code == 200
            small_stream.copy(learned / "state", tmp_path / "state")
            assert service.current.refresh()
            assert client.get("/ready").status_code == 200
            assert client.post("/predict", json=rows[0]).status_code == 200

    def test_a_request_is_finished_by_the_generation_that_it_began_with(self, learned, tmp_path, rows):
        folder = small_stream.copy(learned, tmp_path / "copy")
        with open_service(folder) as (service, client):
            old = service.current.served
            small_stream.take(folder, None, small_stream.LINEAR)
            assert service.current.refresh()
            assert not service.current.refresh()
            assert service.current.served.generation == old.generation + 1
            assert client.post("/predict", json=rows[0]).json()["generation"] == old.generation + 1
            read = old.predictor.read_rows(rows[:2])
            assert len(old.predictor.answer(read, old.predictor.choose(read)).decided) == 2

    def test_a_catalogue_that_cannot_be_read_is_told_once_and_ends_nothing(self, learned, rows, caplog, monkeypatch):
        with open_service(learned) as (service, client):
            number = service.current.served.generation
            find = service.current._find_newest
            monkeypatch.setattr(service.current, "_find_newest", lambda: (_ for _ in ()).throw(StateError("Busy.")))
            assert not service.current.refresh()
            assert not service.current.refresh()
            assert [line for line in caplog.messages if "Busy" in line] == [
                f"Busy (generation {number} goes on serving)"
            ]
            assert client.post("/predict", json=rows[0]).status_code == 200
            monkeypatch.setattr(service.current, "_find_newest", find)
            assert not service.current.refresh()
            assert service.current.served.generation == number

    def test_one_that_cannot_be_loaded_is_told_once_and_the_old_one_goes_on(
        self, learned, tmp_path, rows, caplog, monkeypatch
    ):
        folder = small_stream.copy(learned, tmp_path / "copy")
        with open_service(folder) as (service, client):
            before = service.current.served.generation
            kept = {path: path.read_bytes() for path in (folder / "state" / "files").rglob("*.*")}
            small_stream.take(folder, None, small_stream.LINEAR)
            new = {path: path.read_bytes() for path in (folder / "state" / "files").rglob("*.*") if path not in kept}
            for path in new:
                path.write_bytes(b"broken")
            for _ in range(3):
                assert not service.current.refresh()
                monkeypatch.setattr(service.current, "_retry_at", 0.0)
            assert sum(f"generation {before} goes on serving" in line for line in caplog.messages) == 1
            assert client.post("/predict", json=rows[0]).json()["generation"] == before
            assert "pointsman_generation_load_failures_total 3.0" in client.get("/metrics").text
            for path, content in new.items():
                path.write_bytes(content)
            assert service.current.refresh()
            assert not service.current.refresh()
            assert client.post("/predict", json=rows[0]).json()["generation"] == before + 1


def test_what_nobody_foresaw_is_a_body_of_json_that_names_the_request_in_the_log(learned, rows, monkeypatch, caplog):
    with open_service(learned) as (_, client):
        monkeypatch.setattr("pointsman.pipeline.api.app.answer_rows", lambda *_: 1 / 0)
        failed = client.post("/predict", json=rows[0])
        told = failed.json()
        assert failed.status_code == 500
        assert told["request"] == failed.headers["x-request-id"]
        assert f"the log of the service says why under {told['request']}" in told["error"]
        assert any(f"request {told['request']} failed: ZeroDivisionError" in line for line in caplog.messages)
        monkeypatch.undo()
        assert client.post("/predict", json=rows[0]).status_code == 200
