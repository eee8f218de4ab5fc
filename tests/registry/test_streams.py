"""One stream, one state: what is another stream is refused in a sentence, what is the same one is not."""

import shutil

import pytest
import sqlalchemy as sa
from one_stream import ROWS, make_rows, write_config

from pointsman.common.config import load_config
from pointsman.common.errors import BatchRejected, ConfigError, PointsmanError
from pointsman.common.storage.state import open_state
from pointsman.pipeline.quality.quarantine.row_counts import load_row_counts
from pointsman.pipeline.update import update
from pointsman.registry.generations import load_generation
from pointsman.registry.one_state import describe_stream
from pointsman.registry.own_config import peek
from pointsman.registry.stream import Stream
from pointsman.registry.tables import generations_table


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams") / "claims"
    folder.mkdir()
    make_rows().to_csv(folder / "stream.csv", index=False)
    write_config(folder)
    update(configure(folder))
    return folder


@pytest.fixture
def folder(learned, tmp_path):
    return shutil.copytree(learned, tmp_path / "copy")


def configure(folder, *overrides, file="claims.yaml"):
    return load_config(folder / file, [f"data_dir={folder}", f"state_dir={folder / 'state'}", *overrides])


def count_learned(folder):
    with open_state(configure(folder)) as state:
        return sum(account.learned for account in load_row_counts(state).values())


def test_a_generation_knows_its_stream(learned):
    with open_state(configure(learned)) as state:
        stream = load_generation(state).stream
    assert stream == Stream("claims", ("stream.csv",), "day", "claim", "binary")


@pytest.mark.parametrize("override", ["schema.time=dya", "schema.target=clam", "source.paths=[absent.csv]"])
def test_a_state_is_not_begun_by_an_update_that_cannot_read(tmp_path, override):
    make_rows(2).to_csv(tmp_path / "stream.csv", index=False)
    write_config(tmp_path)
    with pytest.raises(PointsmanError):
        update(configure(tmp_path, override))
    assert not (tmp_path / "state").exists()
    with pytest.raises(PointsmanError):
        update(configure(tmp_path), file=tmp_path / "absent.csv")
    assert not (tmp_path / "state").exists()


class TestTheSameStream:
    def test_a_file_is_added(self, folder):
        make_rows(6, seed=1).tail(ROWS).to_csv(folder / "more.csv", index=False)
        update(configure(folder, "source.paths=[stream.csv,more.csv]"), None)
        assert count_learned(folder) == 5 * ROWS

    def test_a_file_takes_the_place_of_one_that_was_archived(self, folder):
        make_rows(6, seed=1).tail(ROWS).to_csv(folder / "june.csv", index=False)
        update(configure(folder, "source.paths=[june.csv]"))
        assert count_learned(folder) == 2 * ROWS

    def test_the_data_move(self, folder):
        (folder / "elsewhere").mkdir()
        (folder / "stream.csv").rename(folder / "elsewhere" / "stream.csv")
        update(configure(folder, f"data_dir={folder / 'elsewhere'}"))
        update(configure(folder, "source.paths=[elsewhere/stream.csv]"))
        assert count_learned(folder) == 3 * ROWS

    def test_the_configuration_is_called_otherwise(self, folder):
        (folder / "claims.yaml").rename(folder / "renamed.yaml")
        update(configure(folder, file="renamed.yaml"))
        with open_state(configure(folder, file="renamed.yaml")) as state:
            assert load_generation(state).stream.name == "renamed"

    def test_a_state_of_an_earlier_release_learns_what_it_is_of(self, folder):
        with open_state(configure(folder)) as state, state.engine.begin() as connection:
            connection.execute(sa.update(generations_table).values(stream=sa.null(), digest=sa.null()))
        update(configure(folder))
        with open_state(configure(folder)) as state:
            assert load_generation(state).stream.name == "claims"
            assert load_generation(state, 1).stream is None


class TestAnotherStream:
    def write_other(self, folder, target="claim"):
        table = make_rows(2, seed=3).rename(columns={"premium": "rent", "value": "size", "zone": "floor"})
        table.drop(columns=["region", "kind"]).to_csv(folder / "flats.csv", index=False)
        write_config(folder, "flats.yaml", f"target: {target}, drop: []")
        return "source.paths=[flats.csv]"

    def test_it_is_refused_with_both_and_the_advice_works(self, folder):
        paths = self.write_other(folder)
        with pytest.raises(ConfigError, match=r"holds the stream 'claims' \(stream.csv; .* 'flats' \(flats") as refusal:
            update(configure(folder, paths, file="flats.yaml"))
        assert count_learned(folder) == ROWS
        fresh = str(refusal.value).partition("state_dir=")[2].rstrip(".")
        assert update(configure(folder, paths, f"state_dir={fresh}", file="flats.yaml"))

    def test_a_file_of_the_same_name_with_other_columns_is_refused(self, folder):
        self.write_other(folder)
        (folder / "flats.csv").replace(folder / "stream.csv")
        with pytest.raises(ConfigError, match="few or none, and instead 'rent', 'size', 'floor'"):
            update(configure(folder, "schema.drop=[]"))
        assert count_learned(folder) == ROWS

    def test_another_target_is_refused_with_the_command_that_begins_anew(self, folder):
        with pytest.raises(ConfigError, match=r"target 'value'\); start a state of its own .* run update again with"):
            update(configure(folder, "schema.target=value"))


class TestFromState:
    def begin(self, folder, *overrides, batches=None):
        stated = ("schema.target=value", "schema.drop=[kind,claim]", f"state_dir={folder / 'values'}", *overrides)
        update(configure(folder, *stated), batches, None, folder / "state")
        return configure(folder, *stated)

    def test_a_new_state_has_the_raw_batches_and_goes_on_with_the_source(self, folder):
        update(configure(folder))
        config = self.begin(folder)
        update(config)
        with open_state(config) as state:
            assert load_generation(state).schema.target == "value"
            accounts = load_row_counts(state)
        assert [account.rows for account in accounts.values()] == [ROWS] * 3
        update(config, None)
        with open_state(config) as state:
            assert sum(account.learned for account in load_row_counts(state).values()) == 4 * ROWS

    def test_it_goes_on_where_it_stopped(self, folder):
        update(configure(folder))
        self.begin(folder, batches=1)
        config = self.begin(folder)
        with open_state(config) as state:
            assert sorted(load_row_counts(state)) == [1, 2]

    def test_a_file_given_by_hand_comes_along(self, folder):
        make_rows(6, seed=1).tail(ROWS).to_csv(folder / "hand.csv", index=False)
        update(configure(folder), file=folder / "hand.csv")
        config = self.begin(folder)
        update(config, None)
        with open_state(config) as state:
            assert sum(account.learned for account in load_row_counts(state).values()) == 5 * ROWS

    def test_a_state_that_has_gone_on_by_itself_is_refused(self, folder):
        config = self.begin(folder)
        update(config)
        with pytest.raises(ConfigError, match="has batches of its own already; leave it out"):
            self.begin(folder)

    def test_the_state_itself_is_refused(self, folder):
        with pytest.raises(ConfigError, match="names the state itself"):
            update(configure(folder), None, None, folder / "state")


def test_no_password_is_stored(folder):
    url = f"sqlite:///{folder / 'rows.db'}?timeout=77"
    engine = sa.create_engine(url)
    make_rows(2).to_sql("claims", engine, index=False)
    engine.dispose()
    config = load_config(
        folder / "claims.yaml",
        [
            "source.kind=sql",
            f"source.url='{url}'",
            "source.query='select * from claims'",
            f"state_dir={folder / 'sql'}",
        ],
    )
    update(config)
    known = peek(folder / "sql")
    assert known.stream.sources == describe_stream(config).sources
    assert "timeout" not in str(known.stream.sources)


def test_until_a_batch_is_accepted_the_target_may_be_corrected(tmp_path):
    make_rows(2).to_csv(tmp_path / "stream.csv", index=False)
    write_config(tmp_path)
    config = configure(tmp_path, "quality.max_quarantined=0")
    table = make_rows(1).astype({"claim": "object"})
    table.loc[5, "claim"] = ""
    table.to_csv(tmp_path / "hopeless.csv", index=False)
    with pytest.raises(BatchRejected):
        update(config, file=tmp_path / "hopeless.csv")
    update(configure(tmp_path, "schema.target=value", "schema.drop=[kind,claim]"))
    with open_state(config) as state:
        assert load_generation(state).stream.target == "value"
