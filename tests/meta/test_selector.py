"""The selector stays with the champion unless it is sure, and graded, to do better."""

import numpy as np
import pytest
from meta.examples import MetaExample

from common.config import SelectionConfig
from meta.metafeatures import METAFEATURES
from meta.selector import Grade, Selector, fit_selector, grade_selector

CONFIG = SelectionConfig()
LINES = ("champ", "robust")


def example(batch, missing, champ, robust, name="e", condition="clean"):
    described = dict.fromkeys(METAFEATURES, 0.0) | {"missing_share": missing, "missing_worst_column": missing}
    losses = {"champ": champ} | ({} if robust is None else {"robust": robust})
    return MetaExample(batch, f"{name}{missing}", condition, 100, described, losses)


def history(batches=6):
    generator = np.random.default_rng(0)
    return [
        example(batch, missing, 0.3 + 2 * missing + generator.normal(0, 0.01), 0.4 + 0.1 * missing, condition=condition)
        for batch in range(batches)
        for missing, condition in ((0.0, "clean"), (0.02, "clean"), (0.6, "sparse"), (0.7, "sparse"))
    ]


GOOD = [Grade(5, 10, selected=0.5, champion=0.6, single_best=0.5, oracle=0.4, switched=0.5)]
BAD = [Grade(5, 10, selected=0.7, champion=0.6, single_best=0.5, oracle=0.4, switched=0.5)]


def fit(examples, grades):
    return fit_selector(examples, grades, LINES, "champ", CONFIG, seed=1)


def test_it_switches_where_another_line_is_surely_better():
    selector = fit(history(), GOOD)
    damaged = selector.choose(example(9, 0.65, 0, 0).metafeatures)
    assert (damaged.line, damaged.reason) == ("robust", "selected")
    assert damaged.expected["robust"] < 0
    assert selector.choose(example(9, 0.0, 0, 0).metafeatures).line == "champ"
    assert selector.fallbacks["sparse"] == "robust"


@pytest.mark.parametrize(("grades", "words"), [([], "not been graded"), (BAD, "lost to the champion")])
def test_it_is_withheld_until_its_grades_allow_it(grades, words):
    choice = fit(history(), grades).choose(example(9, 0.65, 0, 0).metafeatures)
    assert choice.line == "champ"
    assert words in choice.reason


def test_too_few_examples_leave_the_champion():
    choice = fit(history(2), GOOD).choose(example(9, 0.65, 0, 0).metafeatures)
    assert (choice.line, "too few" in choice.reason) == ("champ", True)


def test_a_line_without_record_counts_as_equal():
    examples = [example(batch, missing, 0.5, None) for batch in range(6) for missing in (0.0, 0.3, 0.6)]
    assert fit(examples, GOOD).choose(example(9, 0.6, 0, 0).metafeatures).line == "champ"


def test_it_is_stored_and_chooses_the_same():
    selector = fit(history(), GOOD)
    loaded = Selector.load(selector.dump())
    for missing in (0.0, 0.3, 0.65):
        described = example(9, missing, 0, 0).metafeatures
        assert loaded.choose(described) == selector.choose(described)


def test_a_grade_lies_between_its_bounds():
    grade = grade_selector(fit(history(), []), 7, [example(7, 0.0, 0.3, 0.4), example(7, 0.65, 1.6, 0.47)])
    assert grade.oracle == pytest.approx((0.3 + 0.47) / 2)
    assert grade.oracle <= grade.selected <= grade.champion
    assert grade.switched == 0.5
