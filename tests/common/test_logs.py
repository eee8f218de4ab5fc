"""The log of a state, also of one that was begun under the product's former name."""

import logging

from pointsman.common.logs import FORMER_NAME, NAME, StateLog


def write(folder, *messages):
    """Log messages as one run does, and return the lines of the log then."""
    handler = StateLog(folder)
    for message in messages:
        handler.emit(logging.makeLogRecord({"name": "run", "levelname": "INFO", "msg": message}))
    handler.close()
    return (folder / NAME).read_text().splitlines()


def test_a_former_log_stays_and_the_new_one_says_once_where_it_is(tmp_path):
    (tmp_path / FORMER_NAME).write_text("as it was\n")
    first = write(tmp_path, "a", "b")
    assert [line.partition(" INFO ")[2] for line in first] == [
        "log what was logged before this line is in switchyard.log",
        "run a",
        "run b",
    ]
    assert len(write(tmp_path, "c")) == 4
    assert (tmp_path / FORMER_NAME).read_text() == "as it was\n"


def test_a_state_of_today_has_no_such_line(tmp_path):
    assert [line.partition(" INFO ")[2] for line in write(tmp_path, "a")] == ["run a"]
