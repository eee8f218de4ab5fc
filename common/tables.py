"""Reading and writing tables in the formats people keep them in. CSV cells stay text, so nothing is reshaped."""

import gzip
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from common.errors import DataError
from common.files import save_atomically

FORMATS = (".csv", ".csv.gz", ".parquet", ".xlsx", ".xls")

NAMELESS = "Unnamed: "
"""How pandas begins the name that it gives to a column without one."""

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


def read_table(path: Path) -> pd.DataFrame:
    """Return the table in a file: every CSV cell as text (empty is ``""``), Parquet and Excel cells with their types.

    CSV cells are separated by comma, semicolon, tab or ``|``, whichever the header line uses; the text is UTF-8 (with
    or without a mark), UTF-16 with a mark, or else Windows-1252. A row with fewer cells than the header ends in empty
    ones. Raises DataError naming the file where it is missing, empty, damaged, has a row with more cells than its
    header or holds a column name twice.
    """
    ending = check_file(path)
    with explain_reading(path, ending):
        return _read(path, ending)


def check_file(path: Path) -> str:
    """Return a file's format; DataError where it is none that can be read, is missing or empty."""
    ending = find_format(path)
    if not path.is_file():
        raise DataError(f"The file '{path}' does not exist; check the name (source paths start at data_dir).")
    if path.stat().st_size == 0:
        raise DataError(f"The file '{path}' is empty; it needs a header line and rows.")
    return ending


@contextmanager
def explain_reading(path: Path, ending: str) -> Iterator[None]:
    """Turn what a reader says of a file into DataError: every reader has exceptions of its own."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
        raise DataError(f"The file '{path}' cannot be read as {ending} ({reason}); repair or re-export it.") from error


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table in the format its ending names; a reader never sees a half-written file."""
    import io

    ending = find_format(path)
    buffer = io.BytesIO()
    if ending == ".parquet":
        table.to_parquet(buffer, index=False)
    elif ending in (".xlsx", ".xls"):
        path = path.with_suffix(".xlsx")
        table.to_excel(buffer, index=False)
    else:
        compression = {"method": "gzip", "mtime": 0} if ending == ".csv.gz" else None
        table.to_csv(buffer, index=False, compression=compression)
    save_atomically(path, buffer.getvalue())


def _read(path: Path, ending: str) -> pd.DataFrame:
    if ending == ".parquet":
        return _read_parquet(path)
    if ending in (".xlsx", ".xls"):
        return _read_excel(path)
    return _read_csv(path, ending)


def _read_parquet(path: Path) -> pd.DataFrame:
    table = pd.read_parquet(path)
    named = any(name is not None for name in table.index.names)
    table = table.reset_index(drop=not named)
    check_names(path, list(table.columns))
    table.columns = tidy_names(table)
    coded = table.select_dtypes("category")
    return table.astype({name: coded[name].cat.categories.dtype for name in coded})


def _read_excel(path: Path) -> pd.DataFrame:
    header = pd.read_excel(path, header=None, nrows=1, dtype=object)
    if header.empty:
        raise DataError(f"The file '{path}' has an empty first sheet; it needs a header line and rows.")
    check_names(path, header.iloc[0].tolist())
    # Reading cells as objects first keeps True, 'NA' and whole numbers what they are beside an empty cell.
    table = pd.read_excel(path, dtype=object, keep_default_na=False, na_values=[""]).infer_objects()
    return _without_unnamed(table)


def _read_csv(path: Path, ending: str) -> pd.DataFrame:
    try:
        return _read_text(path, ending, "utf-16" if starts_as_utf16(path, ending) else "utf-8-sig")
    except UnicodeDecodeError:
        _log.warning("The file '%s' is not UTF-8; it is read as Windows-1252.", path)
        return _read_text(path, ending, "cp1252")


def _read_text(path: Path, ending: str, encoding: str) -> pd.DataFrame:
    separator = find_separator(read_header_line(path, ending, encoding))
    with pd.option_context("mode.string_storage", "pyarrow"):
        header = pd.read_csv(path, sep=separator, encoding=encoding, header=None, nrows=1, dtype=str, na_filter=False)
        check_names(path, header.iloc[0].tolist())
        table = pd.read_csv(path, sep=separator, encoding=encoding, dtype="str", keep_default_na=False, na_filter=False)
    check_width(path, table, len(header.columns))
    return _without_unnamed(table)


def check_width(path: Path, table: pd.DataFrame, n_names: int) -> None:
    """Raise DataError where pandas took cells that the header has no name for as an index."""
    if not isinstance(table.index, pd.RangeIndex):
        raise DataError(
            f"The file '{path}' has rows with more cells than its header has names ({n_names}); "
            "quote cells that hold the separator, or name every column."
        )


def find_separator(header: str) -> str:
    """Return the character that separates the names in a header line; a comma where there is a single name.

    >>> find_separator("a;b;c"), find_separator('"a;b",c'), find_separator("a")
    (';', ',', ',')
    """
    unquoted = re.sub(r'"[^"]*"', "", header)
    return max(",;\t|", key=unquoted.count)


def read_header_line(path: Path, ending: str, encoding: str) -> str:
    """Return the first line of a text file that is not blank."""
    open_file = gzip.open if ending == ".csv.gz" else open
    with open_file(path, "rt", encoding=encoding, newline=None) as file:
        return next((line for line in file if line.strip()), "")


def starts_as_utf16(path: Path, ending: str) -> bool:
    """Return whether a text file begins with the mark of UTF-16."""
    open_file = gzip.open if ending == ".csv.gz" else open
    with open_file(path, "rb") as file:
        return file.read(2) in (b"\xff\xfe", b"\xfe\xff")


def check_names(path: Path, names: Sequence[object]) -> None:
    """Raise DataError where a column name is there twice; blanks around names and nameless columns do not count."""
    stripped = pd.Series(list(names), dtype=object).dropna().map(lambda name: str(name).strip())
    twice = sorted(stripped[stripped.duplicated() & stripped.ne("")])
    if twice:
        raise DataError(f"The file '{path}' has the column name '{twice[0]}' more than once; rename one of them.")


def tidy_names(table: pd.DataFrame) -> list[str]:
    """Return the names of columns as text without blanks around them."""
    return [str(name).strip() for name in table.columns]


def _without_unnamed(table: pd.DataFrame) -> pd.DataFrame:
    """Tidy the names and leave out what a separator at the end of every line makes: a nameless column of nothing."""
    table.columns = tidy_names(table)
    return table.drop(columns=find_hollow(table))


def find_hollow(table: pd.DataFrame) -> list[str]:
    """Return the nameless columns (whose names are tidy) that hold nothing."""
    nameless = [name for name in table.columns if name.startswith(NAMELESS)]
    return [name for name in nameless if (table[name].isna() | table[name].eq("")).all()]
