"""A state is made on first use, and one update at a time holds its lock, whatever becomes of the process."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import postgres
import pytest
import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.errors import StateError
from pointsman.common.performance import performance_table
from pointsman.common.storage.catalogue import Draft, read_rows
from pointsman.common.storage.state import has_state, hold_lock, lock_updates, open_state

ROOT = Path(__file__).parents[3]
HOLD = """
import sys
from pointsman.common.config import Config
from pointsman.common.storage.state import lock_updates, open_state
with open_state(Config.model_validate_json(sys.argv[1])) as state, lock_updates(state):
    print("held", flush=True)
    sys.stdin.read()
"""


def make_config(folder, **keys):
    return Config.model_validate({"schema": {"time": "t", "target": "y"}, "state_dir": folder, **keys})


def add_cost(engine):
    draft = Draft()
    draft.add(
        performance_table,
        [
            {
                "command": "update",
                "subject": "1",
                "stage": "search",
                "seconds": 1.5,
                "cpu_seconds": 1.0,
                "peak_mb": 90.0,
                "rows": 10,
            }
        ],
    )
    draft.commit(engine)


@contextmanager
def hold(config):
    """Another process that holds the lock of a state until it is told to end or killed."""
    command = [sys.executable, "-c", HOLD, config.model_dump_json(by_alias=True)]
    other = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "held\n"
        yield other
    finally:
        other.kill()
        other.communicate()


@contextmanager
def locked(folder, **keys):
    """The lock of a state, held by this process."""
    with open_state(make_config(folder, **keys)) as state, lock_updates(state):
        yield


@pytest.fixture
def holder(tmp_path, catalogue_url):
    with hold(make_config(tmp_path, database_url=catalogue_url)) as other:
        yield other


def test_a_state_is_made_on_first_use_and_kept_for_the_next(tmp_path):
    config = make_config(tmp_path / "deep" / "state")
    with open_state(config) as state:
        name = state.files.save(b"rows", ".bin")
        add_cost(state.engine)
    assert (config.state_dir / "catalogue.db").is_file()
    with open_state(config) as again:
        assert again.files.load(name) == b"rows"
        assert [row["stage"] for row in read_rows(again.engine, sa.select(performance_table))] == ["search"]


def test_a_catalogue_may_lie_outside_its_folder(tmp_path):
    elsewhere = tmp_path / "elsewhere.db"
    with open_state(make_config(tmp_path / "state", database_url=f"sqlite:///{elsewhere}")) as state:
        add_cost(state.engine)
    assert not (tmp_path / "state" / "catalogue.db").exists()
    opened = sa.create_engine(f"sqlite:///{elsewhere}")
    assert [row["subject"] for row in read_rows(opened, sa.select(performance_table))] == ["1"]
    opened.dispose()


def test_a_folder_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateError, match=r"file/state' cannot be created \(Not a directory\); set state_dir"):
        open_state(make_config(tmp_path / "file" / "state")).__enter__()


def test_a_second_update_is_told_which_process_is_at_work(tmp_path, catalogue_url, holder):
    words = rf"Another update \(process {holder.pid}\) holds '.*update\.lock'; run this one again"
    with pytest.raises(StateError, match=words), locked(tmp_path, database_url=catalogue_url):
        pytest.fail("two updates held one lock")
    assert (tmp_path / "update.lock").read_text() == str(holder.pid)  # the refused one did not write over it


def test_machines_with_folders_of_their_own_meet_at_the_server(tmp_path, postgresql):
    url = postgres.make_database(postgresql, "machines")
    with hold(make_config(tmp_path / "one", database_url=url)) as other:
        words = rf"\(pointsman process {other.pid} on .+\) holds the catalogue at '.*:\*\*\*@127\..*/machines'"
        with pytest.raises(StateError, match=words), locked(tmp_path / "two", database_url=url):
            pytest.fail("two machines held one lock")
        other_catalogue = postgres.make_database(postgresql, "another")
        with locked(tmp_path / "three", database_url=other_catalogue):
            pass
        with open_state(make_config(tmp_path / "two", database_url=url)) as state, hold_lock(state, "backtest"):
            pass
    with locked(tmp_path / "two", database_url=url):
        pass


def test_a_killed_holder_blocks_nobody(tmp_path, catalogue_url, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with locked(tmp_path, database_url=catalogue_url):
        assert (tmp_path / "update.lock").read_text() == str(os.getpid())


def test_an_update_that_fails_frees_the_lock(tmp_path, catalogue_url):
    with pytest.raises(RuntimeError, match="search"), locked(tmp_path, database_url=catalogue_url):
        raise RuntimeError("search broke")
    with locked(tmp_path, database_url=catalogue_url):
        pass


def test_what_a_dead_holder_left_behind_is_written_over(tmp_path):
    (tmp_path / "update.lock").write_text("99999999999")
    with locked(tmp_path):
        assert (tmp_path / "update.lock").read_text() == str(os.getpid())


def test_states_of_different_folders_do_not_block_each_other(tmp_path):
    with hold(make_config(tmp_path / "one")) as other, locked(tmp_path / "two"):
        assert other.poll() is None


def test_processes_that_start_at_once_make_one_catalogue(tmp_path, catalogue_url):
    config = make_config(tmp_path, database_url=catalogue_url).model_dump_json(by_alias=True)
    opening = (
        "import sys, pointsman.registry.tables\nfrom pointsman.common.config import Config\n"
        "from pointsman.common.storage.state import open_state\n"
        "config = Config.model_validate_json(sys.argv[1])\nprint('ready', flush=True)\nsys.stdin.readline()\n"
        "with open_state(config): pass"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", opening, config],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for one in started:
        assert one.stdout.readline() == "ready\n"
    for one in started:
        one.stdin.write("go\n")
        one.stdin.flush()
    ends = [(one.communicate()[1], one.returncode) for one in started]
    assert ends == [("", 0)] * 3


@pytest.mark.parametrize("name", ["what?uri=true", "100%20", "a#b", "a%3Fb", "señal und mehr"])
def test_a_folder_may_have_any_name(tmp_path, name):
    """What means something in a URL is built into it by the library's own function."""
    config = make_config(tmp_path / name)
    with open_state(config) as state:
        assert state.engine.url.database == str(tmp_path / name / "catalogue.db")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "catalogue.db").is_file()
    assert has_state(config)
