"""How a file holds its text table: encoding, lines above the header, separator. Found in a pass before it is read."""

import codecs
import csv
import gzip
import io
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pointsman.common.column_names import list_shown
from pointsman.common.errors import DataError
from pointsman.common.formats import HEAD, SEPARATORS, is_bare_utf16
from pointsman.common.wanted import HEADER_ROWS, Wanted

_log = logging.getLogger(__name__)

PIECE = 1 << 20
"""Bytes looked at at a time."""
LONGEST = 1 << 16
"""Bytes at the top of a file that are looked at for marks of its encoding and for names of columns."""
COMMON = (
    "utf-8",
    "cp1252",
    "cp1251",
    "cp1250",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "cp1258",
    "cp874",
    "shift_jis",
    "cp932",
    "euc-jp",
    "gb18030",
    "big5",
    "euc-kr",
    "koi8-r",
    "koi8-u",
    "iso-8859-2",
    "iso-8859-5",
    "iso-8859-7",
    "iso-8859-9",
    "iso-8859-13",
    "iso-8859-15",
    "cp866",
    "cp852",
    "cp850",
    "cp437",
    "mac-roman",
    "mac-cyrillic",
    "mac-greek",
    "utf-16-le",
    "utf-16-be",
)
"""Encodings that are tried where a file lacks the columns that it should have."""
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)


@dataclass(frozen=True)
class Text:
    """How a file holds its table: ``skipped`` lines of it stand above the header.

    ``is_plain`` is UTF-8 without quotes and without single returns.
    """

    path: Path
    is_zipped: bool
    encoding: str
    separator: str
    skipped: int
    is_plain: bool

    @contextmanager
    def open(self) -> Iterator[tuple[IO[str], IO[bytes]]]:
        """Open the file at its header; the position of the bytes below the text tells how much of it was read."""
        with self.path.open("rb") as raw:
            binary: Any = gzip.GzipFile(fileobj=raw) if self.is_zipped else raw
            with io.TextIOWrapper(binary, encoding=self.encoding, newline="") as lines:
                for _ in range(self.skipped):
                    lines.readline()
                yield lines, raw


def inspect_text(path: Path, is_zipped: bool, wanted: Wanted) -> Text:
    """Return how a file holds its text.

    The encoding is UTF-16 or UTF-32 where it begins with such a mark, UTF-8 if all of it is, or else the stated one or
    Windows-1252: the whole file is decoded, so that a letter in its last line does not change how its first is read.
    Raises DataError where the wanted columns show that another encoding is meant, or stand in another line.
    """
    encoding, is_plain = _find_encoding(path, is_zipped, wanted)
    lines = _read_top(path, is_zipped, encoding)
    found = find_header(lines, wanted)
    first = find_header(lines, Wanted()) or (0, ",")
    skipped, separator = found or first
    names = split_names(lines[skipped:], separator)
    if encoding not in ("utf-8-sig", "utf-16", "utf-32") and len(wanted.find(names)) < len(wanted.columns):
        _check_encoding(path, is_zipped, encoding, names, wanted)
    if found is None and wanted.is_stated:
        _check_lines(path, lines, first[0], wanted)
    if skipped > first[0]:
        told = "The header of '%s' stands in line %d; the lines above it are not read."
        _log.warning(told, path, skipped + 1)
    return Text(path, is_zipped, encoding, separator, skipped, is_plain)


def find_separator(header: str) -> str:
    """Return the character that separates the names in a header line; a comma where there is a single name.

    >>> find_separator("a;b;c"), find_separator('"a;b",c'), find_separator("a")
    (';', ',', ',')
    """
    unquoted = re.sub(r'"[^"]*"', "", header)
    return max(SEPARATORS, key=unquoted.count)


def find_stated_separator(line: str) -> str:
    """Return the separator that a first line for Excel states, '' for any other line.

    >>> find_stated_separator("sep=;\\n"), find_stated_separator("a;b\\n")
    (';', '')
    """
    stated = re.fullmatch(r'\ufeff?"?sep=([^\r\n"])"?[\s;,]*', line, re.IGNORECASE)
    return stated[1] if stated else ""


def split_names(lines: Sequence[str], separator: str) -> list[str]:
    """Return the names in the first of the lines, and of those after it that its quotes reach into."""
    try:
        return next(csv.reader(lines, delimiter=separator), [])
    except csv.Error:
        return []


def find_header(lines: Sequence[str], wanted: Wanted) -> tuple[int, str] | None:
    """Return where the header stands among a file's first lines, and its separator; None where none is the header.

    Without wanted columns it is the first line that is not blank.
    """
    filled = [place for place, line in enumerate(lines) if line.strip()]
    stated = find_stated_separator(lines[filled[0]]) if filled else ""
    filled = filled[1:] if stated else filled
    if not wanted.columns:
        return (filled[0], stated or find_separator(lines[filled[0]])) if filled else None
    for place in filled:
        separator = stated or find_separator(lines[place])
        if wanted.is_header(split_names(lines[place:], separator)):
            return place, separator
    return None


def _check_lines(path: Path, lines: Sequence[str], first: int, wanted: Wanted) -> None:
    """Raise DataError where some of the wanted columns stand in a line below the first, which has none of them."""
    for place, line in enumerate(lines):
        names = split_names(lines[place:], find_separator(line)) if line.strip() else []
        if some := wanted.find(names):
            if place > first:
                raise DataError(describe_part(path, "line", place + 1, some, wanted, names))
            return


def describe_part(
    path: Path, unit: str, number: int, some: Sequence[str], wanted: Wanted, names: Sequence[object]
) -> str:
    """Return the problem of a table whose header, below other rows, lacks some of the columns."""
    lacking = [name for name in wanted.columns if name not in some]
    return (
        f"The file '{path}' has {list_shown(some)} in {unit} {number} and not {list_shown(lacking)} beside it (its "
        f"names are {list_shown(names)}); correct schema.time and schema.target, or name the columns in the file."
    )


def _read_top(path: Path, is_zipped: bool, encoding: str) -> list[str]:
    """Return the first lines of a file, as far as they can be decoded."""
    with Text(path, is_zipped, encoding, "", 0, False).open() as (lines, _):
        top: list[str] = []
        filled = 0
        while filled < HEADER_ROWS:
            try:
                line = lines.readline()
            except UnicodeDecodeError:
                break
            if not line:
                break
            top.append(line)
            filled += bool(line.strip())
        return top


def _find_encoding(path: Path, is_zipped: bool, wanted: Wanted) -> tuple[str, bool]:
    """Return the encoding of a file, and whether it is plain."""
    head = _read_head(path, is_zipped)
    marked = next((encoding for mark, encoding in MARKS if head.startswith(mark)), "")
    if marked in ("utf-16", "utf-32"):
        return marked, False
    if bare := is_bare_utf16(head[:HEAD]):
        _log.warning("The file '%s' is UTF-16 without a mark; it is read as %s.", path, bare.upper())
        return bare, False
    is_utf8, is_plain = _decode(path, is_zipped)
    if is_utf8:
        if wanted.encoding and b"\x1b" in head:  # the encodings of Japan that switch sets of letters are ASCII bytes
            return wanted.encoding, False
        if wanted.encoding and not head.isascii() and not marked:
            return _prefer(path, is_zipped, wanted), is_plain
        return "utf-8-sig", is_plain
    if wanted.encoding:
        return wanted.encoding, False
    _log.warning("The file '%s' is not UTF-8; it is read as Windows-1252 (source.encoding states another).", path)
    return "cp1252", False


def _prefer(path: Path, is_zipped: bool, wanted: Wanted) -> str:
    """Return the encoding of a file whose bytes are UTF-8 although another one is stated: what its header reads as."""
    stated = str(wanted.encoding)
    if codecs.lookup(stated).name in ("utf-8", "utf-8-sig", "ascii"):
        return "utf-8-sig"
    as_utf8, as_stated = (find_header(_read_top(path, is_zipped, one), wanted) for one in ("utf-8-sig", stated))
    if as_stated and not as_utf8:
        return stated
    _log.warning("The file '%s' is UTF-8 and read as that, although source.encoding is %s.", path, stated)
    return "utf-8-sig"


def _check_encoding(path: Path, is_zipped: bool, encoding: str, names: Sequence[str], wanted: Wanted) -> None:
    """Raise DataError where another encoding shows more of the wanted columns than the one that made ``names``."""
    head = _read_head(path, is_zipped)
    if head.isascii():
        return
    lacking = [name for name in wanted.columns if name not in wanted.find(names)]
    for other in COMMON:
        lines = _decode_head(head, other)
        header = find_header(lines, wanted)
        shown = wanted.find(split_names(lines[header[0] :], header[1])) if header else []
        if len(shown) > len(wanted.columns) - len(lacking):
            raise DataError(
                f"The file '{path}' has no column {list_shown([name for name in lacking if name in shown])} as it is "
                f"read now, as {_show(encoding)}, where its names are {list_shown(names)}; it has as {other}: set "
                f"source.encoding={other}, or save the file as UTF-8."
            )


def _show(encoding: str) -> str:
    return {"cp1252": "Windows-1252", "utf-8-sig": "UTF-8"}.get(encoding, encoding)


def _decode_head(head: bytes, encoding: str) -> list[str]:
    """Return the lines that bytes at the top of a file are in an encoding; none where they are not."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return []
    return io.StringIO(text, newline="").readlines()[:HEADER_ROWS]


def _read_head(path: Path, is_zipped: bool) -> bytes:
    with (gzip.open if is_zipped else open)(path, "rb") as file:
        return bytes(file.read(LONGEST))


def _decode(path: Path, is_zipped: bool) -> tuple[bool, bool]:
    """Return whether all of a file is UTF-8, and whether it is plain."""
    open_file: Any = gzip.open if is_zipped else open
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    is_plain = True
    try:
        with open_file(path, "rb") as file:
            while piece := file.read(PIECE):
                decoder.decode(piece)
                is_plain = is_plain and b'"' not in piece and piece.count(b"\r") == piece.count(b"\r\n")
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False, False
    return True, is_plain
