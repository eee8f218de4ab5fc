"""Effects of single features: what is known of a function comes out."""

import numpy as np
import pandas as pd
import pytest

from pointsman.pipeline.reporting.explanation.accumulated import accumulate, average_levels, compute_effect


def make_table(rows=3_000):
    generator = np.random.default_rng(0)
    a = generator.uniform(0, 1, rows)
    levels = pd.Series(generator.choice(["x", "y", "z"], rows, p=[0.5, 0.3, 0.2]), dtype="str")
    return pd.DataFrame({"a": a, "b": a + generator.normal(0, 0.05, rows), "level": levels})


def answer(rows):
    """Of the twin features a and b only a counts."""
    return 3 * rows["a"].to_numpy() ** 2 + rows["level"].map({"x": 0.0, "y": 1.0, "z": 5.0}).to_numpy()


def test_a_number_s_effect_is_the_function_less_its_mean():
    effect = accumulate(answer, make_table(), "a")
    places, changes = (np.array([getattr(one, name) for one in effect.points]) for name in ("place", "change"))
    np.testing.assert_allclose(changes, 3 * places**2 - 1.0, atol=0.03)
    assert sum(one.count for one in effect.points) == effect.rows == 3_000


def test_a_twin_that_does_not_count_has_no_effect():
    effect = accumulate(answer, make_table(), "b")
    assert len(effect.points) == 13
    assert effect.reach == pytest.approx(0.0, abs=1e-12)


def test_an_interaction_is_left_out_of_the_single_effect():
    generator = np.random.default_rng(1)
    table = pd.DataFrame({"a": generator.normal(size=4_000), "b": generator.normal(size=4_000)})
    effect = accumulate(lambda rows: (rows["a"] * rows["b"]).to_numpy(), table, "a")
    assert effect.span < 0.3


def test_a_level_s_effect_is_what_every_row_would_change_by():
    table = make_table()
    mean = table["level"].map({"x": 0.0, "y": 1.0, "z": 5.0}).mean()
    effect = average_levels(answer, table, "level", table["level"].value_counts())
    assert [one.place for one in effect.points] == ["x", "y", "z"]
    assert [one.change for one in effect.points] == pytest.approx([0 - mean, 1 - mean, 5 - mean])


def test_what_does_not_vary_has_no_effect_and_rows_are_bounded():
    table = make_table().assign(one=1.0)
    assert compute_effect(answer, table, "one", 1) is None
    asked = []
    effect = compute_effect(lambda rows: asked.append(len(rows)) or answer(rows), table, "a", 1)
    assert effect.rows == 150
    assert asked == [300]
