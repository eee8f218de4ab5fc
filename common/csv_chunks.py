"""Text tables in chunks. What a whole file decides (its encoding, columns without a name) is found by a pass before."""

import codecs
import gzip
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from common.tables import (
    NAMELESS,
    check_names,
    check_width,
    find_hollow,
    find_separator,
    read_header_line,
    starts_as_utf16,
    tidy_names,
)

_log = logging.getLogger(__name__)

PIECE = 1 << 20
"""Bytes decoded at a time."""
TEXT = pd.StringDtype("pyarrow", na_value=np.nan)


def read_csv_chunks(path: Path, ending: str, rows: int) -> Iterator[tuple[pd.DataFrame, float]]:
    """Yield chunks of at most ``rows`` rows, cells as text, and the share of the file read so far."""
    encoding = find_encoding(path, ending)
    options: dict[str, Any] = {
        "sep": find_separator(read_header_line(path, ending, encoding)),
        "encoding": encoding,
        "compression": "gzip" if ending == ".csv.gz" else None,
        "keep_default_na": False,
        "na_filter": False,
    }
    header = pd.read_csv(path, header=None, nrows=1, dtype=str, **options)
    check_names(path, header.iloc[0].tolist())
    hollow: list[str] | None = None
    size = path.stat().st_size
    with path.open("rb") as file, pd.read_csv(file, dtype=TEXT, chunksize=rows, **options) as reader:
        for table in reader:
            if hollow is None:
                check_width(path, table, len(header.columns))
                hollow = _find_hollow(path, table, rows, options)
            table.columns = tidy_names(table)
            yield table.drop(columns=hollow).reset_index(drop=True), file.tell() / size


def find_encoding(path: Path, ending: str) -> str:
    """Return what a text file is written in: UTF-16 where it begins with that mark, UTF-8 if all of it is, or cp1252.

    The whole file is decoded, so that a letter in its last line does not change what was read of its first.
    """
    if starts_as_utf16(path, ending):
        return "utf-16"
    open_file: Any = gzip.open if ending == ".csv.gz" else open
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        with open_file(path, "rb") as file:
            while piece := file.read(PIECE):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        _log.warning("The file '%s' is not UTF-8; it is read as Windows-1252.", path)
        return "cp1252"
    return "utf-8-sig"


def _find_hollow(path: Path, first: pd.DataFrame, rows: int, options: dict[str, Any]) -> list[str]:
    """Return the nameless columns that hold nothing in the whole file; only where some are nameless is it read."""
    tidy = first.set_axis(tidy_names(first), axis=1)
    hollow = find_hollow(tidy)
    if not hollow or len(first) < rows:
        return hollow
    places = [list(tidy.columns).index(name) for name in hollow]
    with pd.read_csv(path, dtype=TEXT, chunksize=rows, usecols=places, **options) as reader:
        for table in reader:
            assert all(str(name).startswith(NAMELESS) for name in table.columns)
            hollow = [name for name in hollow if table[name].eq("").all()]
    return hollow
