"""The benchmark of cells keeps its bounds on columns of another seed."""

from benchmarks import cells


def test_columns_are_read_right_or_with_a_warning():
    found = cells.run(120, seed=20)
    wrong = found[~found["right"]]
    assert len(wrong) <= 1, wrong
    assert not found["silent"].any(), wrong


def test_a_column_read_wrong_is_told_from_one_read_right():
    made = cells.make_numbers(cells.np.random.default_rng(0), 60, "1.234,50")
    assert cells.judge(made) == (True, False)
    shifted = cells.MadeColumn(made.kind, made.notation, made.cells, made.meant + 1)
    assert cells.judge(shifted) == (False, False)
