"""Failures of a database in plain sentences: full, read-only, busy, damaged, gone."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine, ExceptionContext

from pointsman.common.errors import DamagedCatalogue, StateError, first_line
from pointsman.common.storage.addresses import show_address
from pointsman.common.storage.files import FULL, READ_ONLY, UNCHANGED

_SQLITE = {
    8: f"cannot be written: {READ_ONLY}",
    5: "is busy, since another process has been writing to it for 30 seconds; run this again when that is done",
    14: f"cannot be opened; look whether its folder is there, and may be read and written; {UNCHANGED}",
    13: f"cannot be written, since its disk is full; {FULL}",
    10: f"cannot be read or written (disk I/O error); look at the disk and its free space; {UNCHANGED}",
}
"""By SQLite's primary result codes: READONLY, BUSY, CANTOPEN, FULL, IOERR."""
_SQLITE_DAMAGED = {11, 26}
"""CORRUPT and NOTADB."""
_SQLITE_LACKS = ("no such table", "no such column")
_LACKING = "lacks a table or a column that this version reads; run 'python run.py update' first, which makes it"
_POSTGRESQL = {
    "42P01": _LACKING,
    "42703": _LACKING,
    "53100": f"cannot be written, since the disk of its server is full; {FULL}",
    "25006": f"cannot be written: {READ_ONLY}",
    "42501": "refuses this user; give it the right to use, and at first to make, tables there",
}


def explain_failures(engine: Engine) -> None:
    """Make an engine raise StateError, with a plain sentence, for failures that a user can do something about."""

    @sa.event.listens_for(engine, "handle_error")
    def explain(context: ExceptionContext) -> None:
        shown = show_address(engine.url)
        if sentence := _find_sentence(context):
            raise StateError(f"The catalogue at '{shown}' {sentence}.") from context.original_exception
        if is_damage(context.original_exception):
            reason = first_line(context.original_exception).partition(" with text ")[0]
            raise DamagedCatalogue(shown, reason) from context.original_exception


def is_damage(error: BaseException) -> bool:
    """Return whether SQLite says that the bytes of a database make no sense."""
    code = getattr(error, "sqlite_errorcode", None)
    return "Could not decode to UTF-8" in str(error) or (code is not None and code & 0xFF in _SQLITE_DAMAGED)


def _find_sentence(context: ExceptionContext) -> str:
    error: Any = context.original_exception
    if isinstance(context.sqlalchemy_exception, sa.exc.IntegrityError):
        if "generations.number" in str(error) or "generations_pkey" in str(error):
            return "was changed by another process meanwhile; run this again on what it is now"
        return ""
    if state := getattr(error, "sqlstate", None):
        return _POSTGRESQL.get(state, "")
    if context.is_disconnect:
        return f"was lost ({first_line(error)}); see to its server and run this again; {UNCHANGED}"
    if str(error).startswith(_SQLITE_LACKS):
        return _LACKING
    code = getattr(error, "sqlite_errorcode", None)
    return _SQLITE.get(code & 0xFF, "") if code is not None else ""
