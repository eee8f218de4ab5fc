"""The cursor as JSON, and which parts are copies or renamed."""

import json

import pandas as pd
import pytest

from pointsman.common.errors import StateError
from pointsman.pipeline.collection.cursor import Cursor, PartState, match_parts
from pointsman.pipeline.collection.part import Part


def part(key, content):
    return Part(key, f"folder/{key}", pd.DataFrame, content)


def seen(**contents):
    return Cursor({key: PartState(9, 9, 5, tuple(history.split())) for key, history in contents.items()})


def keys(parts):
    return [part.key for part in parts]


def test_a_cursor_survives_json():
    cursor = Cursor(
        {"a": PartState(10, 3, 2**64 - 1, ("x", "y")), "b": PartState()}, pd.Timestamp("2020-01-01 10:00:00.000001")
    )
    assert Cursor.from_json(json.loads(json.dumps(cursor.to_json()))) == cursor
    assert Cursor.from_json(json.loads(json.dumps(Cursor().to_json()))) == Cursor()


@pytest.mark.parametrize("nothing", [None, {}])
def test_no_cursor_means_that_nothing_was_taken(nothing):
    assert Cursor.from_json(nothing) == Cursor()


def test_a_cursor_of_another_protocol_is_refused():
    with pytest.raises(StateError, match="protocol 99"):
        Cursor.from_json({**Cursor().to_json(), "protocol": 99})


def test_a_part_is_finished_when_all_of_its_present_content_was_taken():
    assert PartState(9, 9, 5, ("old", "new")).has_all_of(part("a", "new"))
    assert not PartState(9, 8, 5, ("new",)).has_all_of(part("a", "new"))
    assert not PartState(9, 9, 5, ("new", "old")).has_all_of(part("a", "new"))
    assert not PartState(9, 9, 5, ()).has_all_of(part("a", None))
    assert not PartState().has_all_of(part("a", "new"))


def test_contents_are_remembered_once_with_the_present_one_last():
    state = PartState().remember(part("a", "1")).remember(part("a", "2")).remember(part("a", "1"))
    assert state.contents == ("2", "1")
    assert state.remember(part("a", None)) == state


@pytest.mark.parametrize(
    ("cursor", "listed", "kept"),
    [
        (Cursor(), "a:1 b:1 c:2", "a c"),  # a copy among new files: the first counts
        (seen(b="1"), "a:1 b:1", "b"),  # a copy that sorts before its original
        (seen(b="0"), "a:1 b:1", "b"),  # a copy of what a known file has just become
        (seen(a="1 2"), "a:2 b:1", "a"),  # a backup of what a file was before it grew
        (seen(a="1", b="2"), "a:2 b:2", "b"),  # a known file overwritten by a copy of another
        (seen(a="1", b="2"), "a:1 b:2 c:3", "a b c"),
    ],
)
def test_copies_are_left_out(cursor, listed, kept):
    parts, matched = match_parts([part(*item.split(":")) for item in listed.split()], cursor)
    assert keys(parts) == kept.split()
    assert matched == cursor


def test_a_renamed_part_continues_from_its_state():
    parts, matched = match_parts([part("new", "1"), part("copy", "1")], seen(old="0 1"))
    assert keys(parts) == ["new"]
    assert matched.parts == {"new": seen(old="0 1").parts["old"]}


def test_of_two_versions_of_a_part_that_is_gone_the_latest_continues_it():
    parts, matched = match_parts([part("early", "1"), part("late", "2")], seen(old="1 2"))
    assert keys(parts) == ["late"]
    assert set(matched.parts) == {"late"}


def test_parts_without_a_digest_are_known_by_their_key():
    parts, matched = match_parts([part("sql", None)], seen(sql=""))
    assert keys(parts) == ["sql"]
    assert matched == seen(sql="")


def test_the_state_of_a_part_that_is_gone_is_kept():
    assert match_parts([part("b", "2")], seen(a="1"))[1].parts == seen(a="1").parts
