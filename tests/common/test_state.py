"""A state is made on first use, and one update at a time holds its lock, whatever becomes of the process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from common.config import Config
from common.database import Draft, read_rows
from common.errors import StateError
from common.performance import performance_table
from common.state import lock_updates, open_state

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from common.state import lock_updates
with lock_updates(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def make_config(folder, **keys):
    return Config.model_validate({"schema": {"time": "t", "target": "y"}, "state_dir": folder, **keys})


def add_cost(engine):
    draft = Draft()
    draft.add(performance_table, [{"command": "update", "subject": "1", "stage": "search", "seconds": 1.5,
                                   "cpu_seconds": 1.0, "peak_mb": 90.0, "rows": 10}])  # fmt: skip
    draft.commit(engine)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock until it is told to end or killed."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    other = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "held\n"
        yield other
    finally:
        other.kill()
        other.communicate()


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


def test_a_second_update_is_told_which_process_is_at_work(tmp_path, holder):
    with pytest.raises(StateError, match=rf"\(process {holder.pid}\) holds '.*update\.lock'"), lock_updates(tmp_path):
        pytest.fail("two updates held one lock")
    assert (tmp_path / "update.lock").read_text() == str(holder.pid)  # the refused one did not write over it


def test_a_killed_holder_blocks_nobody(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with lock_updates(tmp_path):
        assert (tmp_path / "update.lock").read_text() == str(os.getpid())


def test_an_update_that_fails_frees_the_lock(tmp_path):
    with pytest.raises(RuntimeError, match="search"), lock_updates(tmp_path):
        raise RuntimeError("search broke")
    with lock_updates(tmp_path):
        pass


def test_what_a_dead_holder_left_behind_is_written_over(tmp_path):
    (tmp_path / "update.lock").write_text("99999999999")
    with lock_updates(tmp_path):
        assert (tmp_path / "update.lock").read_text() == str(os.getpid())


def test_states_of_different_folders_do_not_block_each_other(tmp_path, holder):
    (tmp_path / "other").mkdir()
    with lock_updates(tmp_path / "other"):
        assert holder.poll() is None
