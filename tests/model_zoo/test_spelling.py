"""Levels are close where they are spelled alike, and a column without anything to spell does no harm."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pointsman.model_zoo.spelling import Spelling
from pointsman.model_zoo.spelling_encoder import SpellingEncoder

MAKES = [
    "TOYOTA HILUX",
    "TOYOTA HIACE",
    "TOYOTA COROLLA",
    "ISUZU FSR",
    "ISUZU NPR",
    "ISUZU FTR",
    "NISSAN PATROL",
    "NISSAN SUNNY",
    "BAJAJ BOXER",
    "BAJAJ TUKTUK",
]
TEXTS = st.none() | st.text(max_size=6)


def column(levels):
    return pd.DataFrame({"make": pd.Series(list(levels), dtype="str")})


FITTED = SpellingEncoder(components=4).fit(column(MAKES * 3))


def encode(*levels, encoder=FITTED):
    return encoder.transform(column(levels))


def test_a_level_never_seen_lies_nearest_to_its_like():
    for unseen, like in {"TOYOTTA HIACE": "TOYOTA", "ISUZU NKR": "ISUZU", "nissan patrol y61": "NISSAN"}.items():
        towards = np.linalg.norm(encode(*MAKES) - encode(unseen), axis=1)
        assert MAKES[int(towards.argmin())].startswith(like)


def test_missing_cells_and_levels_without_any_known_spelling_are_nothing():
    assert encode(None, "qqq", "").tolist() == [[0.0] * 4] * 3
    assert np.abs(encode(*MAKES)).sum(axis=1).min() > 0


def test_a_level_is_encoded_alike_wherever_it_stands():
    order = np.random.default_rng(0).permutation(len(MAKES))
    whole = encode(*MAKES, None, *MAKES)
    assert np.array_equal(whole[: len(MAKES)], whole[len(MAKES) + 1 :])
    assert encode(*[MAKES[row] for row in order]) == pytest.approx(whole[order], abs=1e-6)
    assert encode(MAKES[3]) == pytest.approx(whole[[3]], abs=1e-6)


def test_what_is_learned_hangs_on_the_counts_and_not_on_the_order_of_rows():
    levels = MAKES * 3 + MAKES[:2] * 20
    turned = [levels[row] for row in np.random.default_rng(1).permutation(len(levels))]
    straight, shuffled = (SpellingEncoder(4).fit(column(one)) for one in (levels, turned))
    assert np.array_equal(encode(*MAKES, encoder=straight), encode(*MAKES, encoder=shuffled))
    assert not np.allclose(encode(*MAKES, encoder=straight), encode(*MAKES))


@pytest.mark.parametrize(
    "levels",
    [[None, None], ["a", "b"], ["", " "], ["TOYOTA"] * 3, ["TOYOTA", "TOYOTA HILUX"], []],
    ids=["missing", "letters", "blank", "one level", "two levels", "no rows"],
)
def test_too_little_to_spell_is_padded_with_zeros(levels):
    encoder = SpellingEncoder(components=4).fit(column(levels))
    values = encode("TOYOTA", "ISUZU", None, encoder=encoder)
    assert values.shape == (3, 4)
    assert np.isfinite(values).all()
    assert not values[:, 1:].any()


@given(st.lists(TEXTS, max_size=12), st.lists(TEXTS, max_size=6))
@settings(max_examples=40, deadline=None)
def test_any_text_is_encoded_as_finite_numbers_of_one_shape(learned, asked):
    encoder = SpellingEncoder(components=3).fit(column(learned))
    values = encode(*asked, encoder=encoder)
    assert values.shape == (len(asked), 3)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert not values[[level is None for level in asked]].any()


@pytest.mark.parametrize("makes", [MAKES * 3, ["a", "b"] * 5])
def test_arrays_spell_to_the_last_bit_what_the_encoder_does(makes):
    pipeline = make_pipeline(SpellingEncoder(components=4), StandardScaler()).fit(column(makes))
    spelling = Spelling.read(pipeline)
    again = Spelling.build(spelling.grams, spelling.list_arrays())
    asked = [*MAKES, "TOYTA", "", "x", "ISUZU isuzu"]
    assert np.array_equal(again.spell(asked), pipeline.transform(column(asked)))


def test_columns_are_named_after_the_one_encoded():
    assert FITTED.get_feature_names_out(["make"]).tolist() == ["make_0", "make_1", "make_2", "make_3"]
    assert FITTED.get_feature_names_out().tolist()[0] == "level_0"
