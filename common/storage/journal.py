"""The journal beside an SQLite catalogue: every transaction since the newest copy of the catalogue was made.

A transaction is on the disk here before the catalogue commits it, so that the copy and the journal together hold all
that was ever acknowledged. A line is a transaction, or names a copy:

    <CRC-32> transaction <number> <rows by table> <its statements as JSON>
    <CRC-32> generation <number> ...: a transaction after which the copy is made anew
    <CRC-32> copy <number of the last transaction in it> <SHA-256 of the copy>
    <CRC-32> void <number of a transaction that did not come about>

Numbers count the catalogue's transactions. One that was written here and never committed, since its process was
killed in between, is carried out by who comes next; one whose commit failed is void, or superseded by the next one of
that number.
"""

import base64
import json
import os
import re
import zlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointsman.common.storage.files import explain_writing, save_atomically
from pointsman.common.storage.locks import wait_for_lock

COPY, TRANSACTION, GENERATION, VOID = "copy", "transaction", "generation", "void"
_HEAD = re.compile(r"[0-9a-f]{8} (?P<kind>copy|transaction|generation|void) (?P<number>[0-9]{1,18}) (?P<rows>\S*)")
_BYTES = "base64"


@dataclass(frozen=True)
class Statement:
    """An SQL statement and its parameters; with ``many`` it is executed once for each of a list of them."""

    sql: str
    parameters: Any
    many: bool


@dataclass(frozen=True)
class Transaction:
    """A transaction: its number, its rows in words, such as 'labels:3', and the statements, still as JSON.

    ``kind`` is GENERATION where the copy is to be made anew after it.
    """

    number: int
    rows: str
    body: str
    kind: str = TRANSACTION

    def write(self) -> bytes:
        """Return its line."""
        return write_line(f"{self.kind} {self.number} {self.rows} {self.body}")

    def read(self) -> list[Statement]:
        """Return its statements."""
        return [
            Statement(sql, _decode(parameters, many), many)
            for sql, parameters, many in json.loads(self.body, object_hook=_read_bytes)
        ]


@dataclass(frozen=True)
class Broken:
    """A line that cannot be read: its place in the file from 1, and what can still be told of it."""

    line: int
    number: int | None
    rows: str


@dataclass(frozen=True)
class Journal:
    """What a journal holds.

    copies:       digests of copies, the newest last, with the number of the last transaction in each
    transactions: those that came about, in order; numbers may be missing where lines are broken
    broken:       lines that cannot be read
    """

    copies: tuple[tuple[int, str], ...] = ()
    transactions: tuple[Transaction, ...] = ()
    broken: tuple[Broken, ...] = ()

    @property
    def newest(self) -> int:
        """The highest number of a transaction that was ever written here or is in a copy, 0 for none."""
        numbers = [one.number for one in self.transactions] + [one.number or 0 for one in self.broken]
        return max([*numbers, *(number for number, _ in self.copies)], default=0)

    def follow(self, number: int) -> list[Transaction]:
        """Return the transactions that come right after ``number``, up to the first one that is missing."""
        found: list[Transaction] = []
        for one in self.transactions:
            if one.number == number + len(found) + 1:
                found.append(one)
        return found


def name_journal(catalogue: Path) -> Path:
    """Return where the journal of a catalogue lies.

    >>> name_journal(Path("state/catalogue.db")).name
    'catalogue.journal'
    """
    return catalogue.with_suffix(".journal")


def lock_journal(catalogue: Path) -> AbstractContextManager[None]:
    """Return the lock under which a journal is appended to or rotated, and a catalogue is put in another's place."""
    return wait_for_lock(name_journal(catalogue).with_suffix(".journal.lock"))


def make_transaction(number: int, statements: Sequence[Statement], kind: str = TRANSACTION) -> Transaction:
    """Return a transaction as a journal holds it.

    >>> made = make_transaction(7, [Statement("INSERT INTO labels VALUES (?)", [("a",), ("b",)], True)])
    >>> made.rows, made.body
    ('labels:2', '[["INSERT INTO labels VALUES (?)",[["a"],["b"]],true]]')
    """
    body = json.dumps(
        [[one.sql, one.parameters, one.many] for one in statements], default=_write_bytes, separators=(",", ":")
    )
    return Transaction(number, _count_rows(statements), body, kind)


def write_line(text: str) -> bytes:
    """Return a line with its checksum."""
    content = text.encode()
    return b"%08x %s\n" % (zlib.crc32(content), content)


def append(journal: Path, line: bytes) -> None:
    """Put a line at the end of a journal, on the disk when this returns; to be called under its lock.

    StateError where the disk is full, and then the journal is as it was.
    """
    with explain_writing(journal), journal.open("r+b") as file:
        end = _find_end(file.fileno(), os.fstat(file.fileno()).st_size)
        os.ftruncate(file.fileno(), end)
        try:
            file.seek(end)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), end)
            raise


def _find_end(handle: int, size: int) -> int:
    """Return where the last whole line ends; a part of one, which a killed process left, was never committed."""
    end = size
    while end > 0:
        start = max(0, end - 65_536)
        part = os.pread(handle, end - start, start)
        if (found := part.rfind(b"\n")) >= 0:
            return start + found + 1
        end = start
    return 0


def read_journal(journal: Path) -> Journal:
    """Return what a journal holds, nothing where there is none; a torn last line, never committed, is left out."""
    try:
        content = journal.read_bytes()
    except FileNotFoundError:
        return Journal()
    whole = content.split(b"\n")[:-1]
    copies: list[tuple[int, str]] = []
    transactions: list[Transaction] = []
    broken: list[Broken] = []
    for place, line in enumerate(whole, 1):
        checksum, _, text = line.partition(b" ")
        head = _HEAD.match(line.decode(errors="replace"))
        if head is None or checksum != b"%08x" % zlib.crc32(text):
            broken.append(Broken(place, int(head["number"]) if head else None, head["rows"] if head else ""))
            continue
        number = int(head["number"])
        if head["kind"] == COPY:
            copies.append((number, head["rows"]))
            continue
        while transactions and transactions[-1].number >= number:  # these never came about
            transactions.pop()
        if head["kind"] != VOID:
            transactions.append(Transaction(number, head["rows"], text.decode().split(" ", 3)[3], head["kind"]))
    return Journal(tuple(copies), tuple(transactions), tuple(broken))


@dataclass(frozen=True)
class Reach:
    """How far a journal goes, in numbers of transactions.

    ``base`` is the last one in the copy that it begins with, ``wanted`` the last one after which a copy was wanted, and
    ``newest`` the last one that came about.
    """

    base: int
    wanted: int
    newest: int


def read_reach(journal: Path) -> Reach | None:
    """Return how far a journal goes, None where there is none.

    Checksums are not looked at: this is asked whenever a state is opened.
    """
    base = wanted = newest = 0
    try:
        with journal.open("rb") as file:
            for place, line in enumerate(file):
                head = _HEAD.match(line[:200].decode(errors="replace"))
                if not head or not line.endswith(b"\n"):
                    continue
                number = int(head["number"])
                if head["kind"] == COPY:
                    base, newest = base if place else number, max(newest, number)
                    continue
                newest = number - (head["kind"] == VOID)
                wanted = number if head["kind"] == GENERATION else wanted
    except FileNotFoundError:
        return None
    return Reach(base, wanted, newest)


def read_newest(journal: Path) -> int:
    """Return the number of the last transaction that came about, as the last whole line has it; 0 where none does."""
    with journal.open("rb") as file:
        end = _find_end(file.fileno(), os.fstat(file.fileno()).st_size)
        file.seek(_find_end(file.fileno(), max(0, end - 1)))
        head = _HEAD.match(file.read(200).decode(errors="replace"))
    return int(head["number"]) - (head["kind"] == VOID) if head else 0


def rotate(journal: Path, number: int, digest: str) -> None:
    """Begin a journal anew with a copy that holds all transactions up to ``number``; to be called under its lock."""
    kept = [one.write() for one in read_journal(journal).transactions if one.number > number]
    save_atomically(journal, b"".join([write_line(f"{COPY} {number} {digest}"), *kept]))


def _count_rows(statements: Sequence[Statement]) -> str:
    """Return the rows of statements by table, such as 'labels:2,decisions:1'."""
    counts: dict[str, int] = {}
    for one in statements:
        named = re.match(r"(?:INSERT INTO|UPDATE|DELETE FROM)\s+\"?(\w+)", one.sql, re.IGNORECASE)
        table = named[1] if named else "definitions"
        counts[table] = counts.get(table, 0) + (len(one.parameters) if one.many else 1)
    return ",".join(f"{table}:{count}" for table, count in counts.items())


def _write_bytes(cell: Any) -> dict[str, str]:
    if isinstance(cell, bytes | bytearray | memoryview):
        return {_BYTES: base64.b64encode(bytes(cell)).decode()}
    raise TypeError(f"A parameter of type {type(cell).__name__} has no place in a journal.")


def _read_bytes(found: dict[str, Any]) -> Any:
    return base64.b64decode(found[_BYTES])


def _decode(parameters: Any, many: bool) -> Any:
    return [tuple(one) for one in parameters] if many else tuple(parameters)
