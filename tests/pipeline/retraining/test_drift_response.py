"""Responses: what alarms set off, in words and in deeds."""

import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pointsman.pipeline.update  # noqa: F401  (registers every table before the catalogue is created)
from pointsman.common.config import ResponseConfig
from pointsman.common.performance import Stopwatch
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import open_state
from pointsman.common.task import Task
from pointsman.pipeline.drift.detection import DriftFound
from pointsman.pipeline.drift.reference_models import RECENT
from pointsman.pipeline.drift.sketch import Sketch
from pointsman.pipeline.drift.tables import responses_table
from pointsman.pipeline.drift.verdict import Drift, DriftAlarm, DriftTest
from pointsman.pipeline.retraining.drift_response import (
    MOST_REVIVED,
    answer_alarms,
    describe_alarms,
    describe_revival,
    describe_shortened,
    drop_unlearned,
    load_earlier_champions,
    postpone,
    response_rows,
    shorten_window,
)
from pointsman.pipeline.retraining.trigger import trains_now
from pointsman.registry.contender import FALLBACK_FAMILY, Contender, Origin
from pointsman.registry.generations import Generation, Member, Role
from pointsman.registry.update_run import UpdateRun
from tests.registry.made_versions import commit, make_config, make_version

AGE = DriftAlarm(Drift.DATA, "age", ("spread", "location"), 1e-6, 0.2, {})
JOINT = DriftAlarm(Drift.DATA, "", ("all columns together",), 1e-5, 0.1, {})
TURN = DriftAlarm(Drift.CONCEPT, "", ("slope",), 1e-7, 0.5, {"ADWIN": "2020-02-02", "Page-Hinkley": "2020-02-01"})


def find(*alarms, batch=7):
    return DriftFound(batch, Sketch(1, {}), (), (), alarms)


@pytest.fixture
def state(tmp_path):
    with open_state(make_config(tmp_path)) as opened:
        yield opened


def crown(*versions):
    return tuple(Member(one, Role.ACTIVE if place else Role.CHAMPION) for place, one in enumerate(versions))


def test_alarms_set_off_what_the_configuration_names_for_their_kind_and_warn_once_each(caplog):
    config = ResponseConfig(data=("warn", "search"), concept=("warn", "retire"))
    with caplog.at_level(logging.WARNING):
        both = answer_alarms(config, find(AGE, TURN))
    assert len(caplog.records) == 2
    assert {action: drift for action, (drift, _) in both.causes.items()} == {
        "warn": Drift.CONCEPT,
        "retire": Drift.CONCEPT,
        "search": Drift.DATA,
    }
    assert set(answer_alarms(config, find(AGE)).causes) == {"warn", "search"}
    assert answer_alarms(config, find()).causes == {}
    silent = answer_alarms(ResponseConfig(data=(), concept=()), find(AGE, TURN))
    assert not silent.calls_for("warn")


def test_only_what_was_called_for_is_recorded_with_its_cause():
    answers = answer_alarms(ResponseConfig(), find(AGE))
    rows = response_rows(7, answers.record({"warn": "logged", "search": "20 trials", "retire": "nobody"}))
    assert [(row["position"], row["action"], row["outcome"]) for row in rows] == [
        (0, "warn", "logged"),
        (1, "search", "20 trials"),
    ]
    assert {(row["batch"], row["drift"], row["cause"]) for row in rows} == {(7, "data", describe_alarms(7, [AGE]))}
    postponed = {one.action: one.outcome for one in postpone(answers)}
    assert postponed == {"warn": "logged", "search": "not done, since no model learned the batch"}


def test_a_sentence_names_the_worst_columns_and_counts_the_rest():
    many = [replace(AGE, column=f"column {number}") for number in range(5)]
    told = describe_alarms(7, many)
    assert told.startswith("data drift in batch 7, unlike anything that was learned: 'column 0' (spread, location; ")
    assert "and 2 more" in told
    assert "column 3" not in told
    assert "all columns together" in describe_alarms(7, [JOINT])


def test_a_sentence_on_the_concept_names_classes_and_the_first_day_of_the_change():
    told = describe_alarms(7, [TURN, replace(TURN, column="late", aspects=("level", "slope"))])
    assert "outcomes of 'late' no longer follow" in told
    assert "(slope and level)" in told
    assert told.endswith("changed from 2020-02-01 on")
    assert "changed from" not in describe_alarms(7, [replace(TURN, since={})])


def test_the_champion_learns_the_newest_batch_alone_while_a_change_is_young(state):
    before = Generation(number=1, members=crown(make_version(1)))
    config = ResponseConfig()
    calm = answer_alarms(config, find(batch=7))
    assert shorten_window(state, before, calm) == []
    now = answer_alarms(config, find(TURN, batch=7))
    (short,) = shorten_window(state, before, now)
    assert (short.window, short.family) == (1, "linear")
    assert describe_shortened([short]).endswith("last 1/masked competes")
    draft = Draft(1)
    draft.add(responses_table, response_rows(7, now.record({"shorten": "x"})))
    draft.commit(state.engine)
    young = [bool(shorten_window(state, before, answer_alarms(config, find(batch=batch)))) for batch in range(8, 12)]
    assert young == [batch < 7 + RECENT for batch in range(8, 12)]


def test_nobody_shortens_a_window_that_was_not_asked_for(state):
    before = Generation(number=1, members=crown(make_version(1)))
    warned = answer_alarms(ResponseConfig(concept=("warn",)), find(TURN, batch=7))
    draft = Draft(1)
    draft.add(responses_table, response_rows(7, warned.record({"warn": "logged"})))
    draft.commit(state.engine)
    assert shorten_window(state, before, warned) == []
    assert shorten_window(state, before, answer_alarms(ResponseConfig(), find(batch=8))) == []


def test_the_fallback_and_an_empty_state_have_no_window(state):
    now = answer_alarms(ResponseConfig(), find(TURN))
    fallback = Generation(number=1, members=crown(make_version(1, FALLBACK_FAMILY)))
    assert shorten_window(state, fallback, now) == shorten_window(state, Generation(), now) == []
    assert "fallback" in describe_shortened([])


def test_champions_of_before_that_serve_no_more_are_tried_spread_over_the_past(state):
    assert load_earlier_champions(state, Generation()) == []
    for number in range(1, 13):
        family = FALLBACK_FAMILY if number == 3 else "linear"
        version = make_version(number, family, masked=False)
        after = Generation(number=number, parent=number - 1 or None, batch=number, members=crown(version))
        champion = commit(state, after, [version])
    tried = [version.number for version in load_earlier_champions(state, champion)]
    assert len(tried) == MOST_REVIVED
    assert tried == sorted(tried)
    assert (tried[0], tried[-1]) == (1, 11)
    assert 3 not in tried


def test_what_came_back_is_named():
    versions = [make_version(1), make_version(2)]
    assert describe_revival([], []) == "there is no champion of an earlier regime yet"
    assert "none beat today's" in describe_revival(versions, [])
    told = describe_revival(versions, versions[:1])
    assert versions[0].id in told
    assert versions[1].id not in told


def test_whoever_does_not_learn_is_retired_and_kept_lines_learn():
    learner = Contender("a", Origin.KEPT, make_version(1).candidate, make_version(1), {})
    recalled = Contender("b", Origin.KEPT, make_version(2).candidate, make_version(2, origin="recall"), {})
    newcomer = Contender("c", Origin.RECALL, make_version(3).candidate, None, {})
    modes = {"a": Origin.KEPT, "d": Origin.UPDATE}
    contenders, learned = drop_unlearned([learner, recalled, newcomer], modes)
    assert [one.name for one in contenders] == ["a", "c"]
    assert learned == {"a": Origin.REFIT, "d": Origin.UPDATE}


def take(config, state, before):
    """The run of a batch that comes after a generation."""
    return UpdateRun(config, state, before, Schema("t", "y", Task.BINARY, ("0", "1")), 2, Stopwatch(), Draft(2))


def test_the_first_batch_is_learned_under_any_policy_and_drift_where_it_is_asked_for(state):
    config = make_config(state.folder)
    never = config.model_copy(update={"response": ResponseConfig(retrain="never")})
    drift = config.model_copy(update={"response": ResponseConfig(retrain="drift")})
    every = config.model_copy(update={"response": ResponseConfig(retrain="every", every=1)})
    before = Generation(number=1, members=crown(make_version(1)))
    assert trains_now(take(never, state, Generation()), find(), [])
    assert not trains_now(take(never, state, before), find(AGE, TURN), [])
    judged = DriftTest(Drift.DATA, "age", "spread", 1, 0.9, 0.0, 0.4, False, 0.9)
    calm, moved, turned = (replace(one, tests=(judged,)) for one in (find(), find(AGE), find(TURN)))
    assert [trains_now(take(drift, state, before), one, []) for one in (calm, moved, turned)] == [False, True, True]
    assert trains_now(take(drift, state, before), find(), []), "as long as nothing can be judged, batches are learned"
    assert trains_now(take(every, state, before), find(), [])


@given(st.lists(st.sampled_from([AGE, JOINT, TURN]), max_size=6))
def test_every_cause_is_one_sentence_on_its_own_kind(alarms):
    answers = answer_alarms(ResponseConfig(data=("search",), concept=("revive",)), find(*alarms))
    assert answers.calls_for("search") == (AGE in alarms or JOINT in alarms)
    assert answers.calls_for("revive") == (TURN in alarms)
    for drift, sentence in answers.causes.values():
        assert sentence.startswith(f"{drift.value} drift in batch 7")
