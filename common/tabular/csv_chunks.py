"""Text tables in chunks. What a whole file decides (its encoding, columns without a name) is found by a pass before.

Arrow reads plain files, three times as fast; whatever it does not take is read, or refused, by pandas.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.column_names import check_names, find_hollow, tidy_names
from pointsman.common.errors import DataError
from pointsman.common.text_faults import check_swallowed, explain_bytes, explain_width
from pointsman.common.text_files import PIECE, Text, inspect_text
from pointsman.common.wanted import Wanted

_log = logging.getLogger(__name__)

TEXT = pd.StringDtype("pyarrow", na_value=np.nan)


def read_csv_chunks(path: Path, is_zipped: bool, rows: int, wanted: Wanted) -> Iterator[tuple[pd.DataFrame, float]]:
    """Yield chunks of at most ``rows`` rows, cells as text, and the share of the file read so far."""
    text = inspect_text(path, is_zipped, wanted)
    with _explain_text(text):
        header = _read(text, header=None, nrows=1, dtype=str)
    n_names = len(header.columns)
    check_names(path, header.iloc[0].tolist())
    hollow: list[str] | None = None
    with _explain_text(text, n_names):
        for table, done in _read_chunks(text, n_names, rows):
            if hollow is None:
                hollow = _find_hollow(text, table, rows)
            table.columns = tidy_names(table)
            yield table.drop(columns=hollow), done


@contextmanager
def _explain_text(text: Text, n_names: int = 0) -> Iterator[None]:
    try:
        yield
    except pd.errors.EmptyDataError:
        raise DataError(
            f"The file '{text.path}' has nothing but blank lines; it needs a header line and rows."
        ) from None
    except pd.errors.ParserError as error:
        _log.debug("pandas on '%s': %s", text.path, error)
        raise explain_width(text, n_names or sys.maxsize) from error
    except UnicodeDecodeError as error:
        raise explain_bytes(text) from error


def _options(text: Text) -> dict[str, Any]:
    """Return the options by which pandas reads a text, every cell as it is written."""
    return {"sep": text.separator, "keep_default_na": False, "na_filter": False}


def _read(text: Text, **options: Any) -> pd.DataFrame:
    with text.open() as (lines, _):
        return pd.read_csv(lines, **_options(text), **options)


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
    with text.open() as (lines, raw), pd.read_csv(lines, dtype=TEXT, chunksize=rows, **_options(text)) as reader:
        first = 0
        for place, table in enumerate(reader):
            if place == 0 and not isinstance(table.index, pd.RangeIndex):  # cells without a name became an index
                raise explain_width(text, n_names)
            if first >= known:
                if not text.is_plain:
                    check_swallowed(text, table, first)
                yield table.reset_index(drop=True), raw.tell() / size
            first += len(table)


def _read_by_arrow(text: Text, rows: int) -> Iterator[tuple[pd.DataFrame, float]]:
    """Yield chunks of ``rows`` rows, the last one of fewer; ArrowInvalid where rows are not all of one width."""
    import pyarrow as pa
    from pyarrow import csv

    # From pandas, which names nameless columns and reads on where Arrow gives up: both must use the same names.
    names = list(_read(text, nrows=0).columns)
    source = pa.OSFile(os.fsencode(text.path))
    size = source.size()
    reader = csv.open_csv(
        pa.CompressedInputStream(source, "gzip") if text.is_zipped else source,
        csv.ReadOptions(column_names=names, skip_rows=text.skipped + 1, block_size=PIECE),
        csv.ParseOptions(delimiter=text.separator, quote_char=False),  # a plain text has no quotes
        csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
    )
    # Arrow cuts by bytes, so rows are held back until they fill a chunk of the wanted number.
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
    with (
        text.open() as (lines, _),
        pd.read_csv(lines, dtype=TEXT, chunksize=rows, usecols=places, **_options(text)) as reader,
    ):
        for table in reader:
            hollow = [name for name in hollow if table[name].eq("").all()]
    return hollow
