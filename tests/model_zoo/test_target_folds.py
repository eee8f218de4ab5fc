"""Folds encode every row once, never by its own target and never by that of its copy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.model_zoo.target_folds import MOST_FOLDS, split_target


@given(st.integers(2, 60), st.integers(1, 3), st.booleans(), st.integers(0, 99))
def test_every_row_is_encoded_once_and_by_neither_itself_nor_a_copy(n_rows, copies, stratified, seed):
    target = np.tile(np.arange(n_rows) // 2 % 2, copies)  # of each class two rows at least, or one class alone
    seen = []
    for read, encoded in split_target(target, copies, stratified, seed):
        assert not set(read % n_rows) & set(encoded % n_rows)
        assert sorted([*read, *encoded]) == list(range(n_rows * copies))
        seen += encoded.tolist()
    assert sorted(seen) == list(range(n_rows * copies))


@pytest.mark.parametrize("stratified", [False, True])
def test_folds_are_those_of_the_rows_without_copies_and_hang_on_the_seed(stratified):
    target = np.arange(50) % 2
    alone, again, doubled = (split_target(np.tile(target, n), n, stratified, seed=1) for n in (1, 1, 2))
    encoded = [rows.tolist() for _, rows in alone]
    assert encoded == [rows.tolist() for _, rows in again]
    assert encoded == [rows[: len(rows) // 2].tolist() for _, rows in doubled]
    assert encoded != [rows.tolist() for _, rows in split_target(target, 1, stratified, seed=2)]
    assert len(encoded) == MOST_FOLDS


@pytest.mark.filterwarnings("error")
def test_a_rare_class_is_read_from_all_folds_but_one_and_the_rest_evenly_from_each():
    target = np.repeat([0, 1, 2], [1, 40, 9])
    folds = split_target(target, 1, stratified=True, seed=3)
    assert [np.bincount(target[encoded], minlength=3)[1] for _, encoded in folds] == [8] * MOST_FOLDS
    assert sorted(np.bincount(target[read], minlength=3)[0] for read, _ in folds) == [0, 1, 1, 1, 1]


def test_a_single_row_is_all_there_is_to_encode_it_by():
    assert [(read.tolist(), encoded.tolist()) for read, encoded in split_target(np.ones(2), 2, False, seed=1)] == [
        ([0, 1], [0, 1])
    ]
