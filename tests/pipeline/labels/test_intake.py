"""Labels are taken whenever they come; what is of no use is named, and nothing that was taken is lost."""

import pandas as pd
import pytest
import small_stream
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from made_requests import make_live_rows, one_by_one, serve

from pointsman import cli
from pointsman.common.errors import DataError, StateError
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import open_state
from pointsman.common.task import Task
from pointsman.meta.label_tables import labels_table
from pointsman.pipeline.feedback import receive
from pointsman.pipeline.labels.intake import add_labels, name_row, read_cells, split_row_id

NUMBERS = Schema("day", "sold", Task.REGRESSION, missing_values=("", "NA"))
RULE = Schema("day", "sold", Task.BINARY, ("0", "1"), missing_values=("",), positive="> 10", missing_target=0)
CLASSES = Schema("day", "kind", Task.MULTICLASS, ("1", "2", "x"), missing_values=("",))


@pytest.fixture(scope="module")
def folder(linear_stream, tmp_path_factory):
    folder = small_stream.copy(linear_stream, tmp_path_factory.mktemp("labels"))
    with small_stream.opened(folder, small_stream.LINEAR) as (config, state):
        rows, _ = make_live_rows(30, config.schema_.target)
        few = config.model_copy(update={"selection": config.selection.model_copy(update={"matched_rows": 2})})
        serve(few, state, one_by_one(rows) | {"many-of": rows})
    return folder


@pytest.fixture
def opened(folder):
    with small_stream.opened(folder, small_stream.LINEAR) as (config, state):
        yield config, state


def read_labels_of(state, request):
    query = sa.select(labels_table).where(labels_table.c.request == request).order_by(labels_table.c.number)
    return [(row["position"], row["label"]) for row in read_rows(state.engine, query)]


def test_a_label_is_new_then_known_then_corrected_and_all_stay(opened):
    config, state = opened
    assert add_labels(config, state, [("one0-0", 1)], "feedback").new == ("one0-0",)
    assert add_labels(config, state, [("one0-0", "1.0")], "feedback").known == ("one0-0",)
    assert add_labels(config, state, [("one0-0", "0"), ("one0-0", "0")], "feedback").corrected == ("one0-0",)
    assert read_labels_of(state, "one0") == [(0, "1"), (0, "0")]


def test_what_is_of_no_use_is_told_apart_and_not_stored(opened):
    config, state = opened
    pairs = [
        ("one1-0", "soon"),
        ("one1-1", 1),
        ("nonsense", 1),
        ("many-of-7", 1),
        ("many-of-29", 1),
        ("later-0", 0),
        ("later-0", 1),
        ("one2-0", None),
        ("many-of-99", 1),
    ]
    received = add_labels(config, state, pairs, "feedback")
    assert received.unreadable == ("one1-0",)
    assert received.unknown == ("one1-1", "nonsense", "many-of-99")
    assert received.early == ("later-0",)
    assert received.new == ("many-of-29", "one2-0")
    assert received.unlogged == ("many-of-7",), "of a request with 30 rows two were kept"
    assert received.contradicting == ("later-0",), "the last label counts"
    assert "'nonsense'" in received.describe()
    assert read_labels_of(state, "one1") == []
    assert read_labels_of(state, "one2") == [(0, "0")], "in this stream an empty target means no claim"


def test_ids_left_out_of_the_log_are_told_from_unknown_ones(opened):
    config, state = opened
    none = config.model_copy(update={"labels": config.labels.model_copy(update={"log_share": 0.0})})
    received = add_labels(none, state, [("elsewhere-0", 1), ("one3-0", 1)], "feedback")
    assert (received.unlogged, received.new) == (("elsewhere-0",), ("one3-0",))
    assert read_labels_of(state, "elsewhere") == []


def test_the_command_prints_how_many_are_new(folder, tmp_path, capsys):
    target = small_stream.configure(folder).schema_.target
    file = tmp_path / "labels.csv"
    pd.DataFrame({"predict_id": ["one8-0", "one9-0", "who"], target: [0, 1, 1]}).to_csv(file, index=False)
    config = [f"data_dir={folder}", f"state_dir={folder / 'state'}", *small_stream.QUICK]
    command = ["feedback", "-file", str(file), "--config", str(small_stream.ROOT / "config.yaml"), *config]
    assert cli.main(command) == 0
    assert capsys.readouterr().out == "2\n"
    assert cli.main(command) == 0
    assert capsys.readouterr().out == "0\n"
    assert cli.main(["feedback"]) != 0
    assert "-file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("columns", "named"),
    [(["predict_id", "verdict"], "'label'"), (["id", "label"], "'predict_id'"), (["label"], "'predict_id'")],
)
def test_a_file_without_its_columns_is_refused(opened, tmp_path, columns, named):
    config, _ = opened
    pd.DataFrame([["one0-0", 1][: len(columns)]], columns=columns).to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(DataError, match=f"bad.csv' needs the columns.*{named}"):
        receive(config, tmp_path / "bad.csv")


def test_before_the_first_update_there_is_nothing_to_label(tmp_path):
    (tmp_path / "labels.csv").write_text("predict_id,label\na-0,1\n")
    config = small_stream.configure(tmp_path)
    with pytest.raises(StateError, match=r"no state in '.*state' yet; run 'python run\.py update'"):
        receive(config, tmp_path / "labels.csv")
    with open_state(config), pytest.raises(StateError, match=r"no row was served; run 'python run\.py update'"):
        receive(config, tmp_path / "labels.csv")


def test_labels_are_read_as_the_schema_has_them():
    assert read_cells(["1.5", "NA", None, "many", float("inf"), 3], NUMBERS) == ["1.5", None, None, None, None, "3.0"]
    assert read_cells([11, "9", "", None, "?"], RULE) == ["1", "0", "0", "0", None]
    assert read_cells([1.0, "2", " x ", "y", True, {"a": 1}], CLASSES) == ["1", "2", "x", None, None, None]


REQUESTS = st.text(min_size=1, max_size=80).filter(lambda text: text.isprintable() and not text.endswith("-"))


@given(REQUESTS, st.integers(0, 10**8))
def test_the_id_of_a_row_tells_request_and_position(request_id, position):
    assert split_row_id(name_row(request_id, position)) == (request_id, position)


@given(st.text())
def test_any_text_is_an_id_or_none(text):
    place = split_row_id(text)
    assert place is None or name_row(*place) == text
