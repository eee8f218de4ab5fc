"""The pages: the report with what is answered now, a row that is tried, the routes; none asks for anything outside."""

import base64
import json
import re
import shlex
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
import small_stream
from browser import find_barriers, open_page, start_browser, wait_until
from open_services import open_service
from test_service_process import PATIENCE, start

from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import utc_now
from pointsman.common.task import Task
from pointsman.pipeline.api.access import PAGES
from pointsman.pipeline.api.pages.docs import describe_document
from pointsman.pipeline.api.pages.form import Field, make_fields
from pointsman.pipeline.api.pages.home import STRIP, add_strip
from pointsman.pipeline.api.pages.render import show_page
from pointsman.pipeline.api.pages.trial import PREFIX, Effect, Outcome
from pointsman.pipeline.api.report import OLD_SECONDS, ReportMaker
from pointsman.pipeline.reporting.kept import MARK, PAGE, load_kept, mark_report, save_mark
from pointsman.pipeline.reporting.policy import hash_texts

MARKED = '<script>alert("x")</script>'
REPORT = "<html><head></head><body class='x'><h1>kept</h1></body></html>"


def keep(config, folder, generation, age=0.0, page=REPORT):
    """Keep a page as the report of a generation that was written so many seconds ago."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(page, encoding="utf-8")
    save_mark(mark_report(config, generation, utc_now() - timedelta(seconds=age)), page.encode(), folder)


@pytest.fixture
def maker(tmp_path, monkeypatch):
    """A maker that notes what it would begin to make, and the folder in which it finds reports."""
    begun = []
    made = ReportMaker(small_stream.configure(tmp_path), tmp_path)
    monkeypatch.setattr(made, "_begin", lambda *asked: begun.append(asked))
    made.begun, made.keep = begun, lambda *what, **more: keep(made._config, tmp_path / "report", *what, **more)
    return made


class TestKeptReport:
    def test_what_is_kept_of_this_generation_is_shown_and_nothing_is_made(self, maker):
        maker.keep(3)
        shown = maker.ask(3, answered=0)
        assert (shown.page.html.decode(), shown.is_current, maker.begun) == (REPORT, True, [])

    def test_that_of_an_earlier_generation_is_shown_while_the_new_one_is_made(self, maker):
        maker.keep(2)
        shown = maker.ask(3, answered=5)
        assert (shown.page.mark.generation, shown.is_current, maker.begun) == (2, False, [(3, 5)])
        maker.keep(3)  # another process of the service has made it
        assert maker.ask(3, answered=6).is_current

    def test_nothing_or_something_else_than_its_mark_says_is_not_shown(self, maker, tmp_path):
        assert maker.ask(3, answered=0) is None
        maker.keep(3)
        (tmp_path / "report" / PAGE).write_text("cut off")
        assert maker.ask(3, answered=0) is None
        (tmp_path / "report" / MARK).write_text("{}")
        assert maker.ask(3, answered=0) is None
        assert maker.begun == [(3, 0)] * 3

    def test_an_old_one_is_made_anew_where_requests_came_since(self, maker):
        maker.keep(3, age=OLD_SECONDS + 1)
        assert maker.ask(3, answered=0).is_current
        assert maker.begun == []
        assert maker.ask(3, answered=1).is_current
        assert maker.begun == [(3, 1)]

    def test_a_young_one_stays_for_now(self, maker):
        maker.keep(3, age=1)
        assert maker.ask(3, answered=1000).is_current
        assert maker.begun == []

    def test_settings_that_change_figures_make_another_report(self, tmp_path):
        config = small_stream.configure(tmp_path)
        mark = mark_report(config, 3, utc_now())
        assert mark.is_like(mark_report(small_stream.configure(tmp_path, "service.port=99"), 3, utc_now()))
        assert not mark.is_like(mark_report(small_stream.configure(tmp_path, "metric=brier"), 3, utc_now()))

    def test_after_a_failure_it_is_not_tried_again_at_once(self, tmp_path, monkeypatch):
        maker = ReportMaker(small_stream.configure(tmp_path), tmp_path)
        monkeypatch.setattr("pointsman.pipeline.api.report.ProcessPoolExecutor", None)
        maker._making = True
        maker._take(FailedFuture())
        assert maker.failure == "The report was not finished."
        assert maker.ask(3, answered=0) is None
        assert maker.failure == "The report was not finished."


class FailedFuture:
    def cancelled(self):
        return False

    def exception(self):
        return OSError("broken")


class TestHome:
    def test_the_report_is_shown_with_the_strip_and_only_sent_again_when_it_is_another(self, learned, tmp_path):
        folder = small_stream.copy(learned, tmp_path / "copy")
        config = small_stream.configure(folder, small_stream.LINEAR)
        with open_service(folder) as (service, client):
            number = service.current.served.generation
            keep(config, folder / "state" / "report", number)
            page = client.get("/")
            assert page.status_code == 200
            assert page.text == REPORT.replace("<body class='x'>", f"<body class='x'>{STRIP}")
            assert client.get("/report").text == REPORT
            again = client.get("/", headers={"if-none-match": page.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["cache-control"] == page.headers["cache-control"] == "private, no-cache"
            assert client.get("/live").headers["cache-control"] == "no-store"
            assert "no request in the last hour" in client.get("/live").text

    def test_the_strip_counts_what_was_answered(self, learned, rows):
        with open_service(learned) as (service, client):
            client.post("/predict", json=rows[:4])
            client.post("/predict", json=rows[:3])
            client.get("/health")
            told = " ".join(
                re.sub(r"<style>.*?</style>|<[^>]+>", "", client.get("/live").text, flags=re.DOTALL).split()
            )
        hour = service.metrics.recent.summarise()
        assert "last hour 2 requests, 7 rows" in told
        assert (hour.requests, hour.rows, hour.failed) == (2, 7, 0)
        assert f"generation {service.current.served.generation}" in told

    def test_before_there_is_a_model_the_page_says_so_and_loads_itself_again(self, tmp_path):
        with open_service(tmp_path) as (_, client):
            home, tried = client.get("/"), client.get("/try")
        assert (home.status_code, tried.status_code) == (200, 503)
        for page in (home, tried):
            assert "run &#39;python run.py update&#39; first" in page.text
            assert 'http-equiv="refresh"' in page.text

    def test_a_policy_of_the_page_moves_into_the_header_with_the_strip_in_it(self):
        policy = "default-src 'none'; script-src 'sha256-abc='; style-src-elem 'sha256-def='; frame-src 'none'"
        page = f'<head><meta http-equiv="Content-Security-Policy" content="{policy}"></head><body>x</body>'
        shown = add_strip(page.replace("'", "&#39;").encode())
        assert b"http-equiv" not in shown.html
        sources = dict(one.split(" ", 1) for one in shown.policy.split("; "))
        assert sources["script-src"] == "'sha256-abc='"
        assert sources["frame-src"] == "'self'"
        style = re.search(r"<style>(.*?)</style>", shown.html.decode())[1]
        assert sources["style-src-elem"] == f"'sha256-def=' {hash_texts([style])}"


class TestTrial:
    def read_fields(self, page):
        typed = re.findall(r'<input id="f\d+" name="in-([^"]*)" value="([^"]*)"', page)
        chosen = re.findall(r'<select id="f\d+" name="in-([^"]*)".*?<option value="([^"]*)" selected>', page, re.DOTALL)
        return {unescape(name): unescape(cell) for name, cell in [*typed, *chosen]}

    def test_the_form_has_every_input_with_what_is_usual(self, client, service):
        schema = service.current.served.predictor.schema
        page = client.get("/try").text
        fields = self.read_fields(page)
        assert set(fields) == set(schema.inputs)
        assert all(fields.values())
        for level in ("Motor-cycle", "TOYOTA"):
            assert f'<option value="{level}"' in page
        assert "usually" in page
        assert "missing" in page

    def test_its_usual_row_is_answered_as_the_same_request_is(self, client):
        fields = self.read_fields(client.get("/try").text)
        page = client.post("/try", data={f"{PREFIX}{name}": cell for name, cell in fields.items()})
        told = client.post("/predict?explain=true", json=fields).json()
        answered = told["rows"][0]
        text = unescape(re.sub(r"<[^>]+>", "", page.text))
        assert page.status_code == 200
        assert self.read_fields(page.text) == fields
        assert answered["version"] in text
        assert answered["reason"] in text
        share = re.search(r"The probability of 1 is ([\d.]+)\s%", text)[1]
        assert float(share) == pytest.approx(100 * answered["probability"], abs=0.051)
        table = re.search(r"<tbody>(.*?)</tbody>", page.text, re.DOTALL)
        shown = re.findall(r'<th scope="row">(.*?)</th>', table[1]) if answered["reasons"] else []
        assert [unescape(name) for name in shown] == [one["feature"] for one in answered["reasons"]]
        row = json.loads(re.search(r"'ROW'\n(.*)\nROW", unescape(page.text))[1])
        assert row == fields

    def test_nothing_of_it_is_logged_or_counted_as_an_answer(self, learned):
        with open_service(learned) as (service, client):
            client.post("/try", data={f"{PREFIX}PREMIUM": "1200"})
            assert service.answers.queued == service.answers.dropped == 0
            assert service.metrics.recent.summarise().requests == service.metrics.recent.summarise().rows == 0
            assert 'pointsman_requests_total{route="/try",status="200"} 1.0' in client.get("/metrics").text

    def test_whatever_is_typed_is_text(self, client):
        page = client.post("/try", data={f"{PREFIX}MAKE": MARKED, f"{PREFIX}SEX": MARKED, "MAKE": "not-of-the-form"})
        assert page.status_code == 200
        assert MARKED not in page.text
        assert self.read_fields(page.text)["MAKE"] == self.read_fields(page.text)["SEX"] == MARKED
        assert "not-of-the-form" not in page.text

    def test_a_cell_that_cannot_be_read_is_warned_of_and_stays_in_its_field(self, client):
        page = client.post("/try", data={f"{PREFIX}PREMIUM": "a lot", f"{PREFIX}MAKE": "TOYOTA"})
        assert page.status_code == 200
        assert self.read_fields(page.text)["PREMIUM"] == "a lot"
        assert "problem" in page.text
        assert "PREMIUM" in re.search(r'class="problem">(.*?)</p>', page.text)[1]

    @pytest.mark.parametrize(
        ("sent", "status", "sentence"),
        [
            ({"json": {"PREMIUM": 1}}, 415, "A row is tried by the form"),
            ({"data": {f"x{number}": "1" for number in range(1001)}}, 413, "more than 1000 fields"),
            ({"data": {f"{PREFIX}MAKE": "x" * 10_001}}, 422, "is longer than 10000"),
            (
                {"data": {}, "headers": {"content-type": "application/x-www-form-urlencoded"}},
                422,
                "No row has a column",
            ),
        ],
    )
    def test_what_cannot_be_answered_is_a_sentence(self, client, sent, status, sentence):
        page = client.post("/try", **sent)
        assert page.status_code == status
        assert sentence in page.text

    def test_fields_are_written_as_the_stream_writes_them(self):
        schema = Schema("day", "y", Task.BINARY, numeric=("n", "empty"), categorical=("c",), dates=("d",))
        schema = Schema.from_json(
            schema.to_json() | {"notations": {"n": {"decimal": ","}, "d": {"date_format": "%d.%m.%y"}}}
        )
        deciles = [float(step) + 0.5 for step in range(11)]
        profile = {
            "n": {"quantiles": deciles, "missing_share": 0.25},
            "d": {"quantiles": [15_000.0] * 11, "missing_share": 0.0},
            "c": {"top": [["b", 0.75], ["a", 0.25]], "rest_share": 0.0, "distinct": 2, "missing_share": 0.0},
        }
        number, empty, level, day = make_fields(schema, profile)
        assert (number.usual, number.hint) == ("5,5", "usually 1,5 to 9,5; 25\u00a0% missing")
        assert empty == Field("empty", "number")
        assert (level.usual, level.levels, level.is_list) == ("b", ("b", "a"), True)
        assert (day.usual, day.hint) == ("26.01.11", "usually 26.01.11 to 26.01.11")

    def test_a_time_keeps_its_hour_and_all_of_a_field_is_in_one_notation(self):
        schema = Schema("hour", "y", Task.BINARY, dates=("hour",))
        # The first decile is midnight, which alone would be written as a day.
        deciles = [15_000.0 + step / 24 for step in (0, 0, 3, 5, 7, 9, 11, 13, 17, 21, 23)]
        (field,) = make_fields(schema, {"hour": {"quantiles": deciles, "missing_share": 0.0}})
        assert field.usual == "2011-01-26 09:00:00"
        assert field.hint == "usually 2011-01-26 00:00:00 to 2011-01-26 21:00:00"
        schema = replace(schema, time_format="%d/%m/%Y %H:%M")
        (field,) = make_fields(schema, {"hour": {"quantiles": deciles, "missing_share": 0.0}})
        assert (field.usual, field.hint) == ("26/01/2011 09:00", "usually 26/01/2011 00:00 to 26/01/2011 21:00")


class TestDocs:
    def test_the_page_says_what_the_document_says(self, client):
        document, page = client.get("/openapi.json").json(), client.get("/docs").text
        for path, methods in document["paths"].items():
            for method, told in methods.items():
                assert f"<code>{method.upper()} {path}</code>" in page
                assert told["summary"] in unescape(page)
        for name, shape in document["components"]["schemas"].items():
            assert f'id="{name}"' in page
            for field in shape.get("properties", {}):
                assert f'<th scope="row">{field}' in page

    def test_the_example_of_a_label_is_one_that_the_stream_may_have(self):
        path, shape = {"requestBody": {"content": {"application/json": {"schema": {}}}}}, {"schemas": {}}
        told = {"post": path | {"summary": "", "responses": {}}}
        document = {"paths": {"/feedback": told}, "components": shape, "info": {"description": ""}, "openapi": "3"}
        (route,) = describe_document(document, "http://x", "it's")["routes"]
        sent = shlex.split(route.example)[-1]
        assert json.loads(sent)["labels"][0]["label"] == "it's"


class TestPolicy:
    @pytest.mark.parametrize("route", PAGES[1:])
    def test_no_page_of_its_own_has_a_script_or_asks_for_another_host(self, client, route):
        page = client.get(route)
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'self'" in policy
        assert "script-src" not in policy
        assert "<script" not in page.text
        assert not re.findall(r'(?:src|href|action)="(?!/|#)[^"]*"', page.text)

    def test_a_browser_brings_the_key_as_a_password(self, learned):
        with open_service(learned, key=b"s3:cret") as (_, client):
            for route in PAGES:
                refused = client.get(route)
                assert refused.status_code == 401
                assert refused.headers["www-authenticate"].startswith('Basic realm="Pointsman"')
            for typed, status in (("anybody:s3:cret", 200), (":s3:cret", 200), ("s3:cret", 401), ("x:", 401)):
                header = {"authorization": f"Basic {base64.b64encode(typed.encode()).decode()}"}
                assert client.get("/try", headers=header).status_code == status, typed


@pytest.mark.slow
def test_a_browser_shows_the_report_when_it_is_there_and_tries_a_row(linear_stream, tmp_path):
    """The page that waits becomes the report by itself; then a row is typed, sent and answered, without a script."""
    folder = small_stream.copy(linear_stream, tmp_path / "copy")
    with start(folder) as (_, client), start_browser() as browser:
        url, patience = str(client.base_url), 1000 * PATIENCE
        with open_page(browser, f"{url}/", own=url) as page:
            page.wait_for_selector("#live", timeout=patience)
            kept = load_kept(folder / "state" / "report").mark.generation
            assert kept == client.get("/ready").json()["generation"]
            strip = "document.getElementById('live').contentDocument?.body?.innerText"
            wait_until(page, f"{strip}?.includes('last hour')", PATIENCE)
        with open_page(browser, f"{url}/try", own=url) as page:
            page.fill("[name=in-PREMIUM]", "1234.5")
            page.fill("[name=in-MAKE]", MARKED)
            with page.expect_navigation():
                page.evaluate("document.querySelector('form').submit()")
            assert "Answered by" in page.locator("#answer").inner_text()
            assert page.locator("[name=in-PREMIUM]").input_value() == "1234.5"
            assert page.locator("[name=in-MAKE]").input_value() == MARKED
        for width, scheme in ((390, "light"), (1200, "dark"), (1200, "light")):
            for route in ("/", "/try", "/docs"):
                look = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
                with open_page(browser, f"{url}{route}", own=url, **look) as page:
                    apart = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                    assert page.evaluate(apart) <= 0
                    seen = "[...document.querySelectorAll('table, pre')].filter((one) => one.checkVisibility())"
                    assert page.evaluate(f"{seen}.filter((one) => one.scrollWidth > innerWidth).length") == 0
                    assert find_barriers(page) == []
        with open_page(browser, f"{url}/docs", own=url) as page:
            assert page.locator("section").count() > 6


@pytest.mark.slow
def test_long_names_and_levels_widen_no_form(tmp_path):
    word = "x" * 5_000
    field = Field(word, "level", word, f"most often {word}", (word,), is_list=True)
    facts = {"target": word, "generation": 1, "prefix": PREFIX, "most_text": 9_000, "url": "http://localhost"}
    typed = Field("typed", "level", word, f"most often {word}", (word,))
    answer = {"predict": word, "probability": {word: 0.5}, "positive": None, "version": "tree-0001", "choice": "none"}
    answer |= {"reason": "selected", "meaning": "chosen", "kind": "clean", "members": {}, "expected": None}
    reasons = (Effect(word, word, 0.5),)
    outcome = Outcome(**answer, effects=reasons, alarm=None, warnings=(word,), row=json.dumps({word: word}))
    known = {"fields": (field, typed), "typed": {word: word}, "outcome": outcome, "problem": f"{word} is no level."}
    page = tmp_path / "page.html"
    page.write_bytes(show_page("trial.html", **facts, **known).body)
    with start_browser() as browser:
        for width in (390, 1280):
            with open_page(browser, page.as_uri(), viewport={"width": width, "height": 800}) as opened:
                opened.click("summary")
                assert opened.evaluate("document.documentElement.scrollWidth") == width
                assert opened.locator("label .cut").first.get_attribute("title") == word
                assert opened.locator("table").bounding_box()["width"] <= width
