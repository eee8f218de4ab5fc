"""What reads a request: the settings of the generation that serves; what changed since takes effect with an update."""

import logging
import shutil

import pandas as pd
import pytest
from one_stream import ROWS, configure, load, make_rows, write_config

from pointsman.common.config import Config
from pointsman.common.storage.state import open_state
from pointsman.pipeline.inference import infer
from pointsman.pipeline.models import models
from pointsman.pipeline.replay import replay
from pointsman.pipeline.serving.predictor import load_predictor
from pointsman.pipeline.update import update
from pointsman.registry.commit import load_config_of
from pointsman.registry.generations import Cause
from pointsman.registry.settings import list_differing

RATIO = "features.ratios=[{numerator: premium, denominator: value}]"
EDITS = (
    "features.ratios=[]",
    "quality.ranges=[{column: premium, max: 1}]",
    "schema.missing_values=['north']",
    "schema.drop=[kind,premium]",
    "quality.allowed=[{column: region, allowed: [south]}]",
)
LEARNED = 2


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("settings") / "claims"
    folder.mkdir()
    table = make_rows()
    table.to_csv(folder / "stream.csv", index=False)
    table.tail(ROWS).drop(columns=["claim", "kind"]).to_csv(folder / "new.csv", index=False)
    write_config(folder)
    update(configure(folder, RATIO), LEARNED)
    return folder


@pytest.fixture
def folder(learned, tmp_path):
    return shutil.copytree(learned, tmp_path / "copy")


def answer(folder, *overrides):
    table = pd.read_csv(infer(configure(folder, *overrides), folder / "new.csv", folder / "answers.csv"))
    return table.drop(columns="predict_id")


def list_readers(generation):
    """The versions that read the ratio."""
    return {version.id for version in generation.versions if "premium_per_value" in version.inputs}


@pytest.fixture(scope="module")
def as_learned(learned):
    return answer(learned, RATIO)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_what_models_read_changes_no_answer_and_is_told(learned, as_learned, caplog, edit):
    with caplog.at_level(logging.WARNING):
        pd.testing.assert_frame_equal(answer(learned, *([RATIO] if "ratios" not in edit else []), edit), as_learned)
    key = edit.partition("=")[0]
    assert f"generation {LEARNED} reads rows by its own settings" in caplog.text
    assert caplog.text.strip().endswith(key)


def test_nothing_is_told_where_nothing_differs(learned, caplog):
    with caplog.at_level(logging.WARNING):
        answer(learned, RATIO, "selection.mode=single", "inference.chunk_rows=10", "training.folds=2")
    assert "settings" not in caplog.text


def test_how_to_serve_takes_effect_at_once(learned):
    with open_state(configure(learned)) as state:
        predictor = load_predictor(configure(learned, "selection.mode=single", "labels.key_columns=[day]"), state)
    assert predictor.config.selection.mode == "single"
    assert predictor.config.labels.key_columns == ("day",)
    assert predictor.config.features.ratios


def test_the_next_update_takes_an_edit_up_and_a_rollback_takes_it_back(folder, as_learned):
    update(configure(folder))
    with open_state(configure(folder)) as state:
        predictor = load_predictor(configure(folder), state)
        assert (predictor.unread, predictor.config.features.ratios) == ("", ())
        assert not list_readers(predictor.generation)
    assert "came out the same" in replay(configure(folder), ["all"])
    models(configure(folder), ["rollback"], to=LEARNED)
    pd.testing.assert_frame_equal(answer(folder), as_learned)
    with open_state(configure(folder)) as state:
        stored = load_config_of(state, load(folder).number, configure(folder))
    assert stored.features.ratios


def test_a_feature_that_is_gone_is_learned_anew_even_where_models_rest(folder):
    config = configure(folder, "response.retrain=never")
    old = list_readers(load(folder))
    assert old
    update(config)
    assert load(folder).cause is Cause.UPDATE
    assert not old & {version.id for version in load(folder).versions}


def test_a_decision_in_between_changes_no_settings(folder, as_learned):
    line = load(folder).champion.id
    models(configure(folder, "features.ratios=[]"), ["promote", line], why="signed off")
    again = answer(folder, RATIO)
    assert len(again) == len(as_learned)
    with open_state(configure(folder)) as state:
        assert load_predictor(configure(folder), state).config.features.ratios


def test_a_default_that_is_another_one_since_is_nobodys_edit():
    stated = {"schema": {"time": "day", "target": "y"}}
    now = Config.model_validate(stated)
    former = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]
    other = now.model_copy(update={"schema_": now.schema_.model_copy(update={"missing_values": ("?",)})})
    then = Config.model_validate({"schema": {**stated["schema"], "missing_values": former}})
    assert list_differing(other, then) == ["schema.missing_values"]  # a copy counts as stated
    fresh = Config.model_validate(stated)
    object.__setattr__(fresh.schema_, "missing_values", ("", "?"))  # as a later release would have it
    assert list_differing(fresh, then) == []
