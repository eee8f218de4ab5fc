"""Bad files, each through a whole update: a coded finding and what the configuration says, never a traceback."""

import numpy as np
import pandas as pd
import pytest
import small_stream
from small_stream import ROWS, make_rows, take

NEXT = make_rows().iloc[2 * ROWS : 3 * ROWS].reset_index(drop=True)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    return small_stream.learn(tmp_path_factory.mktemp("learned"), 2)


@pytest.fixture
def folder(learned, tmp_path):
    return small_stream.copy(learned, tmp_path / "copy")


def age(frame, years):
    dates = {name: pd.to_datetime(frame[name], format="%d-%b-%y") for name in ("INSR_BEGIN", "INSR_END")}
    return frame.assign(
        **{
            name: (cells - pd.DateOffset(years=years)).dt.strftime("%d-%b-%y").str.upper()
            for name, cells in dates.items()
        }
    )


def without_premium(frame):
    return frame.drop(columns="PREMIUM")


def as_text(frame):
    return frame.assign(PREMIUM="much")


def empty(frame):
    return frame.assign(PREMIUM="")


def with_infinities(frame):
    return frame.assign(PREMIUM=frame["PREMIUM"].mask(frame.index % 10 == 0, "inf"))


def with_new_levels(frame):
    many = pd.concat([frame] * 84, ignore_index=True).head(10_000)
    return many.assign(MAKE=[f"MAKE {row}" for row in range(10_000)])


CASES = {
    "a column vanishes": (without_premium, {"DQ002"}),
    "a column is all missing": (empty, {"DQ020"}),
    "a batch older than the newest stored": (lambda frame: age(frame, 3), {"DQ027"}),
    "infinities": (with_infinities, {"DQ021"}),
    "10,000 levels in one column": (with_new_levels, {"DQ022", "DQ024"}),
    "stored rows come again": (lambda _: make_rows().iloc[: ROWS - 5], {"DQ025"}),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_told_by_its_code_and_learned(folder, name):
    damage, codes = CASES[name]
    batch, found, refused = take(folder, damage(NEXT), "training.max_rows=400")
    assert (batch["status"], refused) == ("accepted", "")
    assert codes <= set(found["code"])
    assert found["message"].str.endswith(".").all()
    assert not found["severity"].eq("error").any()


@pytest.mark.parametrize("name", CASES)
def test_the_configuration_may_reject_it(folder, name):
    damage, codes = CASES[name]
    code = min(codes)
    batch, found, refused = take(folder, damage(NEXT), f"quality.severity.{code}=error")
    assert batch["status"] == "rejected"
    message = found.loc[found["code"] == code, "message"].iloc[0]
    assert refused == f"Batch 3 was rejected and kept aside: {message}"


@pytest.mark.parametrize(("damage", "code"), [(as_text, "DQ011"), (lambda frame: frame.head(1), "DQ016")])
def test_another_type_or_a_single_row_is_rejected(folder, damage, code):
    batch, found, refused = take(folder, damage(NEXT))
    assert batch["status"] == "rejected"
    assert code in set(found["code"])
    assert refused.startswith("Batch 3 was rejected and kept aside: ")


def test_a_single_row_may_be_learned(folder):
    batch, found, _ = take(folder, NEXT.head(1), "batch.min_rows=1")
    assert (batch["status"], batch["rows"]) == ("accepted", 1)
    assert take(folder)[0]["rows"] == ROWS
    assert "DQ017" in set(found["code"])


def test_rows_at_fault_are_put_aside_where_the_configuration_says_so(folder):
    batch, _, _ = take(folder, with_infinities(NEXT), "quality.severity.DQ021=quarantine")
    assert batch["quarantined"] == int((np.arange(ROWS) % 10 == 0).sum())
    repeated = pd.concat([NEXT.assign(PREMIUM="700"), make_rows().iloc[:ROWS]], ignore_index=True)
    overrides = ("quality.severity.DQ025=quarantine", "quality.max_repeated=0")
    batch, found, _ = take(folder, repeated, *overrides)
    assert (batch["rows"], batch["quarantined"]) == (2 * ROWS, ROWS)
    assert f"{ROWS} of {2 * ROWS} rows of batch 4 repeat" in found.set_index("code").loc["DQ025", "message"]
    assert f"({ROWS}) rows of batch 1" in found.set_index("code").loc["DQ025", "message"]
