"""Which configuration a command goes by: the file that is named or there, or the one kept with the state."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from one_stream import make_rows, write_config

from pointsman import cli
from pointsman.common.config import load_config
from pointsman.common.errors import ConfigError
from pointsman.common.storage.files import FileStore
from pointsman.pipeline.update import update
from pointsman.registry.own_config import Known, choose_config, peek


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A folder with the configuration claims.yaml, its stream, and what one update made of it."""
    folder = tmp_path_factory.mktemp("own") / "claims"
    folder.mkdir()
    make_rows(2).to_csv(folder / "stream.csv", index=False)
    write_config(folder, more="seed: 11\nstorage: {max_mb: 3}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        update(load_config("claims.yaml"))
    return folder


@pytest.fixture
def here(learned, tmp_path, monkeypatch):
    """A copy of it as the current folder."""
    folder = shutil.copytree(learned, tmp_path / "here")
    monkeypatch.chdir(folder)
    return folder


def choose(*overrides, named=None, may_go_by_state=True):
    return choose_config(named, overrides, may_go_by_state)


def test_a_configuration_has_its_state_by_its_name(here):
    assert (here / "state-claims" / "catalogue.db").is_file()
    assert not (here / "state").exists()
    assert choose(named="claims.yaml")[0].state_dir.name == "state-claims"


def test_a_configuration_without_a_source_is_told_that_it_reads_the_demo_until_there_is_a_state(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("schema: {time: day, target: claim}\n")
    (told,) = choose_config("mine.yaml", (), False, checks_itself=True)[1]
    assert told.startswith("'mine.yaml' has no key source, so the built-in demo stream is read; write source: {kind:")
    assert choose_config("mine.yaml", ("source.kind=demo",), False, checks_itself=True)[1] == []
    monkeypatch.setattr("pointsman.registry.own_config.peek", lambda *_: Known(1, None, None))
    assert choose_config("mine.yaml", (), False, checks_itself=True)[1] == []


def test_a_state_beside_a_configuration_of_another_folder_is_named(here, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = str(here / "claims.yaml")
    config, (told,) = choose(named=named)
    assert told.startswith("there is no state in 'state-claims' and there is one beside the configuration, in")
    advised = told.partition("write ")[2].partition(" to go")[0]
    assert choose(advised, named=named)[0].state_dir == here / config.state_dir
    assert choose(advised, named=named)[1] == []


class TestTheStatesOwn:
    @pytest.mark.usefixtures("here")
    def test_the_only_state_there_is_serves_without_a_file(self):
        config, told = choose("selection.mode=single")
        assert (config.state_dir.name, config.seed, config.selection.mode) == ("state-claims", 11, "single")
        assert (config.schema_.target, config.name, told) == ("claim", "claims", [])

    @pytest.mark.usefixtures("here")
    def test_a_wrong_override_is_refused_as_always(self):
        with pytest.raises(ConfigError, match=r"Unknown key 'selektion.mode' .* did you mean 'selection.mode'"):
            choose("selektion.mode=single")

    def test_several_states_are_listed(self, here):
        shutil.copytree(here / "state-claims", here / "state-other")
        with pytest.raises(ConfigError, match=r"2 states \(state-claims, state-other\); name one of them, such as"):
            choose()
        assert choose("state_dir=state-other")[0].state_dir.name == "state-other"

    def test_where_there_is_nothing_both_ways_are_told(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ConfigError, match=r"no config\.yaml here and no state either; name a configuration with"):
            choose()

    @pytest.mark.usefixtures("here")
    def test_an_empty_state_is_named(self):
        with pytest.raises(ConfigError, match="There is no generation in 'absent' to take the configuration from"):
            choose("state_dir=absent")

    @pytest.mark.usefixtures("here")
    def test_an_update_needs_its_file(self):
        with pytest.raises(ConfigError, match=r"'config.yaml' does not exist; name another with --config"):
            choose(may_go_by_state=False)

    @pytest.mark.usefixtures("here")
    def test_the_source_is_no_demo_and_nothing_else_of_places_is_kept(self):
        config, _ = choose()
        assert (config.source.kind, config.source.paths, config.storage.max_mb) == ("files", ("stream.csv",), None)

    def test_what_an_earlier_release_kept_is_renewed_and_told_once(self, here):
        files = FileStore(here / "state-claims" / "files")
        stored = json.loads(files.load(peek(here / "state-claims").config))
        stored["selection"] |= {"mode": "plan", "choosers": ["forest"], "half_life": 3.0}
        name = files.save(json.dumps(stored).encode(), ".json")
        with sqlite3.connect(here / "state-claims" / "catalogue.db") as catalogue:
            catalogue.execute("UPDATE generations SET config = ?", (name,))
        config, (sentence,) = choose()
        assert (config.selection.mode, config.selection.half_life) == ("all", 3.0)
        assert sentence.startswith("the configuration kept with 'state-claims' is of an earlier release")
        write_config(here, "config.yaml", "target: value, drop: []")
        assert choose("state_dir=state-claims")[1][1:] == [sentence]


class TestAFileThatIsThere:
    def test_it_is_taken(self, here):
        (here / "claims.yaml").rename(here / "config.yaml")
        assert choose()[0].state_dir.name == "state"

    def test_of_another_stream_it_gives_way_to_the_state_that_is_named_and_that_is_told(self, here):
        write_config(here, "config.yaml", "target: value, drop: []")
        config, (sentence,) = choose("state_dir=state-claims")
        assert (config.schema_.target, config.seed) == ("claim", 11)
        assert sentence.startswith("the state in 'state-claims' holds the stream 'claims' (stream.csv;")

    def test_of_the_same_stream_it_stays(self, here):
        write_config(here, "config.yaml", more="seed: 12\n")
        config, told = choose("state_dir=state-claims")
        assert (config.seed, told) == (12, [])

    def test_named_with_a_state_of_another_stream_it_is_refused_and_the_advice_works(self, here):
        write_config(here, "other.yaml", "target: value, drop: []")
        with pytest.raises(ConfigError, match="leave out --config and write state_dir=state-claims to go by"):
            choose("state_dir=state-claims", named="other.yaml")
        assert choose("state_dir=state-claims")[0].schema_.target == "claim"


class TestTheOldPlace:
    @pytest.fixture
    def old(self, here):
        return (here / "state-claims").rename(here / "state")

    @pytest.mark.usefixtures("old")
    def test_a_stream_kept_in_state_goes_on_there(self):
        assert choose(named="claims.yaml")[0].state_dir.name == "state"

    @pytest.mark.usefixtures("old")
    def test_what_is_stated_wins(self):
        assert choose("state_dir=state-claims", named="claims.yaml")[0].state_dir.name == "state-claims"

    @pytest.mark.usefixtures("old")
    def test_another_stream_begins_its_own(self, here):
        write_config(here, "other.yaml", "target: value, drop: []")
        assert choose(named="other.yaml")[0].state_dir.name == "state-other"

    @pytest.mark.usefixtures("old")
    def test_a_new_place_that_is_there_is_taken(self, here):
        (here / "state-claims").mkdir()
        assert choose(named="claims.yaml")[0].state_dir.name == "state-claims"

    def test_it_is_told_until_the_state_knows_its_stream(self, old):
        with sqlite3.connect(old / "catalogue.db") as catalogue:
            catalogue.execute("UPDATE generations SET stream = NULL")
        config, (sentence,) = choose(named="claims.yaml")
        assert config.state_dir.name == "state"
        assert sentence.startswith("the state of 'claims' is in 'state', where an earlier release kept it")


def test_what_cannot_be_read_says_nothing_of_itself(tmp_path):
    (tmp_path / "catalogue.db").write_bytes(b"no database")
    assert peek(tmp_path) is None


def test_asking_for_models_loads_no_table_library(here):
    code = (
        "import sys; from pointsman import cli; cli.main(['models']); print('pandas' in sys.modules, file=sys.stderr)"
    )
    root = str(Path(cli.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=here,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "champion" in done.stdout
    assert done.stderr.splitlines()[-1] == "False"


@pytest.mark.usefixtures("here")
def test_a_state_knows_the_file_that_its_last_update_was_configured_by():
    assert choose("state_dir=state-claims")[0].file == "claims.yaml"
    Path("claims.yaml").rename("monthly.yaml")
    text = Path("monthly.yaml").read_text(encoding="utf-8")
    Path("monthly.yaml").write_text(f"name: claims\n{text}", encoding="utf-8")
    assert choose(named="monthly.yaml")[0].file == "monthly.yaml"
    assert load_config("monthly.yaml") == load_config(Path("monthly.yaml"))
