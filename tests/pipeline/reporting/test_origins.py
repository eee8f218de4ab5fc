"""Encoded columns are traced to the features they come from, and not by their names."""

from itertools import product

import numpy as np
import pytest
from made_state import make_model, make_rows

from pointsman.common.task import Task
from pointsman.model_zoo.encoder import Encoder
from pointsman.model_zoo.terms import sum_by_origin


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
@pytest.mark.parametrize("variant", ["onehot", "target", "native", "spelling", "lookback"])
def test_a_column_changes_only_with_its_origin(variant, task):
    """Damage one feature at a time: the columns that change are exactly those of that origin (or some of them)."""
    family = "lightgbm" if variant in ("native", "lookback") else "linear"
    encoder = make_model(family, variant, task).encoder
    features, _ = make_rows(5)
    origins = np.array(encoder.origins)
    assert len(origins) == len(encoder.names)
    before = encoder.encode(features).values
    reached = set()
    for name, shift in product(features, (1, 17)):
        damaged = features.assign(**{name: np.roll(features[name].to_numpy(), shift)})
        changed = (~np.isclose(before, encoder.encode(damaged).values, equal_nan=True)).any(axis=0)
        assert changed.any()
        assert set(origins[changed]) == {name}
        reached |= set(np.flatnonzero(changed))
    constant = np.ptp(np.nan_to_num(before), axis=0) == 0
    assert reached | set(np.flatnonzero(constant)) == set(range(len(origins)))


def test_an_encoder_without_columns_has_no_origin():
    assert Encoder("onehot", (), (), None).origins == ()


def test_sums_keep_the_total_of_every_row_and_output():
    values = np.random.default_rng(0).normal(size=(5, 6, 3))
    summed = sum_by_origin(values, ["b", "a", "b", "c", "a", "a"], ["a", "b", "c", "never"])
    np.testing.assert_allclose(summed.sum(axis=1), values.sum(axis=1))
    assert not summed[:, 3].any()
