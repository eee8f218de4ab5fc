"""Damage touches what it says, keeps everything else, and is the same for the same seed."""

import numpy as np
import pandas as pd
import pytest

from pointsman.meta.corruption import CORRUPTIONS, UNSEEN_LEVEL

ROWS = 300


def make_table():
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "worth": generator.lognormal(3, 1, ROWS),
            "age": generator.normal(40, 10, ROWS),
            "count": generator.integers(1, 9, ROWS).astype(float),
            "make": pd.Series(generator.choice(["a", "b"], ROWS), dtype="str"),
            "fuel": pd.Series(generator.choice(["x", "y"], ROWS), dtype="str"),
        }
    )


TABLE = make_table()
NUMERIC, TEXT = ["worth", "age", "count"], ["make", "fuel"]


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda one: one.name)
def test_damage_keeps_shape_and_types_and_repeats(corruption):
    damaged = corruption.apply(TABLE, np.random.default_rng(1))
    assert damaged.shape == TABLE.shape
    assert damaged.dtypes.equals(TABLE.dtypes)
    assert list(damaged) == list(TABLE)
    pd.testing.assert_frame_equal(damaged, corruption.apply(TABLE, np.random.default_rng(1)))
    assert not damaged.equals(TABLE)
    pd.testing.assert_frame_equal(TABLE, make_table())


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda one: one.name)
def test_damage_touches_only_what_it_needs(corruption):
    damaged = corruption.apply(TABLE, np.random.default_rng(1))
    spared = {"numeric": TEXT, "categorical": NUMERIC, "": []}[corruption.needs]
    pd.testing.assert_frame_equal(damaged[spared], TABLE[spared])
    if corruption.needs == "numeric":
        assert damaged.notna().all(axis=None)
    if corruption.needs == "categorical":
        assert set(damaged["make"]) == {"a", "b", UNSEEN_LEVEL}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_lost_columns_are_lost_as_a_whole(count):
    named = next(one for one in CORRUPTIONS if one.name.startswith(f"{count} column"))
    missing = named.apply(TABLE, np.random.default_rng(2)).isna()
    assert missing.all().sum() == count
    assert missing.any().sum() == count


def test_intensities_are_drawn_anew():
    removal = next(one for one in CORRUPTIONS if one.name == "missing 10-80 %")
    shares = [removal.apply(TABLE, np.random.default_rng(seed)).isna().to_numpy().mean() for seed in range(12)]
    assert max(shares) - min(shares) > 0.3
    assert min(shares) > 0.05
    assert max(shares) < 0.85


def test_damage_that_a_table_cannot_have_does_not_apply():
    for table, lacking in ((TABLE[NUMERIC], "categorical"), (TABLE[TEXT], "numeric")):
        assert {one.needs for one in CORRUPTIONS if not one.applies_to(table)} == {lacking}
    assert all(one.applies_to(TABLE) for one in CORRUPTIONS)
    assert len(CORRUPTIONS) == 14
