"""Which of two labels is the positive one, and which labels are one."""

import pytest

from pointsman.common.classes import merge_spellings, put_positive_last


@pytest.mark.parametrize(
    ("classes", "counts", "positive"),
    [
        (("да", "нет"), {"да": 9, "нет": 1}, "да"),
        (("False", "True"), {"False": 1, "True": 9}, "True"),
        (("-1", "1"), {"-1": 1, "1": 9}, "1"),
        (("1", "2"), {"1": 1, "2": 9}, "1"),
        (("claim", "no claim"), {"claim": 90, "no claim": 9}, "claim"),
        (("paid", "unpaid"), {"paid": 9, "unpaid": 1}, "unpaid"),
        (("not paid", "paid"), {"paid": 9, "not paid": 1}, "paid"),
        (("lapsed", "renewed"), {"lapsed": 1, "renewed": 9}, "lapsed"),
        (("a", "b"), {"a": 5, "b": 5}, "b"),
    ],
)
def test_the_positive_class_is_the_affirmative_or_the_rarer_one(classes, counts, positive):
    assert put_positive_last(classes, counts)[-1] == positive
    assert set(put_positive_last(classes[::-1], counts)) == set(classes)


def test_spellings_of_a_label_are_counted_as_the_most_frequent_one():
    assert merge_spellings({"PAID": 1, "paid": 3, " paid  late": 1}) == {"paid": 4, " paid  late": 1}
