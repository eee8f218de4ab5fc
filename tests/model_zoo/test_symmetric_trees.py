"""Symmetric trees as arrays answer and explain as CatBoost does, also what it never met, and stay within themselves."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pointsman.common.task import Task
from pointsman.model_zoo import catboost as family_file
from pointsman.model_zoo.arrays import dump_arrays, load_arrays
from pointsman.model_zoo.check_tables import Rows, make_rows
from pointsman.model_zoo.families import FAMILIES
from pointsman.model_zoo.symmetric_shap import explain_trees
from pointsman.model_zoo.symmetric_trees import Lookup, SymmetricTrees

pytest.importorskip("catboost", reason="the optional catboost is not installed")
FAMILY = FAMILIES["catboost"]


def make_mixed_rows(task: Task, n_rows: int = 500) -> Rows:
    """Rows with numbers, a column of two codes and one of nine, whose combination decides."""
    rows, generator = make_rows(FAMILY, task, n_rows), np.random.default_rng(2)
    two, nine = generator.integers(0, 2, n_rows), generator.integers(0, 9, n_rows)
    lift = (two * nine + (rows.table.values[:, 1] > 0)) % 3
    target = lift + rows.target if task is Task.REGRESSION else lift % (rows.n_classes or 2)
    rows = rows.with_column("noise", two).with_column("group", nine)
    return replace(rows, table=replace(rows.table, categorical=(2, 3)), target=target)


@pytest.fixture
def both(monkeypatch):
    """A function that fits rows and returns CatBoost's own model beside the compiled one."""
    kept = []
    compile_it = family_file._check
    monkeypatch.setattr(
        family_file, "_check", lambda learned, model, values: (kept.append(model), compile_it(learned, model, values))
    )

    def fit(rows: Rows, **params):
        return rows.fit(FAMILY, params={"rounds": 40} | params).learned, kept[-1]

    return fit


@pytest.mark.parametrize("complexity", [1, 2])
@pytest.mark.parametrize("task", list(Task))
def test_the_margins_are_those_of_catboost(both, task: Task, complexity: int) -> None:
    rows = make_mixed_rows(task)
    learned, own = both(rows, max_ctr_complexity=complexity)
    assert complexity > 1 or all(len(lookup.key.columns) == 1 for lookup in learned.lookups)
    assert complexity == 1 or task is Task.MULTICLASS or any(lookup.key.above for lookup in learned.lookups)
    asked = np.vstack([rows.table.values, np.random.default_rng(3).normal(0, 5, (200, 4)).round(1)]).astype(np.float32)
    filled = np.where(np.isnan(asked) & ~np.isnan(learned.fills), learned.fills, asked)
    theirs = own.predict(family_file._pool(filled, learned.categorical), prediction_type="RawFormulaVal")
    np.testing.assert_allclose(learned.predict(asked), theirs.reshape(len(asked), -1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("complexity", [1, 2])
@pytest.mark.parametrize("task", list(Task))
def test_its_shap_values_are_catboosts_own(both, task: Task, complexity: int) -> None:
    rows = make_mixed_rows(task)
    learned, own = both(rows, max_ctr_complexity=complexity)
    values = rows.table.values[:30]
    terms = explain_trees(learned, values)
    pool = family_file._pool(values, learned.categorical)
    theirs = own.get_feature_importance(pool, type="ShapValues").reshape(30, -1, 5)
    parts, own_parts = terms.parts, theirs[:, :, :-1].transpose(0, 2, 1)
    if complexity > 1:  # a combination is shared out otherwise; its column is not
        parts, own_parts = parts.sum(axis=1), own_parts.sum(axis=1)
    np.testing.assert_allclose(parts, own_parts, atol=1e-5)
    np.testing.assert_allclose(terms.base, theirs[0, :, -1], atol=1e-5)


def forge(learned: SymmetricTrees, **arrays: np.ndarray) -> dict[str, bytes]:
    stored = learned.dump()
    return stored | {"catboost.npz": dump_arrays(**load_arrays(stored["catboost.npz"]) | arrays)}


def test_trees_that_lead_out_of_their_arrays_are_refused() -> None:
    learned = make_mixed_rows(Task.BINARY).fit(FAMILY, params={"rounds": 40}).learned
    assert SymmetricTrees.load(learned.dump()).dump() == learned.dump()
    for name, array in {
        "asked": learned.asked + 1000,
        "depths": learned.depths + 1,
        "thresholds": learned.thresholds[1:],
        "leaves": learned.leaves[:-1],
        "weights": learned.weights[:-1],
        "hashes": learned.hashes[1:],
        "known_0": learned.lookups[0].known[1:],
    }.items():
        with pytest.raises(ValueError, match="do not fit together"):
            SymmetricTrees.load(forge(learned, **{name: array}))
    reading = json.loads(learned.dump()["catboost.json"])
    reading["keys"][0]["categories"] = [17]
    with pytest.raises(ValueError, match="do not fit together"):
        SymmetricTrees.load(learned.dump() | {"catboost.json": json.dumps(reading).encode()})
    with pytest.raises(ValueError, match="other arrays"):
        SymmetricTrees.load(forge(learned, more=np.zeros(3)))


def test_a_file_of_catboosts_own_is_not_opened() -> None:
    with pytest.raises(ValueError, match="has to be made again"):
        SymmetricTrees.load({"catboost.cbm": b"CBM1", "catboost.json": b"{}"})


def test_a_table_of_means_has_one_more_for_what_was_not_met() -> None:
    learned = make_mixed_rows(Task.BINARY).fit(FAMILY, params={"rounds": 40}).learned
    lookup = learned.lookups[0]
    with pytest.raises(ValueError, match="do not fit together"):
        Lookup(lookup.key, lookup.known, lookup.means[1:])


def test_trees_that_answer_otherwise_than_catboost_are_not_kept(monkeypatch) -> None:
    compile_it = family_file.compile_trees

    def spoil(*given):
        learned = compile_it(*given)
        return replace(learned, leaves=learned.leaves * 1.01)

    monkeypatch.setattr(family_file, "compile_trees", spoil)
    with pytest.raises(RuntimeError, match=r"requirements-catboost\.txt"):
        make_mixed_rows(Task.BINARY).fit(FAMILY, params={"rounds": 40})
