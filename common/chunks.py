"""A table in a file, read a part at a time: the memory that this takes does not grow with the file.

The cells are those of ``common.tables.read_table``. Of an Excel sheet, types of columns are told chunk by chunk.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from common.csv_chunks import read_csv_chunks
from common.excel_chunks import read_excel_chunks
from common.parquet_chunks import read_parquet_chunks
from common.tables import check_file, explain_reading, read_table

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Chunk:
    """Rows of a file in its order: ``table`` (n_rows, n_columns), ``first`` its first row's position in the file.

    ``done`` is the share of the file that was read up to the chunk's end, about; 1 for the last one.
    """

    table: pd.DataFrame
    first: int
    done: float


def read_chunks(path: Path, rows: int) -> Iterator[Chunk]:
    """Yield the table in a file in chunks of at most ``rows`` rows; at least one, which is empty if the table is.

    Raises DataError as ``read_table`` does, also in the middle of a file.
    """
    ending = check_file(path)
    first, held = 0, None
    with explain_reading(path, ending):
        for table, done in _read(path, ending, rows):
            if held is not None:
                yield held
            held = Chunk(table, first, min(done, 0.999))
            first += len(table)
        assert held is not None
        yield Chunk(held.table, held.first, 1.0)


def read_ahead(parts: Iterator[T]) -> Iterator[T]:
    """Yield parts, of which the next one is read by a thread of its own in the meantime."""
    with ThreadPoolExecutor(1, "reading") as pool:
        coming = pool.submit(next, parts, None)
        while (part := coming.result()) is not None:
            coming = pool.submit(next, parts, None)
            yield part
            del part  # it is done with: while the next one is waited for, nothing holds it


def _read(path: Path, ending: str, rows: int) -> Iterator[tuple[pd.DataFrame, float]]:
    if ending == ".parquet":
        return read_parquet_chunks(path, rows)
    if ending == ".xlsx":
        return read_excel_chunks(path, rows)
    if ending == ".xls":
        return _cut(read_table(path), rows)
    return read_csv_chunks(path, ending, rows)


def _cut(table: pd.DataFrame, rows: int) -> Iterator[tuple[pd.DataFrame, float]]:
    """An old Excel file holds at most 65,536 rows and is read whole."""
    for start in range(0, max(len(table), 1), rows):
        part = table.iloc[start : start + rows].reset_index(drop=True)
        yield part, (start + len(part)) / max(len(table), 1)
