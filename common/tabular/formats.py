"""Reading and writing tables in the formats people keep them in. CSV cells stay text, so nothing is reshaped."""

import io
from pathlib import Path

import pandas as pd

from pointsman.common.formats import find_format
from pointsman.common.storage.files import save_atomically
from pointsman.common.tabular.reader import read_chunks
from pointsman.common.wanted import Wanted

EVERYTHING = 2**31 - 1
"""More rows than a table has that fits into memory."""


def read_table(path: Path, wanted: Wanted | None = None) -> pd.DataFrame:
    """Return the table in a file: every CSV cell as text (empty is ``""``), Parquet and Excel cells with their types.

    CSV cells are separated by comma, semicolon, tab or ``|``, whichever the header line uses; the text is UTF-8 (with
    or without a mark), UTF-16, or else in the encoding that ``wanted`` states, or Windows-1252. A row with fewer cells
    than the header ends in empty ones. ``wanted`` also tells the header from lines above it, and the sheet. Raises
    DataError naming the file where it is missing, empty, damaged, has a row with more cells than its header or holds a
    column name twice.
    """
    return next(read_chunks(path, EVERYTHING, wanted)).table


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table in the format its ending names; a reader never sees a half-written file."""
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
