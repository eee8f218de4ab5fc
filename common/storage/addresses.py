"""Addresses of databases, built by the library: the name of a folder may hold what means something in a URL."""

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from pointsman.common.redaction import redact

PATIENCE = 30.0
"""Seconds for which SQLite waits for others."""


def address_file(path: Path) -> sa.URL:
    """Return the address of an SQLite file.

    >>> address_file(Path("what?/100%20/catalogue.db")).database
    'what?/100%20/catalogue.db'
    """
    return sa.URL.create("sqlite", database=str(path))


def address_read_only(path: Path) -> sa.URL:
    """Return the address of an SQLite file that is only read, and that nobody changes meanwhile.

    Immutable: in WAL mode SQLite would otherwise need files beside it, which it may not create here.

    >>> address_read_only(Path("what?/catalogue.db")).database
    'file:what%3F/catalogue.db'
    """
    return sa.URL.create("sqlite", database=f"file:{quote(str(path))}", query={"immutable": "1", "uri": "true"})


def may_only_read(path: Path) -> bool:
    """Return whether an SQLite file cannot be written, or its folder, where a log of commits would be."""
    return path.is_file() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Return a connection to an SQLite file of which nothing is to be written; its transactions are the caller's."""
    if not may_only_read(path):
        return sqlite3.connect(path, isolation_level=None)
    return sqlite3.connect(f"file:{quote(str(path))}?immutable=1", uri=True, isolation_level=None)


def is_read_only(url: sa.URL) -> bool:
    """Return whether an address is one that ``address_read_only`` gave.

    >>> is_read_only(address_read_only(Path("catalogue.db"))), is_read_only(address_file(Path("catalogue.db")))
    (True, False)
    """
    return url.query.get("immutable") == "1"


def show_address(url: sa.URL) -> str:
    """Return an address as messages may show it: without secrets.

    >>> show_address(sa.make_url("postgresql://ann:s3cret@host/db?password=other&port=1"))
    'postgresql://ann:***@host/db?password=***&port=1'
    """
    return redact(url.render_as_string(hide_password=False))
