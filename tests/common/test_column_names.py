"""Names: what became of a column that is gone."""

import pytest

from pointsman.common.column_names import describe_renamed, find_renamed

STRANGERS = ["Premium_EUR", "SUM INSURED", "driver-age", "x"]


@pytest.mark.parametrize(
    ("absent", "expected"),
    [
        ("PREMIUM", "Premium_EUR"),
        ("sum_insured", "SUM INSURED"),
        ("DriverAge", "driver-age"),
        ("region", None),
        ("y", None),
    ],
)
def test_the_nearest_unknown_column_is_found_where_one_is_near(absent, expected):
    assert find_renamed(absent, STRANGERS) == expected


def test_nothing_is_told_where_nothing_is_unknown():
    assert describe_renamed("PREMIUM", []) == ""
    assert "alone" in describe_renamed("Premium eur", STRANGERS)
