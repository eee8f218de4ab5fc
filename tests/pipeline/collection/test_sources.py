"""Sources: one contract that every kind keeps, then what is special about each."""

import logging
import shutil
import uuid
from decimal import Decimal

import pandas as pd
import pytest
import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.errors import ConfigError, DataError
from pointsman.pipeline.collection.cells import format_cells, storable
from pointsman.pipeline.collection.demo.simulator import simulate
from pointsman.pipeline.collection.sources import open_source
from pointsman.pipeline.collection.sql import make_table

ROWS = pd.DataFrame({"day": ["2020-01-01", "2020-01-02"], "x": ["1", "2"], "y": ["0", "1"]})


def make_config(folder, **source):
    return Config.model_validate({"data_dir": folder, "source": source, "schema": {"time": "day", "target": "y"}})


def make_database(folder, rows=ROWS):
    engine = sa.create_engine(f"sqlite:///{folder / 'rows.db'}")
    rows.to_sql("rows", engine, index=False, if_exists="replace")
    engine.dispose()


class SourceContract:
    """What every source keeps. A kind inherits this, says how to make one and, where it can change, how it grows."""

    columns = tuple(ROWS.columns)

    def make(self, folder):
        """Return the source, its data lying below ``folder``."""
        raise NotImplementedError

    def grow(self, folder):
        """Add rows to the data of ``make``; return False where the kind cannot grow."""
        raise NotImplementedError

    def test_it_has_parts_with_distinct_keys_and_a_label(self, tmp_path):
        source = self.make(tmp_path)
        keys = [part.key for part in source.parts()]
        assert keys
        assert len(set(keys)) == len(keys)
        assert source.label
        assert all(part.label for part in source.parts())

    def test_listing_twice_gives_the_same_keys_and_digests(self, tmp_path):
        source = self.make(tmp_path)  # once: a file that is compressed again holds another second
        first, second = ([(part.key, part.digest) for part in source.parts()] for _ in range(2))
        assert first == second

    def test_keys_do_not_depend_on_where_the_data_folder_lies(self, tmp_path):
        (tmp_path / "here").mkdir()
        here = self.make(tmp_path / "here")
        shutil.copytree(tmp_path / "here", tmp_path / "there")
        there = self.make(tmp_path / "there")
        assert [part.key for part in here.parts()] == [part.key for part in there.parts()]

    def test_loading_twice_gives_equal_tables_with_named_columns(self, tmp_path):
        for part in self.make(tmp_path).parts():
            first, second = part.load(), part.load()
            pd.testing.assert_frame_equal(first, second)
            assert tuple(first.columns) == self.columns
            assert len(first)

    def test_rows_that_are_added_show_in_the_digest_or_the_table(self, tmp_path):
        source = self.make(tmp_path)
        before = {part.key: (part.digest, len(part.load())) for part in source.parts()}
        if self.grow(tmp_path):
            after = {part.key: (part.digest, len(part.load())) for part in source.parts()}
            assert sum(rows for _, rows in after.values()) > sum(rows for _, rows in before.values())
            for key in before.keys() & after.keys():
                (old, old_rows), (new, new_rows) = before[key], after[key]
                assert old is None or (old == new) == (old_rows == new_rows)

    def test_nothing_is_read_before_parts_are_asked_for(self, tmp_path):
        self.make(tmp_path)
        source = self.make(tmp_path)
        shutil.rmtree(tmp_path)
        assert source.label


class TestFiles(SourceContract):
    def make(self, folder):
        ROWS.to_csv(folder / "a.csv", index=False)
        ROWS.assign(x="3").to_csv(folder / "b.csv.gz", index=False)
        return open_source(make_config(folder, kind="files", paths=["a.csv", "b.csv.gz"]))

    def grow(self, folder):
        ROWS.to_csv(folder / "a.csv", index=False, mode="a", header=False)
        return True

    def test_parts_are_in_the_order_of_the_paths(self, tmp_path):
        self.make(tmp_path)
        source = open_source(make_config(tmp_path, kind="files", paths=["b.csv.gz", "a.csv", "a.csv"]))
        assert [part.key for part in source.parts()] == ["b.csv.gz", "a.csv"]

    def test_an_absolute_path_below_the_data_folder_is_the_same_part(self, tmp_path):
        relative = self.make(tmp_path).parts()[0]
        absolute = open_source(make_config(tmp_path, kind="files", paths=[str(tmp_path / "a.csv")])).parts()[0]
        assert (absolute.key, absolute.digest) == (relative.key, relative.digest)

    def test_a_missing_file_a_folder_and_an_unknown_format_are_refused_by_name(self, tmp_path):
        (tmp_path / "sub.csv").mkdir()
        (tmp_path / "a.json").write_text("[]")
        for name, reason in {"none.csv": "does not exist", "sub.csv": "is a folder", "a.json": "not supported"}.items():
            source = open_source(make_config(tmp_path, kind="files", paths=[name]))
            with pytest.raises(DataError, match=f"{name}.*{reason}"):
                source.parts()


class TestFolder(SourceContract):
    def make(self, folder):
        drop = folder / "drop"
        drop.mkdir(exist_ok=True)
        ROWS.to_csv(drop / "b.csv", index=False)
        ROWS.astype("str").to_parquet(drop / "a.parquet")
        return open_source(make_config(folder, kind="folder", paths="drop"))

    def grow(self, folder):
        ROWS.assign(x="7").to_csv(folder / "drop" / "c.csv", index=False)
        return True

    def test_files_are_listed_by_name(self, tmp_path):
        assert [part.key for part in self.make(tmp_path).parts()] == ["drop/a.parquet", "drop/b.csv"]

    def test_what_cannot_be_read_is_ignored_with_a_log_line_each(self, tmp_path, caplog):
        source = self.make(tmp_path)
        ignored = ["notes.txt", ".hidden.csv", "~$open.xlsx", "empty.csv"]
        for name in ignored:
            (tmp_path / "drop" / name).write_text("" if name == "empty.csv" else "text")
        (tmp_path / "drop" / "sub").mkdir()
        with caplog.at_level(logging.INFO):
            assert len(source.parts()) == 2
        assert all(any(name in message for message in caplog.messages) for name in [*ignored, "sub"])

    def test_an_empty_folder_has_no_parts_and_a_missing_one_is_refused(self, tmp_path):
        (tmp_path / "drop").mkdir()
        assert open_source(make_config(tmp_path, kind="folder", paths="drop")).parts() == ()
        with pytest.raises(DataError, match=r"nowhere.*cannot be listed"):
            open_source(make_config(tmp_path, kind="folder", paths="nowhere")).parts()

    def test_folders_that_overlap_give_a_file_once(self, tmp_path):
        self.make(tmp_path)
        source = open_source(make_config(tmp_path, kind="folder", paths=["drop", "drop"]))
        assert len(source.parts()) == 2


class TestSql(SourceContract):
    def make(self, folder):
        make_database(folder)
        return open_source(make_config(folder, kind="sql", url="sqlite:///rows.db", query="SELECT * FROM rows"))

    def grow(self, folder):
        make_database(folder, pd.concat([ROWS, ROWS]))
        return True

    def load(self, folder, query, url="sqlite:///rows.db"):
        make_database(folder)
        return open_source(make_config(folder, kind="sql", url=url, query=query)).parts()[0].load()

    def test_colons_and_percent_signs_in_a_query_are_themselves(self, tmp_path):
        rows = self.load(tmp_path, "SELECT day, y, 'at :noon 12:30' AS x FROM rows WHERE day LIKE '2020%'")
        assert rows["x"].tolist() == ["at :noon 12:30"] * 2

    @pytest.mark.parametrize("query", ["SELECT * FROM no_table", "SELEKT 1", "CREATE TABLE other (a INTEGER)"])
    def test_a_query_that_fails_is_reported_in_one_sentence(self, tmp_path, query):
        with pytest.raises(
            DataError,
            match=r"rows\.db' failed \(.*(no_table|SELEKT|not return rows).*check source\.url and source\.query",
        ) as refused:
            self.load(tmp_path, query)
        assert "\n" not in str(refused.value)

    def test_cells_of_every_kind_keep_their_digits(self, tmp_path):
        table = self.load(
            tmp_path,
            """
            SELECT 900719925474100568 AS id, 1 AS small, x'41ff' AS code, 'a' AS text, NULL AS none
            UNION ALL SELECT NULL, NULL, NULL, NULL, NULL""",
        )
        assert table["id"].tolist() == [900719925474100568, pd.NA]
        assert table["small"].dtype == "float64"
        assert storable(table)["code"].tolist()[0] == "A\\xff"
        assert table["text"].dtype == "str"

    def test_a_query_changes_nothing(self, tmp_path):
        with pytest.raises(DataError):
            self.load(tmp_path, "DELETE FROM rows")
        engine = sa.create_engine(f"sqlite:///{tmp_path / 'rows.db'}")
        assert len(pd.read_sql_query("SELECT * FROM rows", engine)) == len(ROWS)
        engine.dispose()

    def test_a_column_returned_twice_is_refused(self, tmp_path):
        with pytest.raises(DataError, match="'y' more than once"):
            self.load(tmp_path, "SELECT day, y, x AS y FROM rows")

    def test_a_missing_sqlite_file_is_refused_and_not_created(self, tmp_path):
        with pytest.raises(DataError, match=r"mistyped\.db' does not exist"):
            self.load(tmp_path, "SELECT 1", url="sqlite:///mistyped.db")
        assert not (tmp_path / "mistyped.db").exists()

    def test_a_relative_file_is_found_below_the_working_directory_too(self, tmp_path, monkeypatch):
        make_database(tmp_path)
        monkeypatch.chdir(tmp_path)
        (tmp_path / "elsewhere").mkdir()
        config = make_config(tmp_path / "elsewhere", kind="sql", url="sqlite:///rows.db", query="SELECT * FROM rows")
        assert len(open_source(config).parts()[0].load()) == len(ROWS)

    def test_no_message_shows_the_password(self, tmp_path):
        url = "postgresql+psycopg://ann:s3cret@localhost:1/claims"
        source = open_source(make_config(tmp_path, kind="sql", url=url, query="SELECT 1"))
        assert "s3cret" not in source.label
        assert "ann" in source.label
        with pytest.raises((DataError, ConfigError), match="localhost") as refused:
            source.parts()[0].load()
        assert "s3cret" not in str(refused.value)

    @pytest.mark.parametrize("url", ["s3cret", "oracle9+nothing://ann:s3cret@host/db"])
    def test_a_url_that_is_none_is_a_configuration_error(self, tmp_path, url):
        with pytest.raises(ConfigError, match=r"source\.url") as refused:
            open_source(make_config(tmp_path, kind="sql", url=url, query="SELECT 1")).parts()[0].load()
        assert "s3cret" not in str(refused.value)


class TestDemo(SourceContract):
    columns = tuple(simulate(100, 1).columns)

    def make(self, folder):
        return open_source(make_config(folder, kind="demo", demo={"rows": 300, "seed": 5}))

    def grow(self, _folder):
        return False

    def test_rows_and_seed_are_those_of_the_configuration(self, tmp_path):
        part = self.make(tmp_path).parts()[0]
        pd.testing.assert_frame_equal(part.load(), simulate(300, 5))

    def test_another_seed_is_another_content(self, tmp_path):
        other = open_source(make_config(tmp_path, kind="demo", demo={"rows": 300, "seed": 6}))
        assert other.parts()[0].digest != self.make(tmp_path).parts()[0].digest


def test_every_kind_of_source_keeps_the_contract():
    from typing import get_args

    from pointsman.common.config import SourceConfig

    kinds = get_args(SourceConfig.model_fields["kind"].annotation)
    assert {f"Test{kind.capitalize()}" for kind in kinds} == {kind.__name__ for kind in SourceContract.__subclasses__()}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([Decimal("1.50"), None, Decimal("2")], ["1.5", "", "2"]),
        ([Decimal("12345678901234567.25"), None, Decimal("2.00")], ["12345678901234567.25", "", "2"]),
        ([Decimal("900719925474100568"), Decimal("1")], ["900719925474100568", "1"]),
        ([2**70, None, 1], [str(2**70), "", "1"]),
        ([2**63, None], [str(2**63), ""]),
        ([memoryview(b"ab"), None], ["ab", ""]),
        ([uuid.UUID(int=7), None], ["00000000-0000-0000-0000-000000000007", ""]),
        ([True, None, False], ["True", "", "False"]),
        ([1, "x", None], ["1", "x", ""]),
    ],
)
def test_cells_of_a_database_are_stored_with_all_their_digits(cells, expected):
    stored = storable(make_table(["a"], [(cell,) for cell in cells]))["a"]
    assert format_cells(stored).fillna("").tolist() == expected
