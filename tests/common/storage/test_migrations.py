"""A catalogue of before is brought up to date in place; one that cannot be read rightly is refused in a sentence."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from pointsman.common.errors import StateError
from pointsman.common.storage.catalogue import connect, metadata, read_rows
from pointsman.common.storage.migrations import PROTOCOL, bring_up_to_date, protocol_table
from pointsman.registry.tables import versions_table
from pointsman.registry.versions import Version, version_row
from tests.registry.made_versions import make_version


@pytest.fixture
def engine(catalogue_url):
    opened = connect(catalogue_url)
    yield opened
    opened.dispose()


def set_protocol(engine, number):
    with engine.begin() as connection:
        connection.execute(protocol_table.update().values(number=number))


def test_a_newer_catalogue_is_refused_with_both_numbers(engine, catalogue_url):
    set_protocol(engine, PROTOCOL + 1)
    with pytest.raises(
        StateError, match=rf"follows protocol {PROTOCOL + 1} and this .* knows {PROTOCOL}; use the newer"
    ):
        connect(catalogue_url)


def test_what_an_older_one_lacks_is_made(engine, catalogue_url):
    kept = sa.text("INSERT INTO events (generation, position, version, event, reason) VALUES (1, 0, 'v', 'e', 'r')")
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO generations (number, cause, seed, who, why, created_at) "
                "VALUES (1, 'update', 7, 'me', '', '2026-01-01 00:00:00')"
            )
        )
        connection.execute(kept)
        connection.execute(sa.text("ALTER TABLE generations DROP COLUMN parent"))
        connection.execute(sa.text("DROP TABLE members"))
        connection.execute(sa.text("DROP TABLE protocol"))
    connect(catalogue_url).dispose()
    generations, members, events = (metadata.tables[name] for name in ("generations", "members", "events"))
    assert [row["parent"] for row in read_rows(engine, sa.select(generations))] == [None]
    assert read_rows(engine, sa.select(members)) == []
    assert [row["reason"] for row in read_rows(engine, sa.select(events))] == ["r"]
    assert read_rows(engine, sa.select(protocol_table)) == [{"number": PROTOCOL}]


def test_versions_of_before_have_no_reason_for_their_threshold(engine, catalogue_url):
    version = make_version(1)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE versions DROP COLUMN untuned"))
        row = {**version_row(version), "created_at": datetime(2026, 1, 1, tzinfo=UTC)}
        del row["untuned"]
        connection.execute(sa.insert(versions_table).values(row))
    connect(catalogue_url).dispose()
    (stored,) = read_rows(engine, sa.select(versions_table))
    assert Version.from_row(stored) == version


def test_a_state_from_before_streams_were_kept_is_taken_over(engine, catalogue_url):
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO generations (number, cause, seed, who, why, created_at) "
                "VALUES (1, 'update', 7, 'me', '', '2026-01-01 00:00:00')"
            )
        )
        connection.execute(sa.text("ALTER TABLE generations DROP COLUMN stream"))
    set_protocol(engine, 1)
    connect(catalogue_url).dispose()
    rows = read_rows(engine, sa.select(metadata.tables["generations"]))
    assert [(row["number"], row["stream"]) for row in rows] == [(1, None)]
    assert read_rows(engine, sa.select(protocol_table)) == [{"number": PROTOCOL}]


def test_a_column_that_cannot_be_made_up_is_named_and_nothing_changed(engine, catalogue_url):
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE generations DROP COLUMN cause"))
        connection.execute(sa.text("DROP TABLE members"))
    with pytest.raises(StateError, match="no column 'cause' in its table 'generations', so another version"):
        connect(catalogue_url)
    assert not sa.inspect(engine).has_table("members")


def test_a_catalogue_that_lacks_nothing_is_only_read(engine):
    with engine.connect() as writer:
        if engine.dialect.name == "sqlite":
            writer.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            writer.exec_driver_sql("LOCK TABLE protocol IN SHARE ROW EXCLUSIVE MODE")
        bring_up_to_date(engine, metadata)
