"""The one reader of tables in files. It reads a part at a time, so its memory does not grow with the file.

The cells of a chunk are those of the whole table; only for Excel sheets are column types decided chunk by chunk.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from pointsman.common.formats import explain_reading, find_content
from pointsman.common.tabular.csv_chunks import read_csv_chunks
from pointsman.common.tabular.excel_chunks import read_excel_chunks
from pointsman.common.tabular.parquet_chunks import read_parquet_chunks
from pointsman.common.wanted import Wanted

T = TypeVar("T")

EVERYTHING = 2**31 - 1
"""More rows than a table has that fits into memory."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """Rows of a file in its order: ``table`` (n_rows, n_columns), ``first`` its first row's position in the file.

    ``done`` is the share of the file that was read up to the chunk's end, about; 1 for the last one.
    """

    table: pd.DataFrame
    first: int
    done: float


def read_table(path: Path, wanted: Wanted | None = None) -> pd.DataFrame:
    """Return the table in a file: every CSV cell as text (empty is ``""``), Parquet and Excel cells with their types.

    CSV cells are separated by comma, semicolon, tab or ``|``, whichever the header line uses; the text is UTF-8 (with
    or without a mark), UTF-16, or else in the encoding that ``wanted`` states, or Windows-1252. A row with fewer cells
    than the header ends in empty ones. ``wanted`` also tells the header from lines above it, and the sheet. Raises
    DataError naming the file where it is missing, empty, damaged, has a row with more cells than its header or holds a
    column name twice.
    """
    # One chunk, not a join of many: an Excel column gets its type from the rows of a chunk.
    return next(read_chunks(path, EVERYTHING, wanted)).table


def read_chunks(path: Path, rows: int, wanted: Wanted | None = None) -> Iterator[Chunk]:
    """Yield the table in a file in chunks of at most ``rows`` rows; at least one, which is empty if the table is.

    ``wanted`` tells the header, the sheet and the encoding. Raises DataError as ``read_table`` does, also in the middle
    of a file.
    """
    content = find_content(path)
    first, held = 0, None
    with explain_reading(path, content):
        for table, done in _read(path, content, rows, wanted or Wanted()):
            if held is not None:
                yield held
            held = Chunk(table, first, min(done, 0.999))
            first += len(table)
        assert held is not None
        yield Chunk(held.table, held.first, 1.0)


def read_ahead(parts: Iterator[T]) -> Iterator[T]:
    """Yield parts, while a thread of its own reads the next one."""
    with ThreadPoolExecutor(1, "reading") as pool:
        coming = pool.submit(next, parts, None)
        while (part := coming.result()) is not None:
            coming = pool.submit(next, parts, None)
            yield part
            del part  # it is done with: while the next one is waited for, nothing holds it


def _read(path: Path, content: str, rows: int, wanted: Wanted) -> Iterator[tuple[pd.DataFrame, float]]:
    if content == ".parquet":
        return read_parquet_chunks(path, rows)
    if content in (".xlsx", ".xls"):
        return read_excel_chunks(path, content, rows, wanted)
    return read_csv_chunks(path, content == ".csv.gz", rows, wanted)
