"""What a file is: by its ending, and by the bytes that it begins with, since many a file is misnamed."""

import gzip
import logging
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pointsman.common.errors import DataError, first_line

FORMATS = (".csv", ".csv.gz", ".parquet", ".xlsx", ".xls")

HEAD = 4096
"""Bytes at the start of a file that tell what it is."""
PARQUET_MARK = b"PAR1"
"""What a Parquet file begins and ends with."""
CONTROL_SHARE = 0.1
"""Share of control characters above which bytes are not text."""
CONTROLS = frozenset(range(32)) - set(b"\t\n\v\f\r\x1a\x1b")
SEPARATORS = ",;\t|"
UNPACK = "unpack it and name what is in it"
AS_TABLE = "save the table as .csv, .xlsx or .parquet"
FOREIGN = (
    (rb"%PDF", "a PDF document", AS_TABLE),
    (rb"SQLite format 3\x00", "an SQLite database", "read it with source.kind=sql and source.url=sqlite:///..."),
    (rb"BZh[1-9]", "a bzip2 archive", UNPACK),
    (rb"\xfd7zXZ", "an xz archive", UNPACK),
    (rb"\x28\xb5\x2f\xfd", "a zstd archive", UNPACK),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (rb"Rar!", "a RAR archive", UNPACK),
    (rb"ARROW1|FEA1", "an Arrow (Feather) file", "write it as .parquet"),
    (rb"ORC", "an ORC file", "write it as .parquet"),
    (rb"Obj\x01", "an Avro file", "write it as .parquet"),
    (rb"\x89HDF", "an HDF5 file", AS_TABLE),
    (rb"\$FL[23]@", "an SPSS file", AS_TABLE),
    (rb"<stata_dta>", "a Stata file", AS_TABLE),
    (rb"\x89PNG|\xff\xd8\xff|GIF8", "a picture", AS_TABLE),
    (rb"version https://git-lfs", "a pointer of Git LFS and not the file itself", "fetch it with 'git lfs pull'"),
    (rb"\{\\rtf", "a rich-text document", AS_TABLE),
)
FOREIGN_TEXT = (
    (r"<\?xml[^>]*>\s*<\?mso-application progid=.Excel", "an Excel 2003 XML file", "open it and save it as .xlsx"),
    (
        r"<(!doctype html|html|head|body|table|meta|title|script)\b",
        "an HTML page (a table saved as a web page, or the message of a web server)",
        "open it and save it as .xlsx",
    ),
    (r"<(\?xml|!doctype)\b", "an XML document", AS_TABLE),
    (r'\{\s*"[^"]*"\s*:|\[\s*\{\s*"', "JSON", AS_TABLE),
)
SHOWN = {
    ".csv": "text",
    ".csv.gz": "text packed by gzip",
    ".parquet": "a Parquet file",
    ".xlsx": "an Excel workbook",
    ".xls": "an old Excel workbook",
}

_log = logging.getLogger(__name__)


def find_format(path: Path) -> str:
    """Return the format a path's ending names; DataError for an ending that is not supported.

    >>> find_format(Path("claims.CSV.gz"))
    '.csv.gz'
    """
    name = path.name.lower()
    for ending in sorted(FORMATS, key=len, reverse=True):
        if name.endswith(ending):
            return ending
    raise DataError(f"The file '{path}' has an ending that is not supported; use one of {', '.join(FORMATS)}.")


def check_file(path: Path) -> str:
    """Return a file's format by its ending; DataError where that is not supported, or the file is missing or empty."""
    ending = find_format(path)
    if not path.is_file():
        raise DataError(f"The file '{path}' does not exist; check the name (source paths start at data_dir).")
    if path.stat().st_size == 0:
        raise DataError(f"The file '{path}' is empty; it needs a header line and rows.")
    return ending


def find_content(path: Path) -> str:
    """Return the format that a file has by its content, with a warning where its ending names another.

    Raises DataError for a file that is missing, empty, cut off or not a table; the message says so, and what to do.
    """
    ending = check_file(path)
    with explain_reading(path, ending):
        with path.open("rb") as file:
            head = file.read(HEAD)
        content = _tell(path, head)
        if content == ".csv" and ending not in (".csv", ".csv.gz") and not _has_columns(head):
            raise DataError(
                f"The file '{path}' is no {ending} file but text without columns; "
                "get it again, or name it .csv if it is a table."
            )
    if content != ending:
        _log.warning("The file '%s' is %s whatever its ending says; it is read as that.", path, SHOWN[content])
    return content


@contextmanager
def explain_reading(path: Path, ending: str) -> Iterator[None]:
    """Turn what a reader says of a file into DataError: every reader has exceptions, and words, of its own."""
    try:
        yield
    except (DataError, MemoryError):
        raise
    except Exception as error:
        _log.debug("reading '%s' ended with %s: %s", path, type(error).__name__, first_line(error))
        if isinstance(error, OSError) and error.errno and error.strerror:
            told = f"The file '{path}' cannot be read ({error.strerror}); check it and its permissions."
            raise DataError(told) from error
        raise DataError(
            f"The file '{path}' cannot be read as {ending}: it is damaged or was cut off; copy or export it again."
        ) from error


def is_bare_utf16(head: bytes) -> str:
    """Return the encoding of text in UTF-16 without a mark, '' for any other.

    Separators and line ends of such text have a zero byte on one side, always the same one.

    >>> is_bare_utf16("a;b\\n".encode("utf-16-le")), is_bare_utf16("a;b\\n".encode("utf-16-be")), is_bare_utf16(b"a;b")
    ('utf-16-le', 'utf-16-be', '')
    """
    for zero, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = head[zero::2].count(0), head[1 - zero :: 2].count(0)
        if others or zeros * 2 < len(head) * CONTROL_SHARE:
            continue
        text = head[: len(head) // 2 * 2].decode(encoding, errors="replace")
        if "\n" in text and any(separator in text for separator in SEPARATORS):
            return encoding
    return ""


def _tell(path: Path, head: bytes) -> str:
    if head.startswith(PARQUET_MARK):
        return _check_parquet(path)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _look_into_zip(path)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _look_into_ole(path)
    if re.match(rb"\x09[\x00\x02\x04\x08][\x04\x06\x08\x10]\x00", head):
        return ".xls"
    if head.startswith(b"\x1f\x8b"):
        return _look_into_gzip(path)
    _refuse_foreign(path, head)
    return ".csv"


def _refuse_foreign(path: Path, head: bytes) -> None:
    for magic, what, fix in FOREIGN:
        if re.match(magic, head):
            raise DataError(f"The file '{path}' is {what}, which cannot be read as a table; {fix}.")
    marked = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else is_bare_utf16(head)
    text = head.decode(marked or "latin-1", errors="replace")
    for pattern, what, fix in FOREIGN_TEXT:
        if re.match(pattern, text.removeprefix("ï»¿").removeprefix("\ufeff").lstrip(), re.IGNORECASE):
            raise DataError(f"The file '{path}' is {what}, which cannot be read as a table; {fix}.")
    if not marked and sum(byte in CONTROLS for byte in head) > CONTROL_SHARE * len(head):
        raise DataError(f"The file '{path}' is no text and no format that is known here; {AS_TABLE}.")


def _has_columns(head: bytes) -> bool:
    """Return whether the first lines of a text have a separator, as those of a table with columns do."""
    text = head.replace(b"\0", b"").decode("latin-1").strip()
    return any(separator in text.partition("\n")[0] for separator in SEPARATORS)


def _check_parquet(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 4, 0))
        if file.read() != PARQUET_MARK or path.stat().st_size < 12:
            raise DataError(f"The file '{path}' is a Parquet file that was cut off; copy or export it again.")
    return ".parquet"


def _look_into_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        raise DataError(
            f"The file '{path}' is an Excel workbook or a zip archive that is damaged or was cut off; "
            "copy or export it again."
        ) from None
    # Excel, Word and OpenDocument files are all zip archives: only the names inside tell them apart.
    if "xl/workbook.xml" in names:
        return ".xlsx"
    kinds = {
        "xl/workbook.bin": "a binary Excel workbook (.xlsb)",
        "word/document.xml": "a Word document",
        "ppt/presentation.xml": "a presentation",
        "content.xml": "an OpenDocument file",
    }
    for name, what in kinds.items():
        if name in names:
            raise DataError(
                f"The file '{path}' is {what}, which cannot be read as a table; open it and save it as .xlsx."
            )
    files = [name for name in names if not name.endswith("/")]
    held = f" with {', '.join(map(repr, files[:3]))}" + (", ..." if len(files) > 3 else "") if files else ""
    raise DataError(f"The file '{path}' is a zip archive{held}; {UNPACK}.")


def _look_into_ole(path: Path) -> str:
    content = path.read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise DataError(f"The file '{path}' is protected by a password; save it as .xlsx without one.")
    if any(name.encode("utf-16-le") in content for name in ("Workbook", "Book")):
        return ".xls"
    raise DataError(f"The file '{path}' is a document of Microsoft Office and no workbook; {AS_TABLE}.")


def _look_into_gzip(path: Path) -> str:
    try:
        with gzip.open(path, "rb") as file:
            head = file.read(HEAD)
    except EOFError:
        raise DataError(f"The file '{path}' was cut off; copy or export it again.") from None
    if not head:
        raise DataError(f"The file '{path}' is empty inside; it needs a header line and rows.")
    if re.match(rb"PAR1|PK\x03\x04|PK\x05\x06|\xd0\xcf\x11\xe0|\x1f\x8b", head) or head[257:262] == b"ustar":
        raise DataError(f"The file '{path}' is packed by gzip and no text inside; {UNPACK}.")
    _refuse_foreign(path, head)
    return ".csv.gz"
