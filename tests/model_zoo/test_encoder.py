"""Every variant encodes any rows: reordered, alone, unheard of or short of columns, and after a round trip too."""

import numpy as np
import pandas as pd
import pytest

from pointsman.common.task import Task
from pointsman.model_zoo.encoder import CLIP, Encoder, fit_encoder, has_many_levels
from pointsman.model_zoo.variants import MAX_ONEHOT_LEVELS, VARIANTS

ROWS = 240


def make_features(rows=ROWS, seed=0):
    generator = np.random.default_rng(seed)
    town = pd.Series([f"town {number:03d}" for number in generator.integers(0, 60, rows)], dtype="str")
    return pd.DataFrame(
        {
            "worth": generator.normal(50, 20, rows),
            "make": pd.Series(generator.choice(["a", "b", "c"], rows), dtype="str"),
            "gaps": np.where(generator.random(rows) < 0.3, np.nan, generator.normal(size=rows)),
            "town": town.mask(generator.random(rows) < 0.1),
        }
    )


FEATURES = make_features()
LATER = make_features(80, seed=1)
TARGETS = {
    Task.BINARY: (FEATURES["worth"] > 50).to_numpy(dtype=float),
    Task.MULTICLASS: np.arange(ROWS) % 3.0,
    Task.REGRESSION: FEATURES["worth"].to_numpy() * 2,
}


def fit(variant, task=Task.BINARY, features=FEATURES, target=None):
    return fit_encoder(variant, features, TARGETS[task] if target is None else target, task, seed=7)


@pytest.fixture(params=VARIANTS)
def encoder(request):
    return fit(request.param)[0]


def encode(encoder, features):
    return encoder.encode(features).values


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("variant", VARIANTS)
def test_an_encoder_read_back_encodes_to_the_last_bit_and_is_the_same_files(variant, task):
    encoder, table = fit(variant, task)
    parts = encoder.dump()
    again = Encoder.load(parts)
    assert np.array_equal(encode(again, LATER), encode(encoder, LATER), equal_nan=True)
    assert again.encode(LATER).names == table.names
    assert again.encode(LATER).categorical == table.categorical
    assert again.dump() == parts
    assert fit(variant, task)[0].dump() == parts


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_learned_has_the_columns_of_what_is_asked_and_is_it_where_no_target_is_read(variant, task):
    encoder, table = fit(variant, task)
    asked = encoder.encode(FEATURES)
    assert asked.names == table.names
    assert asked.values.shape == table.values.shape == (ROWS, len(table.names))
    assert np.array_equal(asked.values, table.values, equal_nan=True) == (variant not in ("target", "lookback"))


def test_a_row_does_not_hang_on_its_order_its_neighbours_or_its_index(encoder):
    order = np.random.default_rng(0).permutation(len(LATER))
    whole = encode(encoder, LATER)
    assert np.array_equal(encode(encoder, LATER.iloc[order]), whole[order], equal_nan=True)
    assert np.array_equal(encode(encoder, LATER.set_axis([0] * len(LATER))), whole, equal_nan=True)
    alone = np.vstack([encode(encoder, LATER.iloc[[row]]) for row in range(10)])
    assert np.allclose(alone, whole[:10], rtol=1e-5, atol=1e-6, equal_nan=True)


def test_columns_are_taken_by_name(encoder):
    turned = LATER.assign(extra="x", worth_2=1.0)[["extra", "town", "gaps", "worth_2", "worth", "make"]]
    assert np.array_equal(encode(encoder, turned), encode(encoder, LATER), equal_nan=True)


@pytest.mark.parametrize("absent", [["worth"], ["town"], ["gaps", "make"], list(FEATURES)])
def test_an_absent_column_is_one_of_missing_cells(encoder, absent):
    hollow = LATER.copy()
    hollow[absent] = np.nan
    assert np.array_equal(encode(encoder, LATER.drop(columns=absent)), encode(encoder, hollow), equal_nan=True)


@pytest.mark.parametrize("columns", [list(FEATURES), ["worth"], []])
def test_no_rows_are_encoded_as_an_empty_table_of_the_same_columns(encoder, columns):
    whole, table = encoder.encode(LATER), encoder.encode(LATER[columns].head(0))
    assert table.values.shape == (0, len(encoder.names))
    assert (table.names, table.categorical) == (whole.names, whole.categorical)


def test_only_variants_that_keep_missing_cells_answer_with_nan(encoder):
    worst = pd.DataFrame(
        {
            "worth": [np.nan, 1e308, -1e308, 0.0],
            "make": [None, "unheard of", "", "a"],
            "gaps": [np.nan] * 4,
            "town": ["town 001", "町", None, "x" * 10_000],
        }
    ).astype(FEATURES.dtypes.to_dict())
    keeps = VARIANTS[encoder.variant].keeps_missing
    values = encode(encoder, worst)
    assert np.isnan(values).any() == keeps
    assert not np.isinf(values).any()
    assert keeps or np.abs(values).max() == CLIP


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("columns", [["worth"], ["make"], ["worth", "gaps"], ["make", "town"], []])
def test_tables_of_one_kind_of_column_or_of_none_are_encoded(variant, columns):
    encoder, table = fit(variant, features=FEATURES[columns])
    assert encode(Encoder.load(encoder.dump()), LATER).shape == (len(LATER), len(table.names))
    assert (len(table.names) == 0) == (not columns)


@pytest.mark.parametrize("variant", VARIANTS)
def test_columns_that_say_nothing_while_fitting_do_no_harm(variant):
    nothing = FEATURES.assign(worth=np.nan, make=pd.Series([None] * ROWS, dtype="str"), gaps=3.0)
    encoder, table = fit(variant, features=nothing)
    assert encode(encoder, LATER).shape[1] == len(table.names)
    assert not np.isinf(encode(encoder, LATER)).any()
    assert VARIANTS[variant].keeps_missing or not np.isnan(encode(encoder, LATER)).any()


@pytest.mark.parametrize("variant", ["target", "lookback"])
@pytest.mark.parametrize(
    ("task", "first"),
    [(Task.BINARY, []), (Task.BINARY, [1]), (Task.MULTICLASS, []), (Task.MULTICLASS, [1, 2]), (Task.REGRESSION, [])],
)
def test_a_target_that_never_or_hardly_varies_can_be_encoded(variant, task, first):
    target = np.zeros(ROWS)
    target[: len(first)] = first
    encoder, table = fit(variant, task, target=target)
    of_target = [name.startswith("town") for name in table.names]
    assert sum(of_target) >= 1
    assert np.isfinite(table.values[:, of_target]).all()
    assert np.isfinite(encode(encoder, LATER)[:, of_target]).all()


@pytest.mark.filterwarnings("error")  # NumPy warns of an overflow
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("absurd", [[1e155], [1e300], [1e300, -1e300], [np.inf], [np.inf, -np.inf], [1.7e308] * 3])
def test_absurd_numbers_while_fitting_spoil_no_cell(variant, absurd):
    features = FEATURES.copy()
    features.loc[: len(absurd) - 1, "worth"] = absurd
    encoder, table = fit(variant, features=features)
    worth = [table.values[:, 0], encode(encoder, features)[:, 0], encode(encoder, LATER)[:, 0]]
    assert all(np.isfinite(column).all() for column in worth)
    assert np.array_equal(np.sign(worth[1][: len(absurd)]), np.sign(absurd))
    assert VARIANTS[variant].keeps_missing or np.abs(worth[2]).max() < 1
    others = slice(1, len(table.names))
    plain = fit(variant)[1].values
    assert np.array_equal(table.values[:, others], plain[:, others], equal_nan=True)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_column_of_nothing_but_absurd_numbers_is_finite(variant):
    worth = np.resize([1e300, -1e300, np.inf, -np.inf, 1e308], ROWS)
    encoder, table = fit(variant, features=FEATURES.assign(worth=worth))
    assert np.isfinite(table.values[:, 0]).all()
    assert np.isfinite(encode(encoder, LATER)[:, 0]).all()
    assert len(np.unique(table.values[:, 0])) == 2


def test_an_encoder_does_not_grow_with_the_rows_it_met():
    rows, more = (fit("target", features=make_features(n), target=np.arange(n) % 2.0)[0].dump() for n in (600, 6000))
    assert len(more["encoder.npz"]) < 1.1 * len(rows["encoder.npz"])


def test_many_levels_are_more_than_one_hot_keeps():
    levels = [f"l{number}" for number in range(MAX_ONEHOT_LEVELS)]
    assert not has_many_levels(pd.DataFrame({"a": pd.Series([*levels, None, "l0"], dtype="str"), "b": range(32)}))
    assert has_many_levels(pd.DataFrame({"a": pd.Series([*levels, "another"], dtype="str")}))
