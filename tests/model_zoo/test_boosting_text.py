"""LightGBM never sees a text that it would end the process on, nor one that leads it into foreign memory."""

import re

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.model_zoo.boosting_text import read_text

GENERATOR = np.random.default_rng(0)
ROWS = GENERATOR.normal(size=(300, 5))
ROWS[:, 4] = GENERATOR.integers(0, 6, 300)
TARGETS = {"binary": ROWS[:, 0] > 0, "multiclass": ROWS[:, 4] % 3, "tweedie": np.abs(ROWS[:, 1]), "l2": np.zeros(300)}


def make_text(objective, rounds=6):
    params = {
        "objective": objective,
        "verbosity": -1,
        "num_leaves": 8,
        "min_data_in_leaf": 5,
        "num_threads": 1,
        "cat_smooth": 1,
        "min_data_per_group": 5,
        "num_class": 3 if objective == "multiclass" else 1,
    }
    rows = lightgbm.Dataset(ROWS, np.asarray(TARGETS[objective], dtype=float), categorical_feature=[4])
    return lightgbm.train(params, rows, rounds).model_to_string()


TEXT = make_text("multiclass")


@pytest.mark.parametrize("objective", TARGETS)
def test_what_lightgbm_writes_is_sound_also_when_it_was_continued(objective):
    text = make_text(objective)
    read_text(text.encode())
    rows = lightgbm.Dataset(ROWS, np.asarray(TARGETS[objective], dtype=float), free_raw_data=False)
    params = {"objective": objective, "verbosity": -1, "num_class": 3 if objective == "multiclass" else 1}
    assert lightgbm.Booster(model_str=read_text(text.encode())).model_to_string() == text
    continued = lightgbm.train(params, rows, 2, init_model=lightgbm.Booster(model_str=text))
    read_text(continued.model_to_string().encode())


def edit(pattern, replacement):
    changed = re.sub(pattern, replacement, TEXT, count=1, flags=re.MULTILINE)
    assert changed != TEXT
    return changed


def keep_length(pattern, replace):
    """Change a list without moving what comes after it."""
    found = re.search(pattern, TEXT, flags=re.MULTILINE)
    return TEXT[: found.start(1)] + replace(found[1]) + TEXT[found.end(1) :]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "\x80\x04\x95",
        TEXT[: len(TEXT) // 2],
        TEXT[:-200].replace("end of trees", ""),
        edit("^num_class=3", "num_class=9"),
        edit("num_class:3", "num_class:900"),
        edit("^num_class=3", "num_class=x"),
        edit("^num_leaves=.*", "num_leaves=50000"),
        edit("^num_leaves=.*", "num_leaves=-1"),
        edit("^max_feature_idx=4", "max_feature_idx=0"),
        edit("^num_cat=", "num_cat"),
        edit("^Tree=3", "Tree=4"),
        edit("^threshold=.*", "threshold=xx"),
        edit("^threshold=", "threshold=1\nthreshold="),
        edit("is_linear=0", "is_linear=1"),
        keep_length(r"^left_child=(\S+)", lambda one: "9" * len(one)),
        keep_length(r"^right_child=\S+ (-\d)", lambda _: "-9"),
        keep_length(r"^left_child=([1-9])", lambda _: "0"),
        keep_length(r"^split_feature=(\d)", lambda _: "7"),
        keep_length(r"^cat_boundaries=0 (\d)", lambda _: "9"),
        edit("^leaf_value=.*", "leaf_value=1"),
        edit("^threshold=.*\n", ""),
        edit("^leaf_value=.*\n", ""),
        edit(r"^\[lambda_l1: 0\]", "[lambda_l1:"),
        edit("^leaf_weight=", "leaf_weight= "),
        edit("^cat_threshold=.*", "cat_threshold="),
        edit("^decision_type=.*", "decision_type="),
        keep_length(r"^leaf_value=(\S+)", lambda one: "_" * len(one)),
    ],
)
def test_a_damaged_text_is_refused(text):
    with pytest.raises((ValueError, lightgbm.basic.LightGBMError)):
        lightgbm.Booster(model_str=read_text(text.encode("utf-8", "surrogateescape")))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(TEXT.partition("end of trees")[0]) - 1), st.sampled_from("0123456789- =\n.ex"))
def test_a_text_that_passes_is_read_and_followed_safely(position, sign):
    text = TEXT[:position] + sign + TEXT[position + 1 :]
    try:
        read_text(text.encode())
    except ValueError:
        return
    try:
        predicted = lightgbm.Booster(model_str=read_text(text.encode())).predict(ROWS)
    except lightgbm.basic.LightGBMError:
        return
    assert predicted.shape == (300, 3)
