"""In the shadow every version and rival scores logged rows, within bounds; it counts once their labels come."""

from dataclasses import replace

import numpy as np
import pytest
import small_stream
import sqlalchemy as sa
from made_requests import answer, make_live_rows, serve

from pointsman.common.storage.catalogue import read_rows
from pointsman.meta.live import make_live_rows as make_rows
from pointsman.meta.records import OutOfSamplePredictions, predict_outputs
from pointsman.meta.tables import decisions_table
from pointsman.pipeline.labels.served_rows import load_answered
from pointsman.pipeline.preparation.features import engineer_features
from pointsman.pipeline.serving.predictor import load_predictor
from pointsman.pipeline.serving.served_requests import prepare_requests
from pointsman.pipeline.serving.shadow import Shadow, score_rows
from pointsman.pipeline.validation.challengers import _compare
from pointsman.registry.generations import Member, Role


@pytest.fixture(scope="module")
def opened(linear_stream, tmp_path_factory):
    folder = small_stream.copy(linear_stream, tmp_path_factory.mktemp("shadow"))
    with small_stream.opened(folder, small_stream.LINEAR) as (config, state):
        yield config, state


@pytest.fixture(scope="module")
def predictor(opened):
    return load_predictor(*opened)


@pytest.fixture(scope="module")
def rows(opened):
    return make_live_rows(24, opened[0].schema_.target)[0]


def read_kept(state, schema, request):
    query = sa.select(decisions_table).where(decisions_table.c.id == request)
    (decision,) = read_rows(state.engine, query)
    kept = load_answered(state.files, decision["rows_file"], schema)
    return kept.take(np.arange(decision["first_row"], decision["first_row"] + decision["kept_rows"]))


def test_versions_and_rivals_that_did_not_answer_are_kept_with_the_rows(opened, predictor, rows):
    config, state = opened
    serve(config, state, {"one": rows.iloc[[5]]})  # of many it would score those that come before it rests
    kept = read_kept(state, predictor.schema, "one")
    generation = predictor.generation
    assert set(kept.by_version) == {version.id for version in (*generation.versions, *generation.challengers)}
    assert generation.challengers
    features = predictor.read(rows.iloc[[5]]).cells
    for version in generation.versions:
        expected = predict_outputs(predictor.shelf.load(version), features, predictor.schema.classes)
        np.testing.assert_allclose(kept.by_version[version.id], expected, atol=1e-6)


def test_it_can_be_switched_off_and_is_bounded(opened, predictor, rows):
    config, state = opened
    labels = config.labels
    off = config.model_copy(update={"labels": labels.model_copy(update={"shadow": False})})
    serve(off, state, {"off": rows})
    assert read_kept(state, predictor.schema, "off").by_version == {}
    few = config.model_copy(update={"labels": labels.model_copy(update={"shadow_rows": 5})})
    serve(few, state, {"few": rows})
    scored = read_kept(state, predictor.schema, "few").by_version
    assert all(np.isfinite(outputs).all(axis=1).sum() == 5 for outputs in scored.values())


def test_it_rests_longer_than_it_works(opened, predictor, rows):
    shadow = Shadow(10)
    (prepared,) = prepare_requests(opened[0], [answer(predictor, "rest", rows)], shadow)
    assert prepared.rows.by_version
    assert not shadow.is_due


def test_a_version_that_fails_is_left_out(opened, predictor, rows):
    (prepared,) = prepare_requests(opened[0], [answer(predictor, "broken", rows)])
    broken = predictor.generation.challengers[0]
    gone = Member(replace(broken, manifest="0" * 64 + ".json"), Role.CHALLENGER)
    members = [gone if one.version.id == broken.id else one for one in predictor.generation.members]
    fresh = load_predictor(*opened)
    without = replace(fresh, generation=replace(fresh.generation, members=tuple(members)))
    scored = score_rows(without, prepared.rows, np.arange(3)).by_version
    assert broken.id not in scored
    assert {version.id for version in predictor.generation.versions} <= set(scored)


def test_the_losses_of_a_rival_in_the_shadow_count_in_its_bout(predictor):
    generation, schema = predictor.generation, predictor.schema
    challenger = generation.challengers[0]
    served = next(version for version in generation.versions if version.line == challenger.line)
    random = np.random.default_rng(5)
    stream = small_stream.make_rows().tail(60)
    target = (random.random(60) < 0.5).astype(float)
    features = engineer_features(predictor.read(stream).inputs, schema, predictor.config.features)
    live_rows = make_rows(4, features, target, schema, predictor.stored.reference)
    own_rows = replace(live_rows, part=np.zeros(60, dtype=np.int16))
    even, right = np.full((60, 2), 0.5, np.float32), np.eye(2, dtype=np.float32)[target.astype(int)] * 0.8 + 0.1
    live = OutOfSamplePredictions(live_rows, {served.line: even}, served_by=generation.number)
    record = OutOfSamplePredictions(own_rows, {served.line: even}, (live,))
    shadow = right.copy()
    shadow[40:] = np.nan
    without = _compare(generation, challenger, served, record, even, None)
    comparison = _compare(generation, challenger, served, record, even, shadow)
    assert (without.rows, without.difference) == (60, 0.0)
    assert comparison.rows == 100
    assert comparison.difference == pytest.approx(0.4 * (np.log(0.5) - np.log(0.9)), abs=1e-3)
    elsewhere = replace(record, live=(replace(live, served_by=generation.number - 1),))
    assert _compare(generation, challenger, served, elsewhere, even, shadow).rows == 60
