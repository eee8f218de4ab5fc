"""Facts are what the catalogue says, read without any library of learning or drawing."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from made_state import FIRST_DAY, ROWS, MadeState

from pointsman.common.config import Config
from pointsman.common.storage.state import open_state
from pointsman.common.task import Task
from pointsman.meta.label_tables import labels_table
from pointsman.meta.tables import decisions_table, estimates_table
from pointsman.pipeline.reporting.health.answers import add_up
from pointsman.pipeline.reporting.health.commands import name_place
from pointsman.pipeline.reporting.health.facts import Drifted, Estimated, Labels, Paired
from pointsman.pipeline.reporting.health.reading import read_facts
from pointsman.pipeline.reporting.health.rivals import BatchLoss, compare, find_default, find_prior
from pointsman.registry.generations import load_generation
from pointsman.registry.versions import load_manifest

ROOT = Path(__file__).resolve().parents[4]
LATER = FIRST_DAY + timedelta(days=100)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> MadeState:
    return MadeState(tmp_path_factory.mktemp("facts"), mixes=True).add(4).answer(110).answer(60)


def read(made: MadeState, now=LATER):
    with open_state(made.config) as state:
        return read_facts(state, made.config, load_generation(state), now)


def test_facts_are_read_without_pandas_matplotlib_or_learners():
    code = (
        "import sys, pointsman.pipeline.reporting.health.reading, pointsman.pipeline.reporting.health.rules; "
        "heavy = ('pandas', 'scipy', 'sklearn', 'lightgbm', 'matplotlib', 'jinja2', 'shap'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_plain_models_are_those_of_all_rows():
    plain, narrow = ({"literal": True}, 9_000), ({"literal": True}, 4_000)
    made = [("lightgbm", *narrow), ("prior", {}, 10), ("lightgbm", {}, 20_000), ("lightgbm", *plain), ("prior", {}, 20)]
    versions = [SimpleNamespace(family=family, params=params, rows=rows) for family, params, rows in made]
    assert find_default(versions) is versions[3]
    assert find_prior(versions) is versions[4]
    assert find_default(versions[1:3]) is None


def test_what_serves_and_against_whom(made):
    facts = read(made)
    assert facts.serving.id == "ensemble-0104"
    assert facts.serving.answerers == ("ensemble-0104", "prior-0008", "linear-0007")
    assert (facts.serving.champion, facts.serving.tested_on, facts.serving.pinned_by) == ("linear-0007", 4, "")
    champion, prior = facts.rivals
    assert (champion.of, champion.version, champion.batches) == ("champion", "linear-0007", 3)
    assert (prior.of, prior.batches, prior.mean) == ("prior", 3, pytest.approx(-0.2))
    assert [one.group for one in facts.grades] == ["clean", "damaged"]
    assert facts.grades[0].difference == pytest.approx(-0.02)


def test_answers_their_fallbacks_and_what_they_cost(made):
    facts = read(made)
    assert (facts.answered.generation, facts.answered.requests, facts.answered.rows) == (4, 2, 170)
    assert facts.answered.fallbacks == {"fallback:sparse": 20}
    assert facts.answered.example in ("request-110", "request-60")
    assert (facts.ledger.entries, facts.ledger.rows) == (3, 90)
    assert (facts.ledger.served, facts.ledger.champion) == (pytest.approx(0.4), pytest.approx(0.5))
    assert add_up([(10, 0.5, 0.4)] * 3, Task.BINARY).error == pytest.approx(0)


def test_what_numbers_cost_is_told_in_their_own_unit_over_all_rows():
    ledger = add_up([(10, 4.0, 1.0), (30, 16.0, 1.0), (0, 9.0, 9.0)], Task.REGRESSION)
    assert (ledger.served, ledger.champion) == (pytest.approx(13**0.5), 1.0)
    assert add_up([(0, 1.0, 1.0)], Task.BINARY).rows == 0


def test_the_batches_their_period_and_what_drifted(made):
    facts = read(made)
    assert (facts.batches.accepted, facts.batches.newest, facts.batches.refused) == (4, 4, 0)
    assert (facts.batches.rows, facts.batches.held, facts.batches.breaches) == (ROWS, 5, 0)
    assert facts.age.period_days == 28
    assert facts.drifted == (Drifted(4, "data", ("worth",), ("search: 20 trials",)),)


def test_labels_are_due_by_the_time_by_which_earlier_ones_came(tmp_path):
    made = MadeState(tmp_path).add(2).answer(110, at=FIRST_DAY).answer(60, at=LATER - timedelta(days=10))
    assert read(made).labels == Labels(365, 0, 0, True), "one of four labels came later than all others"
    with open_state(made.config) as state, state.engine.begin() as connection:
        connection.execute(sa.text('UPDATE settlements SET maturity = \'{"2020-01": {"30": 9}}\''))
        one = {"request": "request-110", "label": "1", "origin": "x"}
        connection.execute(sa.insert(labels_table), [one | {"position": position} for position in (0, 0, 1)])
    assert read(made).labels == Labels(30, 110, 2, True), "a corrected label counts once"


def test_an_estimate_of_the_newest_batch_by_what_was_chosen(tmp_path):
    made = MadeState(tmp_path).add(2)
    numbers = {"estimated": 0.5, "lower": 0.4, "upper": 0.6, "realised": 0.7}
    known = {"generation": 2, "batch": 2, "request": "", "rows": 9, "covered": False, **numbers}
    with open_state(made.config) as state, state.engine.begin() as connection:
        rows = [known | {"answerer": who, "measure": what} for who, what in (("plan", "log_loss"), ("x", "log_loss"))]
        connection.execute(sa.insert(estimates_table), rows)
    assert read(made).estimated == Estimated(2, **numbers)


def test_requests_that_an_earlier_generation_answered_are_told_from_those_of_now(tmp_path):
    made = MadeState(tmp_path).add(2).answer(110, at=FIRST_DAY)
    assert (read(made).answered.is_now, read(made).answered.since) == (True, FIRST_DAY)
    made.add(1)
    answered = read(made).answered
    assert (answered.generation, answered.is_now) == (2, False)


def test_columns_that_requests_lack(tmp_path):
    made = MadeState(tmp_path).add(2).answer(110)
    shares = {"shares": {"age": [1.0, 0.0, 0.0], "make": [0.0, 0.05, 0.0]}}
    with open_state(made.config) as state, state.engine.begin() as connection:
        connection.execute(sa.update(decisions_table).values(profile=shares, failures={"linear-0003": "ValueError: x"}))
    answered = read(made).answered
    assert [(one.name, one.is_missing, one.share) for one in answered.damaged] == [("age", True, 1.0)]
    assert answered.failures == {"linear-0003": "ValueError: x"}


def test_a_version_whose_file_was_altered_or_lost_is_found(tmp_path):
    made = MadeState(tmp_path).add(2)
    assert read(made).broken == {}
    with open_state(made.config) as state:
        champion = load_generation(state).champion
        stored = sorted(load_manifest(state.files, champion.manifest).items())
        path = state.files.path(stored[0][1])
        path.write_bytes(b"altered")
    broken = read(made).broken
    assert "was altered" in broken[champion.id]
    path.unlink()
    assert "is missing" in read(made).broken[champion.id]


def test_who_pinned_a_model_is_found_behind_later_updates(tmp_path):
    made = MadeState(tmp_path).add(2)
    made.generation = replace(made.generation, pinned=made.generation.champion.line)
    made.add(2)
    with open_state(made.config) as state, state.engine.begin() as connection:
        connection.execute(sa.text("UPDATE generations SET who = 'ann', why = 'so' WHERE number = 3"))
    serving = read(made).serving
    assert (serving.pinned_by, serving.pinned_why) == ("ann", "so")


def test_comparisons_need_batches_that_both_predicted():
    assert compare("prior", "prior-1", {1: BatchLoss(0.5, 9)}, {2: BatchLoss(0.5, 9)}, Task.BINARY) is None
    own, other = (dict.fromkeys(range(3), BatchLoss(loss, 9)) for loss in (0.6, 0.5))
    three = compare("prior", "prior-1", own, other, Task.BINARY)
    assert three == Paired("prior", "prior-1", 3, 0.2, 0.0, 2, 0.2)


def test_comparisons_pool_rows_and_tell_numbers_in_their_own_unit():
    own = {1: BatchLoss(4.0, 10), 2: BatchLoss(1.0, 90)}
    other = {1: BatchLoss(1.0, 10), 2: BatchLoss(1.0, 90)}
    assert compare("prior", "p", own, other, Task.BINARY).mean == pytest.approx(0.3)
    numbers = compare("prior", "p", own, other, Task.REGRESSION)
    assert (numbers.mean, numbers.newest) == (pytest.approx(1.3**0.5 - 1), 0.0)


def test_a_command_names_the_file_that_was_read_and_not_the_streams_name():
    config = Config.model_validate({"name": "claims", "schema": {"time": "day", "target": "paid"}})
    assert name_place(config.written_in("cfg/monthly.yaml")).update().endswith(" --config cfg/monthly.yaml")
    # config.yaml is found by itself, whatever the stream in it is called
    assert name_place(config.written_in("config.yaml")).update() == "python run.py update"


@pytest.mark.parametrize(
    ("stated", "update", "other"),
    [
        ({}, "", ""),
        ({"state_dir": "my state"}, " 'state_dir=my state'", " 'state_dir=my state'"),
        ({"name": "claims"}, " --config claims.yaml", " state_dir=state-claims"),
        ({"name": "claims", "state_dir": "s"}, " --config claims.yaml state_dir=s", " state_dir=s"),
    ],
)
def test_commands_lead_to_the_state(stated, update, other):
    typed = name_place(Config.model_validate(stated | {"schema": {"time": "day", "target": "paid"}}))
    assert typed.update() == f"python run.py update{update}"
    assert typed.other("models") == f"python run.py models{other}"
