"""What each variant makes of numbers and levels, and that no row's own target reaches what is learned of it."""

import numpy as np
import pandas as pd
import pytest

from pointsman.common.errors import ConfigError
from pointsman.common.task import Task
from pointsman.model_zoo.encoder import fit_encoder
from pointsman.model_zoo.variants import (
    MAX_NATIVE_LEVELS,
    MAX_ONEHOT_LEVELS,
    SPELLING_COMPONENTS,
    VARIANTS,
    Recipe,
    get_variant,
)

ROWS = 1000


def texts(levels):
    return pd.Series(list(levels), dtype="str")


def fit(variant, target=None, task=Task.BINARY, seed=7, copies=1, **columns):
    features = pd.DataFrame(columns)
    target = np.arange(len(features)) % 2.0 if target is None else target
    return fit_encoder(variant, features, target, task, seed, copies)


def ask(encoder, **columns):
    return encoder.encode(pd.DataFrame(columns)).values.tolist()


@pytest.mark.parametrize("variant", ["onehot", "target", "spelling"])
def test_numbers_are_scaled_and_a_missing_one_is_the_median_with_a_flag(variant):
    worth = np.array([1.0, 2.0, 3.0, 100.0, np.nan] * 20)
    encoder, table = fit(variant, worth=worth)
    assert table.names == ("worth", "missingindicator_worth")
    assert table.values.mean(axis=0) == pytest.approx([0, 0], abs=1e-6)
    assert table.values.std(axis=0) == pytest.approx([1, 1], abs=1e-6)
    (missing, missing_flag), (median, known_flag) = ask(encoder, worth=[np.nan, 2.5])
    assert missing == median
    assert missing_flag > 0 > known_flag


def test_native_leaves_numbers_as_they_are():
    worth = [1.0, -7.25, np.nan, 1e6]
    table = fit("native", worth=worth)[1]
    assert np.array_equal(table.values[:, 0], np.array(worth, dtype=np.float32), equal_nan=True)


@pytest.mark.parametrize("variant", ["onehot", "spelling"])
def test_levels_are_one_hot_and_rare_unseen_ones_are_pooled(variant):
    make = texts(["a"] * 500 + ["b"] * 497 + ["x", "y", "z"])
    encoder, table = fit(variant, make=make)
    assert table.names == ("make_a", "make_b", "make_infrequent_sklearn")
    assert table.values.sum(axis=1).tolist() == [1.0] * ROWS
    assert ask(encoder, make=texts(["a", "x", "unheard of"])) == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]


def test_an_unseen_level_is_no_level_where_none_was_rare():
    encoder = fit("onehot", make=texts(["a", "b"] * 50))[0]
    assert ask(encoder, make=texts(["a", "unheard of"])) == [[1, 0], [0, 0]]


def test_a_missing_level_is_a_level_of_its_own_where_it_was_met():
    encoder = fit("onehot", make=texts(["a", None] * 50))[0]
    assert ask(encoder, make=texts([None, "a", "unheard of"])) == [[0, 1], [1, 0], [0, 0]]


def test_native_codes_levels_as_whole_numbers_and_what_is_unknown_as_missing():
    make = texts([*"bac" * 332, "a", "b", "rare", None, None, None])
    encoder, table = fit("native", worth=np.ones(len(make)), make=make)
    assert table.categorical == (1,)
    codes = np.array(ask(encoder, worth=[0.0] * 6, make=texts(["a", "b", "c", "rare", "unheard of", None])))[:, 1]
    assert codes[:4].tolist() == [0, 1, 2, 3]
    assert np.isnan(codes[4:]).all()


@pytest.mark.parametrize(("variant", "most"), [("onehot", MAX_ONEHOT_LEVELS), ("native", MAX_NATIVE_LEVELS)])
def test_levels_past_the_most_that_are_kept_share_one(variant, most):
    town = texts(f"t{number // 2}" for number in range(500))  # twice each is just not rare among 500 rows
    assert len(np.unique(fit(variant, town=town)[1].values, axis=0)) == most


@pytest.mark.parametrize("variant", ["onehot", "native"])
def test_the_order_of_the_rows_does_not_move_what_is_learned(variant):
    generator = np.random.default_rng(0)
    columns = {"worth": pd.Series(generator.normal(size=ROWS)), "make": texts(generator.choice(list("abc"), ROWS))}
    order = generator.permutation(ROWS)
    turned = {name: column.iloc[order].reset_index(drop=True) for name, column in columns.items()}
    straight, shuffled = fit(variant, **columns)[1], fit(variant, **turned)[1]
    assert shuffled.names == straight.names
    assert shuffled.values == pytest.approx(straight.values[order], abs=1e-5)


def test_spelling_spells_only_columns_of_many_levels():
    few, many = texts(["a", "b"] * 60), texts(f"town {number % 40}" for number in range(120))
    names = fit("spelling", few=few, many=many)[1].names
    assert names == ("few_a", "few_b", *(f"many_{number}" for number in range(SPELLING_COMPONENTS)))
    assert fit("spelling", few=few)[1].names == fit("onehot", few=few)[1].names


def test_lookback_looks_back_only_in_columns_of_many_levels_and_leaves_the_rest_as_native_does():
    few, many = texts(["a", "b", None, "a"] * 30), texts(f"town {number % 40}" for number in range(120))
    worth = np.where(np.arange(120) % 7, np.arange(120.0), np.nan)
    encoder, table = fit("lookback", worth=worth, few=few, many=many)
    native = fit("native", worth=worth, few=few, many=many)[1]
    assert table.names == ("worth", "few", "many: mean", "many: seen")
    assert table.categorical == (1,)
    assert np.array_equal(table.values[:, :2], native.values[:, :2], equal_nan=True)
    assert np.exp(table.values[:, 3]) - 1 == pytest.approx(np.arange(120) // 40)
    assert ask(encoder, worth=[1.0], few=texts([None]), many=texts(["town 7"]))[0][3] == pytest.approx(np.log(4))
    bare, native = (fit(variant, worth=worth, few=few)[1] for variant in ("lookback", "native"))
    assert (bare.names, bare.categorical) == (native.names, native.categorical) == (("worth", "few"), (1,))
    assert np.array_equal(bare.values, native.values, equal_nan=True)


class TestTargetMeans:
    def test_levels_are_ordered_by_their_targets_and_an_unseen_one_is_the_mean(self):
        make = texts(np.repeat(["low", "high"], ROWS // 2))
        target = np.concatenate([np.arange(ROWS // 2) % 10 == 0, np.arange(ROWS // 2) % 2 == 0]).astype(float)
        encoder = fit("target", target, make=make)[0]
        low, unseen, high = (row[0] for row in ask(encoder, make=texts(["low", "unheard of", "high"])))
        assert low < unseen < high
        assert unseen == pytest.approx((low + high) / 2, abs=1e-3)  # both levels have as many rows

    def test_a_rare_level_is_drawn_to_the_mean(self):
        make = texts(["often"] * 300 + ["rare"] * 3 + ["never"] * 300)
        target = np.concatenate([np.arange(303) % 3 > 0, np.zeros(300)]).astype(float)  # often and rare: two in three
        encoder = fit("target", target, make=make)[0]
        often, rare, unseen = (row[0] for row in ask(encoder, make=texts(["often", "rare", "unheard of"])))
        assert unseen < rare < often

    def test_a_class_is_a_column(self):
        names = fit("target", np.arange(ROWS) % 3.0, Task.MULTICLASS, make=texts(["a", "b"] * (ROWS // 2)))[1].names
        assert names == ("make_0", "make_1", "make_2")

    def test_two_classes_of_many_are_one_column_as_in_a_binary_target(self):
        make = texts(["a", "b", "a", "c"] * (ROWS // 4))
        target = np.random.default_rng(4).integers(0, 2, ROWS) * 2.0  # class 1 has no row
        encoder, table = fit("target", target, Task.MULTICLASS, make=make)
        as_binary = fit("target", target / 2, Task.BINARY, make=make)
        assert table.names == ("make",)
        np.testing.assert_array_equal(table.values, as_binary[1].values)
        asked = texts(["a", "unheard of"])
        assert ask(encoder, make=asked) == ask(as_binary[0], make=asked)

    @pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION])
    def test_noise_in_many_levels_is_learned_by_heart_when_asked_but_not_shown_while_learning(self, task):
        generator = np.random.default_rng(3)
        town = texts(f"t{number}" for number in generator.integers(0, ROWS // 2, ROWS))
        target = generator.integers(0, 2, ROWS).astype(float) if task is Task.BINARY else generator.normal(size=ROWS)
        encoder, learned = fit("target", target, task, town=town)
        asked = encoder.encode(pd.DataFrame({"town": town}))
        assert np.corrcoef(asked.values[:, 0], target)[0, 1] > 0.5
        assert abs(np.corrcoef(learned.values[:, 0], target)[0, 1]) < 0.13  # four standard errors

    @pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION])
    def test_a_level_of_a_single_row_tells_nothing_but_its_fold(self, task):
        target = np.random.default_rng(0).integers(0, 2, ROWS).astype(float)
        town = texts(f"t{number}" for number in range(ROWS))
        assert len(np.unique(fit("target", target, task, town=town)[1].values)) <= 5

    def test_the_own_target_of_a_row_does_not_move_its_encoding_among_rows_of_its_level(self):
        make = texts(["a", "b", "c"] * 100)
        target = np.random.default_rng(1).normal(size=300)
        moved = target.copy()
        moved[0] += 100.0
        before, after = (fit("target", one, Task.REGRESSION, make=make)[1].values[:, 0] for one in (target, moved))
        mates = np.flatnonzero((make == "a") & np.isclose(before, before[0]))  # its level in its fold
        assert len(mates) > 1
        assert np.ptp(after[mates]) == 0
        others = np.flatnonzero((make == "a") & ~np.isclose(before, before[0]))
        assert after[others].min() > after[0]  # every other fold has met the row

    def test_the_own_target_of_a_row_does_not_move_the_encoding_of_its_copy(self):
        make = texts(["a", "b", "c"] * 100 + ["a", "b", None] * 100)  # a copy of each row, with cells hidden
        target = np.random.default_rng(1).normal(size=300)
        before = self.read_means(make, np.tile(target, 2))
        for row in range(20):
            moved = target.copy()
            moved[row] += 100.0
            after = self.read_means(make, np.tile(moved, 2))
            still = np.isclose(after, before, atol=1e-4)
            assert still[[row, row + 300]].all()
            assert 0.05 < still.mean() < 0.4  # its fold; others have met the row

    def read_means(self, make, target):
        recipe = Recipe([], [], ["make"], Task.REGRESSION, target, 2, 7)
        fitted = get_variant("target").build(recipe)
        values = fitted.fit_transform(pd.DataFrame({"make": make}), target)
        return fitted.named_transformers_["means"]["standardscaler"].inverse_transform(values)[:, 0]

    def test_noise_in_many_levels_is_not_shown_by_a_copy_either(self):
        generator = np.random.default_rng(3)
        town = texts(f"t{number % ROWS}" for number in range(2 * ROWS))
        target = np.tile(generator.integers(0, 2, ROWS).astype(float), 2)
        assert len(np.unique(fit("target", target, copies=2, town=town)[1].values)) <= 5
        leaking = fit("target", target, copies=1, town=town)[1].values[:, 0]
        assert np.corrcoef(leaking, target)[0, 1] > 0.3

    def test_a_single_row_can_be_encoded_and_its_copy_too(self):
        for copies in (1, 2):
            table = fit("target", np.ones(copies), copies=copies, make=texts(["a"] * copies))[1]
            assert table.values.tolist() == [[0.0]] * copies

    def test_folds_hang_on_the_seed_alone(self):
        target = np.random.default_rng(2).integers(0, 2, ROWS).astype(float)
        make = texts(np.random.default_rng(3).choice(list("abcdef"), ROWS))
        one, same, other = (fit("target", target, seed=seed, make=make) for seed in (7, 7, 8))
        assert np.array_equal(one[1].values, same[1].values)
        assert not np.array_equal(one[1].values, other[1].values)
        assert ask(one[0], make=texts("abc")) != [[0.0]] * 3


def test_an_unknown_variant_is_refused_with_those_that_are_known():
    with pytest.raises(ConfigError, match=r"'one-hot' is unknown; search\.variants may name onehot, target, native"):
        get_variant("one-hot")
    assert all(get_variant(name).name == name for name in VARIANTS)
