"""Text tables in chunks. What a whole file decides (its encoding, columns without a name) is found by a pass before.

Arrow reads plain files, three times as fast; whatever it does not take is read, or refused, by pandas.
"""

import codecs
import gzip
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from common.tables import (
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
"""Bytes looked at, and by Arrow parsed, at a time."""
TEXT = pd.StringDtype("pyarrow", na_value=np.nan)


@dataclass(frozen=True)
class Text:
    """How a file holds its text. ``is_plain`` is UTF-8 without quotes and without single returns."""

    path: Path
    is_zipped: bool
    encoding: str
    separator: str
    is_plain: bool

    @property
    def options(self) -> dict[str, Any]:
        """How pandas reads it, every cell as text."""
        return {
            "sep": self.separator,
            "encoding": self.encoding,
            "compression": "gzip" if self.is_zipped else None,
            "keep_default_na": False,
            "na_filter": False,
        }


def read_csv_chunks(path: Path, ending: str, rows: int) -> Iterator[tuple[pd.DataFrame, float]]:
    """Yield chunks of at most ``rows`` rows, cells as text, and the share of the file read so far."""
    text = inspect_text(path, ending)
    header = pd.read_csv(path, header=None, nrows=1, dtype=str, **text.options)
    check_names(path, header.iloc[0].tolist())
    hollow: list[str] | None = None
    for table, done in _read_chunks(text, len(header.columns), rows):
        if hollow is None:
            hollow = _find_hollow(text, table, rows)
        table.columns = tidy_names(table)
        yield table.drop(columns=hollow), done


def inspect_text(path: Path, ending: str) -> Text:
    """Return how a file holds its text: UTF-16 where it begins with that mark, UTF-8 if all of it is, or cp1252.

    The whole file is decoded, so that a letter in its last line does not change what was read of its first.
    """
    encoding, is_plain = "utf-16", False
    if not starts_as_utf16(path, ending):
        encoding, is_plain = _decode(path, ending)
    separator = find_separator(read_header_line(path, ending, encoding))
    return Text(path, ending == ".csv.gz", encoding, separator, is_plain)


def _decode(path: Path, ending: str) -> tuple[str, bool]:
    open_file: Any = gzip.open if ending == ".csv.gz" else open
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    is_plain = True
    try:
        with open_file(path, "rb") as file:
            while piece := file.read(PIECE):
                decoder.decode(piece)
                is_plain = is_plain and b'"' not in piece and piece.count(b"\r") == piece.count(b"\r\n")
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        _log.warning("The file '%s' is not UTF-8; it is read as Windows-1252.", path)
        return "cp1252", False
    return "utf-8-sig", is_plain


def _read_chunks(text: Text, n_names: int, rows: int) -> Iterator[tuple[pd.DataFrame, float]]:
    import pyarrow as pa

    known = 0
    if text.is_plain and n_names > 1:  # of one column, Arrow takes a blank line for a row
        try:
            for table, done in _read_by_arrow(text, rows):
                yield table, done
                known += len(table)
        except pa.ArrowInvalid as error:  # such as a short row, which pandas fills up, or a long one, which it names
            _log.debug("read by pandas from row %d on: %s", known, error)
        else:
            return
    size = text.path.stat().st_size
    with text.path.open("rb") as file, pd.read_csv(file, dtype=TEXT, chunksize=rows, **text.options) as reader:
        for place, table in enumerate(reader):
            if place == 0:
                check_width(text.path, table, n_names)
            if place * rows >= known:
                yield table.reset_index(drop=True), file.tell() / size


def _read_by_arrow(text: Text, rows: int) -> Iterator[tuple[pd.DataFrame, float]]:
    """Yield chunks of ``rows`` rows, the last one of fewer; ArrowInvalid where rows are not all of one width."""
    import pyarrow as pa
    from pyarrow import csv

    names = list(pd.read_csv(text.path, nrows=0, **text.options).columns)
    source = pa.OSFile(str(text.path))
    size = source.size()
    reader = csv.open_csv(
        pa.CompressedInputStream(source, "gzip") if text.is_zipped else source,
        csv.ReadOptions(column_names=names, skip_rows_after_names=1, block_size=PIECE),
        csv.ParseOptions(delimiter=text.separator, quote_char=False),
        csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
    )
    held: list[Any] = []
    kept, empty = 0, True
    for batch in reader:
        held.append(batch)
        kept += len(batch)
        done = 1.0 if source.closed else source.tell() / size
        while kept >= rows:
            table = pa.Table.from_batches(held)
            yield table.slice(0, rows).combine_chunks().to_pandas(), done
            held, kept, empty = table.slice(rows).to_batches(), kept - rows, False
    if kept or empty:
        yield pa.Table.from_batches(held, schema=reader.schema).combine_chunks().to_pandas(), 1.0


def _find_hollow(text: Text, first: pd.DataFrame, rows: int) -> list[str]:
    """Return the nameless columns that hold nothing in the whole file; only where some are nameless is it read."""
    tidy = first.set_axis(tidy_names(first), axis=1)
    hollow = find_hollow(tidy)
    if not hollow or len(first) < rows:
        return hollow
    places = [list(tidy.columns).index(name) for name in hollow]
    with pd.read_csv(text.path, dtype=TEXT, chunksize=rows, usecols=places, **text.options) as reader:
        for table in reader:
            hollow = [name for name in hollow if table[name].eq("").all()]
    return hollow
