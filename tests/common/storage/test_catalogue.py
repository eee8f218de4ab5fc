"""The catalogue: one commit or none, and a clear word where it cannot be used."""

import pytest
import sqlalchemy as sa

import pointsman.pipeline.update  # noqa: F401  (registers every table)
from benchmarks.catalogue_digests import compute_catalogue_digests
from pointsman.common.errors import ConfigError, DamagedCatalogue, StateError
from pointsman.common.storage.catalogue import Draft, connect, read_rows
from pointsman.registry.tables import events_table, generations_table, members_table

GENERATION = {
    "number": 1,
    "parent": None,
    "cause": "update",
    "batch": 1,
    "cursor": None,
    "schema": None,
    "reference": None,
    "selector": None,
    "seed": 7,
    "who": "me",
    "why": "",
}
EVENT = {"generation": 1, "position": 0, "version": "linear-0001", "event": "registered", "reason": "first"}


@pytest.fixture
def engine(catalogue_url):
    opened = connect(catalogue_url)
    yield opened
    opened.dispose()


def test_a_draft_shows_nothing_before_its_commit_and_all_after(engine):
    draft = Draft()
    draft.add(events_table, [EVENT])
    draft.add(generations_table, [GENERATION])
    assert read_rows(engine, sa.select(events_table)) == []
    draft.commit(engine)
    assert len(read_rows(engine, sa.select(events_table))) == 1
    assert len(read_rows(engine, sa.select(generations_table))) == 1


def test_a_draft_with_one_bad_row_writes_none(engine):
    draft = Draft()
    draft.add(generations_table, [GENERATION])
    draft.add(events_table, [EVENT, EVENT])
    with pytest.raises(sa.exc.IntegrityError):
        draft.commit(engine)
    assert read_rows(engine, sa.select(generations_table)) == []


def test_digests_leave_clocks_out_and_decisions_in(tmp_path):
    digests = []
    for name, cause in (("one", "update"), ("same", "update"), ("other", "rejected")):
        engine = connect(f"sqlite:///{tmp_path / name}.db")
        draft = Draft()
        draft.add(generations_table, [GENERATION | {"cause": cause}])
        draft.commit(engine)
        digests.append(compute_catalogue_digests(engine))
        engine.dispose()
    assert digests[0] == digests[1]
    assert {table for table in digests[0] if digests[0][table] != digests[2][table]} == {"generations"}


def test_a_catalogue_of_another_version_is_named(tmp_path):
    url = f"sqlite:///{tmp_path / 'old.db'}"
    old = sa.create_engine(url)
    with old.begin() as connection:
        connection.execute(sa.text("create table versions (id text primary key)"))
    old.dispose()
    with pytest.raises(StateError, match="no column 'number' in its table 'versions', so another version"):
        connect(url)


def test_a_catalogue_that_cannot_be_opened_is_named(tmp_path):
    (tmp_path / "catalogue.db").write_bytes(b"not a database" * 100)
    with pytest.raises(DamagedCatalogue, match=r"catalogue.db' is damaged \(file is not a database\); restore it"):
        connect(f"sqlite:///{tmp_path / 'catalogue.db'}")


@pytest.mark.parametrize("url", ["nonsense", "postgresql:/u:secret@h/db", "postgresql://u:secret@h:port/db"])
def test_a_url_that_is_none_is_refused_and_not_shown(url):
    with pytest.raises(ConfigError, match="database_url is no database URL; write one such as sqlite:///") as refusal:
        connect(url)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("foo://u:secret@h/db", r"'foo://u:\*\*\*@h/db' has no driver here .*dialects:foo\); install"),
        ("sqlite+pysqlcipher://u:secret@/x", r"u:\*\*\*@.*\(No module named 'pysqlcipher3'\); install the driver"),
        ("sqlite://u:secret@host/x.db", r"an option it refuses \(Invalid SQLite URL: sqlite://u:\*\*\*@host/x\.db"),
        ("sqlite:///x.db?timeout=soon", r"an option it refuses \(could not convert string to float: 'soon'\)"),
    ],
)
def test_a_url_without_a_driver_is_refused_and_its_password_hidden(url, words):
    with pytest.raises(ConfigError, match=words) as refusal:
        connect(url)
    assert "secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_option_that_the_driver_refuses_only_when_asked_is_named():
    with pytest.raises(StateError, match=r"cannot be opened \(embedded null byte\); check database_url"):
        connect("sqlite:///\0x.db")


def test_a_draft_is_written_once_however_often_it_is_committed(engine):
    draft = Draft()
    draft.add(generations_table, [GENERATION])
    draft.commit(engine)
    draft.commit(engine)
    assert len(read_rows(engine, sa.select(generations_table))) == 1


def test_a_reader_keeps_what_it_saw_while_an_update_commits(engine):
    counting = sa.select(sa.func.count()).select_from(generations_table)
    draft = Draft()
    draft.add(generations_table, [GENERATION])
    with engine.connect() as reader:
        if engine.dialect.name == "sqlite":
            reader.exec_driver_sql("BEGIN")
        else:
            reader.execution_options(isolation_level="REPEATABLE READ")
        assert reader.scalar(counting) == 0
        draft.commit(engine)
        assert reader.scalar(counting) == 0
    assert len(read_rows(engine, sa.select(generations_table))) == 1


def test_an_active_version_that_does_not_exist_is_refused(engine):
    draft = Draft()
    draft.add(generations_table, [GENERATION])
    draft.add(members_table, [{"generation": 1, "version": "linear-0001", "role": "line"}])
    with pytest.raises(sa.exc.IntegrityError, match=r"(?i)foreign key"):
        draft.commit(engine)
    assert read_rows(engine, sa.select(generations_table)) == []


def test_digests_do_not_hang_on_the_order_in_which_rows_were_written(tmp_path):
    digests = []
    events = [EVENT, EVENT | {"position": 1, "version": "linear-0002"}]
    for name, rows in (("one", events), ("turned", events[::-1])):
        engine = connect(f"sqlite:///{tmp_path / name}.db")
        draft = Draft()
        draft.add(generations_table, [GENERATION])
        draft.add(events_table, rows)
        draft.commit(engine)
        digests.append(compute_catalogue_digests(engine))
        engine.dispose()
    assert digests[0] == digests[1]
