"""A compiled encoder makes of any rows what scikit-learn's transformers make of them, to the bit."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.common.task import Task
from pointsman.model_zoo.cells import Cells
from pointsman.model_zoo.compilation import compile_transformer, trace_origins
from pointsman.model_zoo.compiled import CLIP
from pointsman.model_zoo.encoded import LARGEST
from pointsman.model_zoo.encoder import Encoder, fit_encoder
from pointsman.model_zoo.variants import VARIANTS, Recipe, get_variant

LEVELS = [f"town {number}" for number in range(60)]
NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, -0.0, 1e300, 50.0])
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
TEXTS = st.none() | st.sampled_from([*LEVELS, "", "nan", "b", "\x00", "TOWN 7", "ż"]) | ANY_TEXT


def make_rows(rows=300, seed=0):
    generator = np.random.default_rng(seed)
    town = pd.Series(generator.choice(LEVELS, rows), dtype="str")
    return pd.DataFrame(
        {
            "worth": generator.normal(50, 20, rows),
            "make": pd.Series(generator.choice(["a", "b", "c"], rows, p=[0.5, 0.495, 0.005]), dtype="str"),
            "gaps": np.where(generator.random(rows) < 0.3, np.nan, generator.normal(size=rows)),
            "nothing": np.full(rows, np.nan),
            "town": town.mask(generator.random(rows) < 0.1),
        }
    )


ROWS = make_rows()
NUMERIC, CATEGORICAL = ["worth", "gaps", "nothing"], ["make", "town"]
TARGETS = {
    Task.BINARY: (ROWS["worth"] > 50).to_numpy(dtype=float),
    Task.MULTICLASS: np.arange(len(ROWS)) % 3.0,
    Task.REGRESSION: ROWS["worth"].to_numpy() * 2,
}


def fit_transformer(variant, task):
    recipe = Recipe(NUMERIC, ["make"], ["town"], task, TARGETS[task], 1, 7)
    transformer = get_variant(variant).build(recipe)
    rows = ROWS[[*NUMERIC, *CATEGORICAL]]
    transformer.fit(rows, TARGETS[task])
    return transformer, rows


FITTED = {(variant, task): fit_transformer(variant, task) for variant in VARIANTS for task in Task}
ENCODERS = {
    (variant, task): fit_encoder(variant, ROWS, TARGETS[task], task, seed=7)[0] for variant in VARIANTS for task in Task
}


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=12, deadline=None)
@given(rows=st.lists(st.tuples(NUMBERS, TEXTS, NUMBERS, NUMBERS, TEXTS), min_size=1, max_size=6))
def test_any_rows_become_what_scikit_learn_makes_of_them(variant, task, rows):
    asked = pd.DataFrame(rows, columns=list(ROWS)).astype(ROWS.dtypes.to_dict())
    asked[NUMERIC] = asked[NUMERIC].clip(-float(LARGEST), float(LARGEST))
    expected = FITTED[variant, task][0].transform(asked[[*NUMERIC, *CATEGORICAL]])
    if not get_variant(variant).keeps_missing:
        expected = np.clip(expected, -CLIP, CLIP)
    encoded = ENCODERS[variant, task].encode(asked)
    assert np.array_equal(encoded.values, np.asarray(expected, dtype=np.float32), equal_nan=True)
    one_by_one = np.concatenate([ENCODERS[variant, task].encode(asked.iloc[[row]]).values for row in range(len(asked))])
    assert np.array_equal(encoded.values, one_by_one, equal_nan=True)


@pytest.mark.parametrize("variant", VARIANTS)
def test_files_hold_all_of_it_and_equal_fits_are_equal_files(variant):
    encoder = ENCODERS[variant, Task.BINARY]
    again = Encoder.load(encoder.dump())
    asked = make_rows(50, seed=1).assign(town=pd.Series([*LEVELS[:40], *["town 99", None] * 5], dtype="str"))
    assert np.array_equal(again.encode(asked).values, encoder.encode(asked).values, equal_nan=True)
    assert (again.names, again.origins, again.stages) == (encoder.names, encoder.origins, encoder.stages)
    assert again.encode(asked).categorical == encoder.encode(asked).categorical
    assert again.dump() == encoder.dump()
    assert fit_encoder(variant, ROWS, TARGETS[Task.BINARY], Task.BINARY, seed=7)[0].dump() == encoder.dump()


def test_levels_that_become_what_an_unknown_one_does_are_not_kept():
    make, town = ENCODERS["onehot", Task.BINARY].compiled.levels
    assert make.known == ("a", "b")  # c is pooled with what was never met
    assert set(town.known) <= set(LEVELS)
    assert len(make.table) <= 4


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_column_has_an_origin(variant):
    transformer, _ = FITTED[variant, Task.MULTICLASS]
    assert len(trace_origins(transformer)) == len(transformer.get_feature_names_out())
    assert set(trace_origins(transformer)) == {*NUMERIC, *CATEGORICAL}


def test_a_transformer_that_does_something_else_is_noticed():
    transformer, rows = fit_transformer("onehot", Task.BINARY)
    scaler = transformer.named_transformers_["numeric"].steps[1][1]
    transform = scaler.transform
    scaler.transform = lambda values, **options: transform(values, **options) * 2
    known = {name: sorted(rows[name].dropna().unique()) for name in CATEGORICAL}
    with pytest.raises(RuntimeError, match="something else of column 'worth' than scikit-learn"):
        compile_transformer(transformer, rows[list(NUMERIC)], known, CATEGORICAL, keeps_missing=False)


def test_cells_of_some_rows_and_columns_are_those_of_the_table():
    cells = Cells.of(ROWS)
    some = cells.take(np.array([5, 2]))
    assert np.array_equal(some.read_numbers(("gaps", "worth")), ROWS[["gaps", "worth"]].iloc[[5, 2]], equal_nan=True)
    assert np.isnan(some.read_numbers(("absent", "worth"))[:, 0]).all()
    town = some.read_levels("town")
    assert [town.known[code] if code >= 0 else None for code in town.codes] == [
        None if pd.isna(cell) else cell for cell in ROWS["town"].iloc[[5, 2]]
    ]
    assert cells.read_levels("absent").codes.tolist() == [-1] * len(ROWS)
