"""What is monitored: the gauges are what the catalogue says, and the dashboard asks for nothing that is not there."""

import json
import re
from dataclasses import replace

import pytest
import small_stream
import sqlalchemy as sa
from open_services import open_service
from prometheus_client.parser import text_string_to_metric_families

from pointsman.common.storage.catalogue import Draft, read_rows, utc_now
from pointsman.meta.fitting import name_served
from pointsman.meta.label_tables import settlements_table
from pointsman.meta.tables import records_table
from pointsman.pipeline.api.facts import GenerationFacts, load_facts
from pointsman.pipeline.api.judgement import GRADES, Judgement
from pointsman.pipeline.api.recent import MINUTES, Recent
from pointsman.pipeline.drift.tables import alarms_table, drift_tests_table
from pointsman.pipeline.reporting.health.finding import Level
from pointsman.pipeline.reporting.health.reading import read_facts
from pointsman.pipeline.reporting.health.rules import RULES, judge_health
from pointsman.registry.generations import load_generation
from pointsman.registry.tables import generations_table

DASHBOARD = small_stream.ROOT / "deploy" / "grafana.json"


def read_samples(client):
    """The newest number of every metric, by its name and labels."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(one.name, *sorted(one.labels.values())): one.value for family in families for one in family.samples}


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


class TestRecent:
    def test_the_last_hour_is_added_up_and_what_is_older_is_forgotten(self):
        clock = Clock()
        recent = Recent(clock)
        recent.add_request(200, 0.01)
        recent.add_rows({("a-1", "selected"): 3, ("a-1", "fallback:sparse"): 1}, 0.5)
        clock.seconds = 1800
        recent.add_request(503, 1.0)
        recent.add_rows({("b-2", "champion"): 4}, None)
        hour = recent.summarise()
        assert (hour.requests, hour.failed, hour.rows) == (2, 1, 8)
        assert (hour.fallback_share, hour.expected_loss) == (1 / 8, 0.5)
        assert (hour.median_seconds, hour.slow_seconds) == (pytest.approx(0.01, rel=0.12), pytest.approx(1.0, rel=0.12))
        clock.seconds = 3660
        later = recent.summarise()
        assert (later.requests, later.rows, later.fallback_share, later.expected_loss) == (1, 4, 0.0, None)
        clock.seconds = 9999
        assert recent.summarise() == type(later)(0, 0, 0, None, None, None, None)

    def test_it_holds_no_more_than_a_bucket_a_minute(self):
        clock = Clock()
        recent = Recent(clock)
        for minute in range(3 * MINUTES):
            clock.seconds = 60 * minute
            recent.add_request(200, 0.001)
        assert recent.summarise().requests == MINUTES == len(recent._minutes)


class TestGauges:
    @pytest.fixture
    def folder(self, learned, tmp_path):
        return small_stream.copy(learned, tmp_path / "copy")

    def test_they_are_what_the_catalogue_says(self, folder):
        with small_stream.opened(folder, small_stream.LINEAR) as (_, state):
            generation, engine = load_generation(state), state.engine
            newest = read_rows(engine, sa.select(sa.func.max(drift_tests_table.c.batch).label("batch")))[0]["batch"]
            draft = Draft(generation.number)
            add_alarm, add_delay = {"batch": newest, "rank": 99}, {"batch": 99, "gap": "0s", "labels": 5, "rows": 0}
            told = {"drift": "concept", "column": "", "aspects": [], "p_value": 1e-6, "damage": None, "since": {}}
            draft.add(alarms_table, [add_alarm | told])
            draft.add(settlements_table, [add_delay | {"delays": [60.0] * 11, "clock": None, "maturity": {}}])
            draft.commit(engine)
            of_line = records_table.c.line == generation.production.line
            records = read_rows(
                engine, sa.select(records_table).where(of_line, records_table.c.origin == "prequential")
            )
            at = read_rows(engine, sa.select(sa.func.max(generations_table.c.created_at).label("at")))[0]["at"]
            tests = read_rows(engine, sa.select(drift_tests_table).where(drift_tests_table.c.batch == newest))
        with open_service(folder) as (_, client):
            samples = read_samples(client)
        alarms = {name[1]: number for name, number in samples.items() if name[0] == "pointsman_drift_alarms"}
        assert alarms == {kind: float(kind == "concept") for kind in {one["drift"] for one in tests}}
        assert samples[("pointsman_label_delay_seconds",)] == 60
        loss = max(records, key=lambda one: one["batch"])["losses"]["clean"]
        assert samples[("pointsman_production_loss",)] == pytest.approx(loss)
        assert samples[("pointsman_last_update_timestamp_seconds",)] == pytest.approx(
            (at - type(at)(1970, 1, 1)).total_seconds(), abs=1e-3
        )

    def test_the_chance_is_that_of_the_least_probable_of_all_tests_of_a_kind(self, folder):
        with small_stream.opened(folder, small_stream.LINEAR) as (_, state):
            generation = load_generation(state)
            draft = Draft(generation.number)
            for part, chance in enumerate((0.5, 0.1, None)):
                row = {"batch": 99, "drift": "data", "column": "x", "aspect": "y", "part": part, "score": 1.0}
                more = {"error": 0.0, "p_value": chance, "alarm": False, "kept": None}
                draft.add(drift_tests_table, [row | more])
            draft.commit(state.engine)
            facts = load_facts(state, generation)
        assert facts.drift_chances == {"data": pytest.approx(1 - 0.9**2)}
        assert facts.drift_alarms == {"data": 0}

    def test_rows_of_requests_make_the_share_of_fallbacks_and_the_expected_loss(self, learned, rows):
        with open_service(learned) as (service, client):
            assert ("pointsman_fallback_ratio",) not in read_samples(client)
            answered = client.post("/predict", json=rows[:8]).json()
            samples, hour = read_samples(client), service.metrics.recent.summarise()
        fallen = [row for row in answered["rows"] if row["reason"].startswith("fallback")]
        assert samples[("pointsman_fallback_ratio",)] == len(fallen) / 8
        expected = answered["expected"] and answered["expected"]["loss"]
        assert samples.get(("pointsman_expected_loss",)) == hour.expected_loss == expected

    def test_what_cannot_be_read_keeps_nothing_from_serving(self, learned, rows, monkeypatch, caplog):
        monkeypatch.setattr("pointsman.pipeline.api.current.load_facts", lambda *_: 1 / 0)
        with open_service(learned) as (service, client):
            assert client.post("/predict", json=rows[0]).status_code == 200
            assert service.metrics.facts == GenerationFacts()
        assert any("figures of generation" in line for line in caplog.messages)


class TestDashboard:
    def test_every_metric_that_it_queries_exists(self, client):
        client.get("/health")  # a histogram has no buckets before there was a request
        told = client.get("/metrics").text
        known = set(re.findall(r"^# HELP (\S+)", told, re.MULTILINE)) | set(
            re.findall(r"^(\w+)[{ ]", told, re.MULTILINE)
        )
        board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
        asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
        asked += [one["query"]["query"] for one in board["templating"]["list"] if one["type"] == "query"]
        named = {name for one in asked for name in re.findall(r"\b(?:pointsman|process)_\w+", one)}
        assert len(named) > 12
        assert named <= known

    def test_what_is_asked_of_monitoring_is_on_it(self):
        told = DASHBOARD.read_text(encoding="utf-8")
        for name in ("drift_p_value", "drift_alarms", "expected_loss", "fallback_ratio", "label_delay_seconds"):
            assert f"pointsman_{name}" in told
        assert "time() - max(pointsman_last_update_timestamp_seconds" in told

    def test_panels_do_not_lie_on_each_other(self):
        board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
        covered = [
            (x, y)
            for place in (panel["gridPos"] for panel in board["panels"])
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        assert len(covered) == len(set(covered))
        assert max(x for x, _ in covered) < 24
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


class TestHealth:
    def test_every_rule_has_a_grade_and_the_worst_is_the_verdict(self, learned):
        with small_stream.opened(learned, small_stream.LINEAR) as (config, state):
            generation = name_served(state, load_generation(state), config.selection.mode)
            verdict = judge_health(read_facts(state, config, generation, utc_now()))
        with open_service(learned) as (_, client):
            samples = read_samples(client)
        grades = {name[1]: number for name, number in samples.items() if name[0] == "pointsman_health"}
        assert len(grades) == len(RULES)
        assert max(grades.values()) == GRADES[verdict.level]
        assert sum(number > 0 for number in grades.values()) == sum(
            one.level is not Level.GREEN for one in verdict.findings
        )

    def test_it_is_judged_for_each_generation_and_once_a_minute(self, learned):
        clock = Clock()
        with small_stream.opened(learned, small_stream.LINEAR) as (config, state):
            generation = load_generation(state)
            judgement = Judgement(config, state, clock)
            assert judgement.judge(generation)["serves"] == 0
            clock.seconds = 59
            assert judgement.judge(generation) is None
            assert judgement.judge(replace(generation, number=generation.number + 1)) is not None
            clock.seconds = 130
            assert judgement.judge(generation)

    def test_what_cannot_be_judged_is_not_shown_and_serves_all_the_same(self, learned, rows, monkeypatch, caplog):
        monkeypatch.setattr("pointsman.pipeline.api.judgement.read_facts", lambda *_: 1 / 0)
        with open_service(learned) as (_, client):
            assert client.post("/predict", json=rows[0]).status_code == 200
            assert not [name for name in read_samples(client) if name[0] == "pointsman_health"]
        assert any("health cannot be judged" in line for line in caplog.messages)

    def test_the_dashboard_shows_it(self):
        told = DASHBOARD.read_text(encoding="utf-8")
        assert "max(pointsman_health{" in told
        assert "max by (rule) (pointsman_health{" in told
