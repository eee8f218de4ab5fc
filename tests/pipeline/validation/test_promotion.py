"""Promotion by records that are known."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from pointsman.common.task import Task
from pointsman.meta.past import PredictionHistory
from pointsman.model_zoo.candidate import Candidate
from pointsman.pipeline.validation.champions import is_surely_better
from pointsman.pipeline.validation.promotion import PromotionRules, promote
from pointsman.pipeline.validation.registration import _describe
from pointsman.registry.contender import Contender, Origin

ROWS, BATCHES = 120, 3


def enter(name, line=None, family="linear"):
    parent = SimpleNamespace(id=line, line=line, origin="refit") if line else None
    return Contender(name, Origin.SEARCH, Candidate(family, "onehot", {"name": name}), parent, {})


def remember(*losses, damaged=None, seed=0):
    """A regression's past in which each line's root mean square error is as told, on clean and on damaged parts."""
    generator = np.random.default_rng(seed)
    batch = np.repeat(np.arange(1, BATCHES + 1), 2 * ROWS)
    part = np.tile(np.repeat([0, 1], ROWS), BATCHES)
    signs = generator.choice([-1.0, 1.0], len(batch))
    errors = np.where(part[:, None] == 0, losses, damaged or losses) * signs[:, None]
    errors = errors * generator.normal(1, 0.1, errors.shape)
    n_lines = len(losses)
    known = np.ones(errors.shape, dtype=bool)
    return PredictionHistory(
        task=Task.REGRESSION,
        lines=tuple(f"line-{position}" for position in range(n_lines)),
        outputs=errors[:, :, None].astype(np.float32),
        known=known,
        target=np.zeros(len(batch)),
        kinds=np.zeros(len(batch), dtype=int),
        quality=np.zeros((len(batch), 9)),
        batch=batch,
        part=part,
        scale=1.0,
    )


def decide(contenders, past, champion=None, portfolio=(), max_active=8, damaged=None, **given):
    rules = PromotionRules(4.0, 0.9, max_active, champion, damaged, portfolio=portfolio, **given)
    return promote(contenders, past, rules)


def test_there_is_a_champion_for_clean_and_one_for_damaged_input():
    contenders = [enter("a"), enter("b"), enter("prior-1", family="prior")]
    outcome = decide(contenders, remember(0.5, 0.7, 1.0, damaged=(2.0, 0.8, 1.0)))
    assert (outcome.champion.name, outcome.robust_champion.name) == ("a", "b")
    assert "lowest decayed RMSE on 3 labelled batches" in outcome.reason


def test_the_batches_that_are_counted_are_those_in_the_champions_own_record():
    past = remember(0.5, 0.7, 1.0)
    past.known[past.batch < BATCHES, 0] = False
    outcome = decide([enter("young"), enter("b"), enter("prior-1", family="prior")], past)
    assert outcome.champion.name == "young"
    assert "lowest decayed RMSE on 1 labelled batch in its record" in outcome.reason


def test_the_reason_of_a_change_names_whom_it_replaces():
    outcome = decide([enter("old", "x-1"), enter("new")], remember(0.9, 0.5), champion="x-1")
    assert outcome.champion.name == "new"
    assert "below that of old" in outcome.reason
    assert [(one.contender, one.incumbent, one.comparison.outcome.value) for one in outcome.judged] == [
        ("new", "old", "better")
    ]


def test_a_lead_within_noise_is_a_tie_that_the_champion_of_before_wins():
    contenders = [enter("old", "x-1"), enter("new")]
    outcome = decide(contenders, remember(0.7004, 0.7), champion="x-1")
    assert outcome.champion.name == "old"
    lead = re.fullmatch(r"a tie: the (\S+) less RMSE of new is within noise, so old stays", outcome.reason)
    assert lead
    assert 0 < float(lead[1]) < 0.01
    assert decide(contenders, remember(0.7004, 0.7)).champion.name == "new"


def test_losses_in_a_reason_are_in_the_unit_of_the_target_by_the_name_that_readers_know():
    contenders, past = [enter("old", "x-1"), enter("new")], remember(90.0, 50.0)
    outcome = decide(contenders, replace(past, scale=8_000.0), champion="x-1")
    told = re.search(r"lowest decayed RMSE .*, (\S+), (\S+) below that of old", outcome.reason)
    assert told
    assert float(told[1]) == pytest.approx(50, rel=0.05)
    assert float(told[2]) == pytest.approx(40, rel=0.05)


def test_a_new_version_comes_with_its_rmse_in_the_unit_of_the_target():
    told = _describe(enter("line-0"), replace(remember(90.0, 50.0), scale=8_000.0))
    assert float(re.search(r"; RMSE (\S+) on 360 rows before it learned them", told)[1]) == pytest.approx(90, rel=0.05)


def test_batches_that_contradict_each_other_are_noise_however_sure_each_of_them_is():
    past = remember(0.7, 0.7)
    for batch, better in ((1, 1.5), (2, 0.4), (3, 0.4)):
        rows = past.batch == batch
        past.outputs[rows, 1] = past.outputs[rows, 0] * better
    contenders = [enter("old", "x-1"), enter("new")]
    assert [is_surely_better(past.take(past.batch == batch), 1, 0, 4.0, 0.9) for batch in (1, 2, 3)] == [
        False,
        True,
        True,
    ]
    assert not is_surely_better(past, 1, 0, 4.0, 0.9)
    assert decide(contenders, past, champion="x-1").champion.name == "old"


def test_the_champion_for_damaged_input_stays_in_a_tie_too():
    contenders = [enter("a", "a-1"), enter("b", "b-1"), enter("prior-1", family="prior")]
    tied = remember(0.5, 0.8, 1.0, damaged=(0.795, 0.8, 1.0))
    assert decide(contenders, tied, champion="a-1", damaged="b-1").robust_champion.name == "b"
    assert decide(contenders, tied, champion="a-1").robust_champion.name == "a"
    surely = remember(0.5, 0.8, 1.0, damaged=(0.5, 0.8, 1.0))
    assert decide(contenders, surely, champion="a-1", damaged="b-1").robust_champion.name == "a"


def test_a_line_without_common_rows_beats_nobody():
    past = remember(0.9, 0.3)
    past.known[past.batch < 3, 1] = False
    past.known[past.batch == 3, 0] = False
    assert not is_surely_better(past, 1, 0, 4.0, 0.9)


def test_a_champion_of_before_that_is_gone_holds_nobody_back():
    outcome = decide([enter("a", "a-1"), enter("b", "b-1")], remember(0.7, 0.7004), champion="gone-1")
    assert outcome.champion.name == "a"


def test_standing_lines_and_the_fallback_stay_whatever_their_record():
    contenders = [enter("a"), enter("stands"), enter("bad"), enter("prior-1", family="prior")]
    outcome = decide(contenders, remember(0.5, 3.0, 2.0, 1.0), portfolio={contenders[1].candidate.key})
    assert [one.name for one in outcome.active] == ["a", "stands", "prior-1"]


def test_of_the_others_the_best_records_stay_as_far_as_there_is_room():
    contenders = [enter(f"v{k}", f"v-{k}") for k in range(4)] + [enter("prior-1", "p-1", family="prior")]
    outcome = decide(contenders, remember(0.5, 0.8, 0.6, 0.7, 1.0), champion="v-0", max_active=3)
    assert [one.name for one in outcome.active] == ["v0", "v2", "prior-1"]
    assert {event.version for event in outcome.retired} == {"v-1", "v-3"}
    assert all("promotion.max_active" in event.reason for event in outcome.retired)


def test_a_line_worse_than_the_fallback_retires_with_that_reason():
    contenders = [enter("a", "a-1"), enter("bad", "bad-1"), enter("prior-1", "p-1", family="prior")]
    outcome = decide(contenders, remember(0.5, 1.5, 1.0), champion="a-1")
    assert [(event.version, "fallback" in event.reason) for event in outcome.retired] == [("bad-1", True)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_the_order_of_contenders_changes_nothing(order):
    names, losses = ("a", "b", "c"), (0.5, 0.6, 0.7)
    outcome = decide([enter(names[k]) for k in order], remember(*[losses[k] for k in order]))
    assert outcome.champion.name == "a"


def test_a_double_of_a_better_line_retires_and_leaves_its_place_to_another():
    past = remember(0.5, 0.6, 0.6004, 0.7, 1.0)
    past.outputs[:, 2] = past.outputs[:, 1] * 1.0001
    contenders = [enter(f"v{k}", f"v-{k}") for k in range(4)] + [enter("prior-1", "p-1", family="prior")]
    outcome = decide(contenders, past, champion="v-0", max_active=4)
    assert [one.name for one in outcome.active] == ["v0", "v1", "v3", "prior-1"]
    assert [(event.version, event.reason) for event in outcome.retired] == [
        ("v-2", "it answers as v1 does, whose record is better")
    ]
    portfolio = {contenders[2].candidate.key}
    kept = decide(contenders, past, champion="v-0", portfolio=portfolio, max_active=5)
    assert [one.name for one in kept.active] == ["v0", "v2", "v3", "prior-1"]


def test_a_line_that_is_barred_is_no_champion_and_its_reason_is_told():
    contenders = [enter("slow", "x-1"), enter("b"), enter("prior-1", family="prior")]
    past = remember(0.5, 0.7, 1.0, damaged=(0.6, 0.8, 1.0))
    outcome = decide(contenders, past, "x-1", excluded={"x-1": "it took an hour"})
    assert (outcome.champion.name, outcome.robust_champion.name) == ("b", "b")
    assert "within promotion.budget; slow may not serve: it took an hour" in outcome.reason
    assert [one.name for one in outcome.active] == ["slow", "b", "prior-1"]


def test_a_line_that_is_best_on_damaged_input_has_a_place_by_that():
    contenders = [enter(f"v{k}", f"v-{k}") for k in range(4)] + [enter("prior-1", "p-1", family="prior")]
    past = remember(0.5, 0.6, 0.7, 0.8, 1.0, damaged=(0.5, 0.9, 0.9, 0.55, 1.0))
    outcome = decide(contenders, past, champion="v-0", damaged="v-0", max_active=3)
    assert [one.name for one in outcome.active] == ["v0", "v1", "prior-1"]
    outcome = decide(contenders, past, champion="v-0", damaged="v-0", max_active=4)
    assert [one.name for one in outcome.active] == ["v0", "v1", "v3", "prior-1"]


def test_idle_lines_rest_but_for_champions_baselines_the_fallback_and_what_a_person_chose(monkeypatch):
    monkeypatch.setattr("pointsman.pipeline.validation.promotion.LEAST_ACTIVE", 5)
    names = ("champion", "robust", "plain", "pinned", "stands", "found", "fallback")
    contenders = [enter(name, f"{name}-1") for name in names[:-1]] + [enter("fallback", "prior-1", family="prior")]
    past = remember(0.5, 0.7, 0.75, 0.8, 0.85, 0.65, 1.0, damaged=(0.9, 0.5, 0.9, 0.9, 0.9, 0.9, 1.0))
    outcome = decide(
        contenders,
        past,
        "champion-1",
        portfolio={contenders[4].candidate.key},
        damaged="robust-1",
        pinned="pinned-1",
        baselines={contenders[2].candidate.key},
        idle=[one.line for one in contenders],
    )
    assert [one.name for one in outcome.active] == ["champion", "robust", "plain", "pinned", "fallback"]
    rested = {(event.version, "it rests" in event.reason) for event in outcome.retired}
    assert rested == {("stands-1", True), ("found-1", True)}


def test_a_standing_line_stays_until_its_record_shows_what_it_is_worth():
    contenders = [enter("a"), enter("b"), enter("c"), enter("prior-1", family="prior")]
    past, portfolio = remember(0.5, 0.6, 0.7, 1.0), {contenders[2].candidate.key}
    prior = {contenders[3].candidate.key}
    tried = {"portfolio": portfolio, "baselines": prior, "max_active": 3}
    assert contenders[2] in decide(contenders, past, **tried, tried=BATCHES + 1).active
    assert contenders[2] not in decide(contenders, past, **tried, tried=BATCHES).active


def test_lines_with_weight_in_ensembles_go_before_better_records():
    contenders = [enter("a"), enter("b", "b-1"), enter("c", "c-1"), enter("prior-1", family="prior")]
    past, prior = remember(0.5, 0.6, 0.7, 1.0), {contenders[3].candidate.key}
    given = {"baselines": prior, "max_active": 3}
    assert {one.name for one in decide(contenders, past, **given).active} == {"a", "b", "prior-1"}
    by_weight = decide(contenders, past, **given, weights={"c-1": 0.3, "b-1": 0.1})
    assert {one.name for one in by_weight.active} == {"a", "c", "prior-1"}


def test_the_best_record_has_a_place_though_no_ensemble_gives_it_weight():
    names = ("champion", "best", "b", "c")
    contenders = [enter(name, f"{name}-1") for name in names] + [enter("prior-1", family="prior")]
    past, weights = remember(0.594, 0.6, 0.7, 0.8, 1.0), {"b-1": 0.3, "c-1": 0.1}
    for idle in ((), ("best-1",)):
        given = {"champion": "champion-1", "damaged": "champion-1", "max_active": 4, "weights": weights, "idle": idle}
        outcome = decide(contenders, past, **given)
        assert outcome.champion.name == "champion"
        assert [one.name for one in outcome.active] == ["champion", "best", "b", "prior-1"]


def test_the_reason_of_a_retirement_names_the_ground_and_the_limit_in_force():
    contenders = [enter(f"v{k}", f"v-{k}") for k in range(4)] + [enter("prior-1", family="prior")]
    given = {"champion": "v-0", "max_active": 3, "limit": "half of promotion.max_active=6 while the stream is short"}
    outcome = decide(contenders, remember(0.5, 0.6, 0.7, 0.8, 1.0), **given, weights={"v-2": 0.3, "v-3": 0.1})
    reasons = {event.version: event.reason for event in outcome.retired}
    limit = "all 3 places of active models were taken (half of promotion.max_active=6 while the stream is short)"
    assert {one.name for one in outcome.active} == {"v0", "v2", "prior-1"}
    assert f"{limit}: no ensemble gave it weight of late" in reasons["v-1"]
    assert reasons["v-3"].endswith(f"{limit}: those that stay had more weight in ensembles than its 0.1")
