"""A row is told of earlier rows of its level alone: of nothing later, and neither of itself nor of its copies."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.common.task import Task
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.fitting import fit_model
from pointsman.model_zoo.lookback import MOST_SEEN, SMOOTHING, LookBackEncoder
from pointsman.model_zoo.model import Model

LEVELS = st.sampled_from(["a", "b", "c", None])


def column(levels):
    return pd.DataFrame({"town": pd.Series(list(levels), dtype="str")})


def made(rows=400, seed=0):
    generator = np.random.default_rng(seed)
    towns = pd.Series([f"t{number}" for number in generator.geometric(0.05, rows)], dtype="str")
    table = pd.DataFrame({"town": towns.mask(generator.random(rows) < 0.1), "make": towns.iloc[::-1].to_numpy()})
    return table.astype("str"), generator


def draw_target(task, generator, rows):
    if task is Task.REGRESSION:
        return 1e6 + 100 * generator.normal(size=rows)
    return generator.integers(0, 2 if task is Task.BINARY else 4, rows).astype(float)


def look_back_slowly(levels, target, by_class):
    """What the docs promise, row by row: one line a row and one for a request, of the level 'a'."""
    classes = np.unique(target)
    told = classes[-1:] if len(classes) == 2 else classes
    lines = []
    for row in range(len(levels) + 1):
        level = "a" if row == len(levels) else levels[row]
        past = target[:row]
        mates = np.array([one == level for one in levels[:row]], dtype=bool)
        if by_class:
            priors = [(np.sum(past == label) + 1 / max(2, len(told))) / (row + 1) for label in told]
            means = [
                (np.sum(past[mates] == label) + SMOOTHING * prior) / (mates.sum() + SMOOTHING)
                for label, prior in zip(told, priors, strict=True)
            ]
        else:
            spread = past.std() if row and past.std() > 0 else 1.0
            means = [np.sum((past[mates] - past.mean()) / spread) / (mates.sum() + SMOOTHING) if row else 0.0]
        lines.append([*means, np.log1p(min(mates.sum(), MOST_SEEN))])
    return np.array(lines)


@pytest.mark.parametrize("task", Task)
def test_it_is_what_a_loop_over_rows_would_say(task):
    generator = np.random.default_rng(5)
    levels = [str(level) for level in generator.choice(["a", "b", "c"], 700, p=[0.7, 0.25, 0.05])]
    target = draw_target(task, generator, 700)
    encoder = LookBackEncoder(task.is_classification)
    learned = encoder.fit_transform(column(levels), target)
    slowly = look_back_slowly(levels, target, task.is_classification)
    assert learned == pytest.approx(slowly[:-1], rel=1e-6, abs=1e-9)
    assert encoder.transform(column(["a"])) == pytest.approx(slowly[[-1]], rel=1e-6, abs=1e-9)


@given(st.lists(st.tuples(LEVELS, st.integers(0, 2)), min_size=4, max_size=40), st.data())
@settings(max_examples=60, deadline=None)
def test_the_target_of_a_later_row_never_changes_what_an_earlier_one_is_told(rows, data):
    levels, target = [level for level, _ in rows], np.array([code for _, code in rows], dtype=float)
    target[:3] = [0, 1, 2]  # every class stays one that is there
    changed = data.draw(st.integers(3, len(rows) - 1))
    moved = target.copy()
    moved[changed] = (target[changed] + 1) % 3
    for by_class, unit in ((True, 1.0), (False, 1e3 / 3)):
        before, after = (LookBackEncoder(by_class).fit_transform(column(levels), one * unit) for one in (target, moved))
        assert np.array_equal(before[: changed + 1], after[: changed + 1])
        later_mates = [place for place in range(changed + 1, len(rows)) if levels[place] == levels[changed]]
        if by_class and later_mates:
            assert (before[later_mates] != after[later_mates]).any(axis=1).all()


@given(st.lists(st.tuples(LEVELS, st.integers(0, 3)), min_size=1, max_size=30), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_request_sees_what_a_row_after_the_last_would_see(rows, by_class):
    levels, target = [level for level, _ in rows], np.array([code for _, code in rows], dtype=float)
    asked = ["a", "b", "never met", None]
    found = LookBackEncoder(by_class).fit(column(levels), target).transform(column(asked))
    for level, told in zip(asked, found, strict=True):
        known = np.append(target, target[-1])  # no class that was not there before
        next_row = LookBackEncoder(by_class).fit_transform(column([*levels, level]), known)[-1]
        assert told == pytest.approx(next_row, rel=1e-9, abs=1e-12)


def test_training_rows_that_are_asked_for_again_get_the_statistic_of_all_rows():
    towns, generator = made()
    target = draw_target(Task.BINARY, generator, len(towns))
    asked = LookBackEncoder(True).fit(towns, target).transform(towns)
    prior = (target.sum() + 0.5) / (len(target) + 1)
    filled = towns["town"].fillna("nowhere")
    of_level = pd.Series(target).groupby(filled)
    sums, counts = of_level.transform("sum"), of_level.transform("size")
    assert asked[:, 0] == pytest.approx((sums + SMOOTHING * prior) / (counts + SMOOTHING))
    assert asked[:, 1] == pytest.approx(np.log1p(counts))
    assert asked.shape == (len(towns), 4)


def test_a_level_never_met_is_the_mean_and_a_missing_one_is_a_level():
    levels = ["a", None] * 50
    target = np.array([0.0, 1.0] * 50)
    known, missing, unseen = LookBackEncoder(True).fit(column(levels), target).transform(column(["a", None, "x"]))
    assert unseen.tolist() == [0.5, 0.0]
    assert known[0] < 0.1 < 0.9 < missing[0]
    assert known[1] == missing[1] == np.log(51)
    assert LookBackEncoder(False).fit(column(levels), target + 7).transform(column(["x"])).tolist() == [[0.0, 0.0]]


def test_a_level_in_nearly_every_row_is_no_clock():
    seen = LookBackEncoder(True).fit_transform(column(["a"] * 2000), np.arange(2000) % 2)[:, 1]
    assert len(np.unique(seen[MOST_SEEN:])) == 1
    assert (np.diff(seen[: MOST_SEEN + 1]) > 0).all()


class TestCopies:
    @pytest.mark.parametrize("task", Task)
    def test_a_copy_sees_what_its_original_sees_and_teaches_nothing(self, task):
        towns, generator = made()
        target = draw_target(task, generator, len(towns))
        once, thrice = LookBackEncoder(task.is_classification), LookBackEncoder(task.is_classification, copies=3)
        learned = once.fit_transform(towns, target)
        both = thrice.fit_transform(pd.concat([towns] * 3, ignore_index=True), np.tile(target, 3))
        assert np.array_equal(both, np.vstack([learned] * 3))
        assert np.array_equal(thrice.transform(towns), once.transform(towns))

    def test_a_hidden_cell_sees_the_missing_cells_of_earlier_originals(self):
        levels = ["a", None, "a", None, "b", "b", None, None]
        encoded = LookBackEncoder(True, copies=2).fit_transform(column(levels), np.tile([1.0, 1.0, 0.0, 0.0], 2))
        assert np.exp(encoded[:, 1]) - 1 == pytest.approx([0, 0, 1, 1, 0, 0, 1, 1])
        assert encoded[6, 0] == encoded[3, 0] - self.shift_of_the_prior()

    def shift_of_the_prior(self):
        """Rows 2 and 3 met one missing cell of class 1 each, but row 3 another mean of everything."""
        return (SMOOTHING * 2.5 / 4 - SMOOTHING * 2.5 / 3) / (1 + SMOOTHING)

    def test_no_target_of_a_row_reaches_its_masked_copy(self):
        towns, generator = made(120)
        hidden = towns.mask(generator.random(towns.shape) < 0.5)
        both = pd.concat([towns, hidden], ignore_index=True).astype("str")
        target = draw_target(Task.REGRESSION, generator, 120)
        before = LookBackEncoder(False, copies=2).fit_transform(both, np.tile(target, 2))
        for row in range(1, 120, 17):
            moved = target.copy()
            moved[row] += 1e5
            after = LookBackEncoder(False, copies=2).fit_transform(both, np.tile(moved, 2))
            assert np.array_equal(before[: row + 1], after[: row + 1])
            assert np.array_equal(before[120 : 121 + row], after[120 : 121 + row])
            assert not np.array_equal(before, after)


@pytest.mark.parametrize("by_class", [True, False])
def test_no_rows_one_row_and_one_class_are_finite(by_class):
    for levels, target in (([], []), (["a"], [1.0]), (["a", "b"] * 20, [3.0] * 40), ([None] * 5, [0.0] * 5)):
        encoder = LookBackEncoder(by_class)
        learned = encoder.fit_transform(column(levels), np.array(target))
        assert learned.shape == (len(levels), len(encoder.get_feature_names_out(["town"])))
        for asked in ([], ["a", None, "x"]):
            answers = encoder.transform(column(asked))
            assert answers.shape == (len(asked), learned.shape[1])
            assert np.isfinite(answers).all()
        assert np.isfinite(learned).all()


def test_numbers_far_from_zero_keep_their_digits():
    towns, generator = made()
    target = generator.normal(size=len(towns))
    near, far = (LookBackEncoder(False).fit_transform(towns, target + offset) for offset in (0.0, 1e9))
    assert far == pytest.approx(near, abs=1e-5)


def test_columns_are_named_after_what_they_tell():
    towns, _ = made(6)
    two, three = (LookBackEncoder(True).fit(towns, np.arange(6.0) % classes) for classes in (2, 3))
    names = two.get_feature_names_out(["town", "make"])
    assert names.tolist() == ["town: mean", "town: seen", "make: mean", "make: seen"]
    assert three.get_feature_names_out(["town"]).tolist() == [
        "town: mean 0",
        "town: mean 1",
        "town: mean 2",
        "town: seen",
    ]


@pytest.mark.parametrize("masked", [False, True])
def test_a_model_learns_what_levels_are_worth_and_answers_alike_after_a_restart(masked):
    generator = np.random.default_rng(2)
    numbers = generator.integers(0, 60, 1500)
    towns = column(f"t{number}" for number in numbers).assign(worth=generator.normal(size=1500))
    target = (generator.random(1500) < np.where(numbers % 2, 0.9, 0.1)).astype(float)
    candidate = Candidate("lightgbm", "lookback", {"rounds": 30}, masked=masked)
    model = fit_model(candidate, towns.iloc[:1200], target[:1200], Task.BINARY, ("0", "1"), seed=3)
    answers = model.predict(towns.iloc[1200:])
    odd = numbers[1200:] % 2 == 1
    assert answers[odd, 1].mean() > 0.7 > 0.3 > answers[~odd, 1].mean()
    assert np.array_equal(Model.load(model.dump()).predict(towns.iloc[1200:]), answers)
    assert model.encode(towns).categorical == ()
