"""A notation is refused exactly where pandas would refuse it in the middle of a run, or read it as no date."""

import itertools

import pandas as pd
import pytest

from pointsman.common.config import load_config
from pointsman.common.errors import ConfigError
from pointsman.common.time_format import YEARS, find_fault

LETTERS = "aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpPqQrRsStTuUvVwWxXyYzZ%-#0"
DIRECTIVES = [f"%{letter}" for letter in LETTERS]
OF_THE_LANGUAGE = {"%c", "%x", "%X"}
"""With one of these pandas looks at no other directive."""


def is_read(notation):
    try:
        pd.to_datetime(pd.Series(["08-AUG-13"]), format=notation, errors="coerce")
    except Exception:
        return False
    return True


@pytest.mark.parametrize("count", [1, 2])
def test_what_pandas_refuses_is_refused_and_nothing_else_that_has_a_year(count):
    for parts in itertools.product(DIRECTIVES, repeat=count):
        notation = "-".join(parts)
        if (count > 1 and OF_THE_LANGUAGE & set(parts)) or set(parts) == {"%f", "%N"}:
            continue
        assert (find_fault(notation) == "") == (is_read(notation) and bool(YEARS & set(parts))), notation


LONGER = (
    "%Y-%W-%w",
    "%G-%V-%u",
    "%Y-%V-%u",
    "%G-%m-%u",
    "%Y %j",
    "%Y-%m-%",
    "%G-%V-%d",
    "[%Y",
    "%Y-%m-%dT%H:%M:%S.%f%z",
    "%Y\n%m",
    "%d. %B %Y",
    "ISO8601",
    "mixed",
)


@pytest.mark.parametrize("notation", LONGER)
def test_longer_ones_as_well(notation):
    assert (find_fault(notation) == "") == is_read(notation)


@pytest.mark.parametrize("notation", ["%s", "%Y-%m-%", "yyyy-mm-dd", "%d.%m.", "%Y-%Y", "%-d.%m.%Y", "", "%G-%m"])
def test_the_configuration_refuses_it_with_a_notation_to_write_and_that_is_taken(tmp_path, notation):
    (tmp_path / "c.yaml").write_text(f"schema: {{time: day, target: y, time_format: '{notation}'}}")
    with pytest.raises(ConfigError, match=r"The key 'schema.time_format' .* no notation of dates") as refused:
        load_config(tmp_path / "c.yaml")
    advised = str(refused.value).partition("such as ")[2].partition(" for ")[0]
    (tmp_path / "c.yaml").write_text(f"schema: {{time: day, target: y, time_format: {advised}}}")
    assert load_config(tmp_path / "c.yaml").schema_.time_format == "%d-%b-%y"


def test_a_percent_sign_needs_quotes_in_a_file_and_none_on_the_command_line(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("schema:\n  time: day\n  target: y\n  time_format: %d-%b-%y\n")
    with pytest.raises(ConfigError, match=r"^The value of line 4 of the configuration '.*' begins with %; write it in"):
        load_config(path)
    path.write_text(path.read_text().replace("%d-%b-%y", "'%d-%b-%y'"))
    assert load_config(path).schema_.time_format == "%d-%b-%y"
    assert load_config(path, ["schema.time_format=%Y/%m/%d"]).schema_.time_format == "%Y/%m/%d"
