"""Where a run tells what it does: short lines on stderr, full ones in the state's log, failures among them."""

import contextlib
import logging
import sys
from pathlib import Path
from typing import Any

from pointsman.common.redaction import as_told
from pointsman.common.text import show_line

NAME, FORMER_NAME = "pointsman.log", "switchyard.log"

BEFORE = {"name": "log", "levelname": "INFO", "msg": f"what was logged before this line is in {FORMER_NAME}"}

_failures = logging.getLogger("failure")
_failures.addHandler(logging.NullHandler())  # before there is a log, Python would write them to stderr itself


class ToldFormatter(logging.Formatter):
    """Writes records as messages leave the process. What is in them, a column's name for instance, begins no line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        return as_told(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - its name in the library
        """Return the record without its traceback, as one line."""
        record.message = show_line(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Return a traceback, each line of it indented: the error's own text may have several."""
        return "\n".join(f"  {line}" for line in super().formatException(ei).splitlines())


class StateLog(logging.FileHandler):
    """The log in the state folder. It begins once the folder exists: a command that only asks creates no state.

    A log that cannot be written, as on a full disk, is not reported; opening the state says what is wrong.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / NAME, encoding="utf-8", delay=True, errors="backslashreplace")
        self.setFormatter(ToldFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        self._folder = folder

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, where there is a folder to write it in."""
        if self.stream is None and not self._folder.is_dir():
            return
        with contextlib.suppress(OSError):
            if self.stream is None and not Path(self.baseFilename).exists() and (self._folder / FORMER_NAME).is_file():
                super().emit(logging.makeLogRecord(BEFORE))  # the log of a state that the former name had begun
            super().emit(record)


def set_up_logging(state_dir: Path) -> None:
    """Send short lines to stderr and full ones to the log of a state."""
    to_screen = logging.StreamHandler(sys.stderr)
    clear_bar = "\r\x1b[K" if sys.stderr.isatty() else ""  # a bar may stand there; it is drawn again by itself
    to_screen.setFormatter(ToldFormatter(f"{clear_bar}%(levelname)s %(message)s"))
    to_screen.addFilter(lambda record: record.name != _failures.name)
    logging.raiseExceptions = False
    logging.captureWarnings(True)  # what a library warns of may quote an address
    logging.basicConfig(level=logging.INFO, handlers=[to_screen, StateLog(state_dir)], force=True)


def log_failure(sentence: str, error: BaseException | None = None, expected: bool = False) -> Path | None:
    """Write why a run failed into the state's log, with the traceback of ``error``; return the log, None without one.

    What is ``expected``, such as no new data, is not logged as an error. On stderr the command line says it itself.
    """
    _failures.log(logging.INFO if expected else logging.ERROR, "%s", sentence, exc_info=error)
    written = [one for one in logging.getLogger().handlers if isinstance(one, StateLog) and one.stream is not None]
    return Path(written[0].baseFilename) if written else None
