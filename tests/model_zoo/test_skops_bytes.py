"""Stored scikit-learn objects: equal bytes from any process, equal predictions, nothing untrusted."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from skops.io.exceptions import UntrustedTypesFoundException

from model_zoo.skops_bytes import dump_object, load_object

ROOT = Path(__file__).parents[2]
TRUSTED = (
    "numpy.dtype",
    "sklearn.compose._column_transformer.ColumnTransformer",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.tree._tree.Tree",
)

FIT = """
import io
import numpy as np, pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, QuantileTransformer, StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeClassifier

def make_frame():
    random = np.random.default_rng(3)
    make = pd.Series(random.choice(["toyota", "isuzu", "bajaj", "toyota hilux"], 300)).astype("str")
    frame = pd.DataFrame({"age": random.normal(40, 9, 300), "premium": random.lognormal(8, 1, 300), "make": make,
                          "sex": pd.Series(random.choice(["0", "1"], 300)).astype("str")})
    frame.loc[::7, "age"] = np.nan
    frame.loc[::11, "sex"] = np.nan
    return frame, (frame["premium"] > 3000).astype(int).to_numpy()

def fit_encoder():
    frame, target = make_frame()
    spelling = make_pipeline(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3)), TruncatedSVD(4, random_state=0))
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    return ColumnTransformer([
        ("numbers", make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), ["age"]),
        ("quantiles", QuantileTransformer(n_quantiles=50, subsample=None, random_state=0), ["premium"]),
        ("levels", OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=3), ["sex", "make"]),
        ("codes", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), ["sex"]),
        ("shares", TargetEncoder(cv=folds), ["make"]),
        ("spelling", spelling, "make"),
    ], sparse_threshold=0).fit(frame, target)

def fit_tree():
    frame, target = make_frame()
    return DecisionTreeClassifier(max_depth=4, random_state=1).fit(frame[["age", "premium"]].to_numpy(), target)

def fit_forest():
    frame, target = make_frame()
    return ExtraTreesRegressor(8, max_depth=5, random_state=1).fit(frame[["premium"]].to_numpy(), frame["premium"])
"""
FITTED: dict = {}
exec(FIT, FITTED)
OBJECTS = ("fit_encoder", "fit_tree", "fit_forest")


def test_two_processes_give_equal_bytes() -> None:
    """The other process has another hash seed and another memory layout."""
    code = f"""
import hashlib
clutter = [bytearray(n * 97) for n in range(2000)]
{FIT}
from model_zoo.skops_bytes import dump_object
for fit in ({", ".join(OBJECTS)}):
    print(hashlib.sha256(dump_object(fit())).hexdigest())
"""
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    command = [sys.executable, "-c", code]
    there = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert there.split() == [hashlib.sha256(dump_object(FITTED[name]())).hexdigest() for name in OBJECTS]


@pytest.mark.parametrize("name", OBJECTS)
def test_storing_what_was_loaded_gives_the_same_bytes(name: str) -> None:
    stored = dump_object(FITTED[name]())
    assert dump_object(load_object(stored, TRUSTED)) == stored


def test_a_loaded_encoder_encodes_alike() -> None:
    frame, _ = FITTED["make_frame"]()
    encoder = FITTED["fit_encoder"]()
    loaded = load_object(dump_object(encoder), TRUSTED)
    unseen = frame.assign(make=pd.Series(["tata"] * len(frame)).astype("str"))
    for table in (frame, unseen, frame.head(1)):
        assert np.array_equal(loaded.transform(table), encoder.transform(table), equal_nan=True)


def test_a_loaded_tree_predicts_alike() -> None:
    rows = FITTED["make_frame"]()[0][["age", "premium"]].to_numpy()
    tree = FITTED["fit_tree"]()
    assert np.array_equal(load_object(dump_object(tree), TRUSTED).predict_proba(rows), tree.predict_proba(rows))


def test_another_object_has_other_bytes() -> None:
    frame, target = FITTED["make_frame"]()
    tree = FITTED["fit_tree"]()
    other = FITTED["fit_tree"]().fit(frame[["age", "premium"]].to_numpy()[1:], target[1:])
    assert dump_object(tree) != dump_object(other)


def test_only_listed_types_are_loaded() -> None:
    stored = dump_object(FITTED["fit_tree"]())
    with pytest.raises(UntrustedTypesFoundException, match=r"sklearn\.tree\._tree\.Tree"):
        load_object(stored, ("numpy.dtype",))


def test_the_address_of_stop_words_is_not_stored() -> None:
    """Two equal vectorizers, whose lists of stop words lie at two addresses."""
    texts = ["own goods", "private use", "the private goods"]
    first, second = (TfidfVectorizer(stop_words=["the", "own"]).fit(texts) for _ in range(2))
    assert first._stop_words_id != second._stop_words_id
    assert dump_object(first) == dump_object(second)
    loaded = load_object(dump_object(first), ("numpy.dtype",))
    assert np.array_equal(loaded.transform(texts).toarray(), first.transform(texts).toarray())


def test_no_address_clock_or_padding_is_stored(tmp_path: Path) -> None:
    file = tmp_path / "encoder.skops"
    file.write_bytes(dump_object(FITTED["fit_encoder"]()))
    with ZipFile(file) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == sorted(archive.namelist())
        schema = archive.read("schema.json").decode()
    assert "__id__" not in schema


def test_sets_are_stored_in_one_order() -> None:
    """0 and 8 fall into one slot of a small set, so that it lists first whichever came first."""
    ascending, descending = {0, 8}, {8, 0}
    assert list(ascending) != list(descending)
    assert dump_object({"seen": ascending}) == dump_object({"seen": descending})
    assert load_object(dump_object({"seen": ascending}), ()) == {"seen": {0, 8}}


def test_a_word_named_like_a_dropped_attribute_stays() -> None:
    """Only attributes of objects are dropped: a vocabulary may hold any word."""
    vocabulary = {"_stop_words_id": 3, "__id__": 4, "other": 5}
    assert load_object(dump_object(vocabulary), ()) == vocabulary


def test_padding_between_fields_does_not_count() -> None:
    kind = np.dtype({"names": ["flag", "size"], "formats": ["u1", "f8"], "offsets": [0, 8], "itemsize": 16})
    noisy, clean = np.frombuffer(bytes([255] * 32), kind).copy(), np.zeros(2, kind)
    for array in (noisy, clean):
        array["flag"], array["size"] = 1, 2.5
    assert noisy.tobytes() != clean.tobytes()
    assert dump_object(noisy) == dump_object(clean)
