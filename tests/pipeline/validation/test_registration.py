"""Enrolment where things go wrong: champions that cannot learn, candidates that fail, wrong answers that cost."""

from types import SimpleNamespace

import numpy as np
import pytest

from pointsman.common.config import Config
from pointsman.common.errors import DataError
from pointsman.common.task import Task
from pointsman.common.thresholds import Threshold
from pointsman.common.workers import Workers
from pointsman.meta.past import stack_records
from pointsman.meta.threshold import tune
from pointsman.model_zoo.candidate import Candidate
from pointsman.pipeline.training.newcomers import count_from, enter_newcomers, group_outputs, list_entries
from pointsman.pipeline.validation.registration import assign_champion
from pointsman.registry.contender import Contender, Origin
from pointsman.registry.generations import Generation, Member, Role
from tests.meta.made_records import LINES, make_records

PAST = stack_records(make_records(3), LINES)


def make_member(line, role=Role.ACTIVE):
    return Member(SimpleNamespace(line=line, id=line), role)


def test_a_chosen_champion_keeps_the_crown():
    members = [make_member("poor", Role.CHAMPION), make_member("good")]
    assert assign_champion(members, PAST) == members


def test_where_the_chosen_champion_could_not_learn_the_best_of_the_rest_serves():
    champions_before = assign_champion([make_member("poor"), make_member("good"), make_member("robust")], PAST)
    assert [member.version.line for member in champions_before if member.role is Role.CHAMPION] == ["good"]


def test_where_nobody_could_learn_the_user_is_told():
    with pytest.raises(DataError, match="No model could be trained on this batch"):
        assign_champion([], PAST)


def test_a_candidate_that_cannot_be_fitted_is_left_out(monkeypatch):
    def enter(_ground, candidate, name, origin, _sheets):
        if candidate.family == "tree":
            raise ValueError("too deep")
        return Contender(name, origin, candidate, None, {1: np.zeros((2, 2))})

    monkeypatch.setattr("pointsman.pipeline.training.newcomers.enter_newcomer", enter)
    standing = [Candidate("linear", "onehot"), Candidate("tree", "onehot"), Candidate("prior", "native")]
    crew = Workers().share(None)
    newcomers = enter_newcomers(crew, list_entries(Generation(), [*standing, standing[0]], [], [], [], first_number=4))
    assert [one.name for one in newcomers] == ["linear-0004", "prior-0006"]
    resting = [standing[0].key]
    rested = list_entries(Generation(), standing, [], resting, [], 4)
    assert [one.name for one in enter_newcomers(crew, rested)] == ["prior-0005"]
    assert count_from(4, newcomers) == 7
    assert count_from(4, []) == 4
    assert {one.origin for one in newcomers} == {Origin.PORTFOLIO}
    assert sorted(group_outputs(newcomers)[1]) == ["linear-0004", "prior-0006"]


def test_thresholds_follow_the_cost_of_wrong_answers():
    generator = np.random.default_rng(0)
    shares = generator.random(4_000)
    target = (generator.random(4_000) < shares).astype(float)
    outputs = np.column_stack([1 - shares, shares])

    def tuned(false_positive, false_negative):
        costs = {"false_positive": false_positive, "false_negative": false_negative}
        config = Config.model_validate(
            {"schema": {"time": "t", "target": "y"}, "training": {"decision": "cost", "costs": costs}}
        )
        return tune(config, Task.BINARY, target, outputs).least

    assert tuned(1, 9) == pytest.approx(0.1, abs=0.07)
    assert tuned(9, 1) == pytest.approx(0.9, abs=0.07)
    config = Config.model_validate({"schema": {"time": "t", "target": "y"}})
    assert tune(config, Task.REGRESSION, target, target[:, None]) == Threshold()
