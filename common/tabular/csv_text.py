"""Tables as CSV text, column by column: the characters that ``DataFrame.to_csv`` writes, five times as fast.

Only moments without a zone are written otherwise: to_csv shows dates alone where all times of a table are midnight, so
that a column would change its notation between parts of one file.
"""

from typing import Any

import numpy as np
import pandas as pd

PLAIN_FROM, PLAIN_TO = 1e-4, 1e10
"""Between these sizes Arrow writes the digits of a number as Python does; beyond them one of both uses an exponent."""


def make_csv(table: pd.DataFrame, header: bool) -> bytes:
    """Return the rows as text with commas, cells in quotes where they need them, empty where they are missing.

    >>> print(make_csv(pd.DataFrame({"a": ["x", "y,z"], "b": [1.0, None]}), header=True).decode())
    a,b
    x,1.0
    "y,z",
    <BLANKLINE>
    """
    table = show_times(table)
    columns = [_write_cells(table.iloc[:, place]) for place in range(table.shape[1])]
    if len(columns) < 2 or not len(table) or any(column is None for column in columns):
        return _write_by_pandas(table, header)
    import pyarrow as pa
    import pyarrow.compute as compute

    comma, end = (pa.scalar(text, pa.large_string()) for text in (",", "\n"))
    columns[-1] = compute.binary_join_element_wise(columns[-1], pa.scalar("", pa.large_string()), end)
    lines = compute.binary_join_element_wise(*columns, comma)
    names = _write_by_pandas(table.head(0), header=True) if header else b""
    text = lines.buffers()[2]
    return names + (text.to_pybytes() if text else b"")


def show_times(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose moments without a zone are texts, each with its time; NaN where one is missing.

    >>> moments = pd.Series(["2020-01-31", None, "2020-01-31T18:30:00.5"], dtype="datetime64[us]")
    >>> show_times(pd.DataFrame({"a": moments}))["a"].tolist()
    ['2020-01-31 00:00:00', nan, '2020-01-31 18:30:00.500000']
    """
    places = [place for place, dtype in enumerate(table.dtypes) if isinstance(dtype, np.dtype) and dtype.kind == "M"]
    if places:
        table = table.copy(deep=False)
    for place in places:
        codes, distinct = pd.factorize(table.iloc[:, place], use_na_sentinel=True)
        shown = np.array([*map(str, distinct), None], dtype=object)
        table.isetitem(place, pd.array(shown[codes], dtype="str"))
    return table


def _write_by_pandas(table: pd.DataFrame, header: bool) -> bytes:
    text = table.to_csv(index=False, header=header, lineterminator="\n")
    return str(text).encode()


def _write_cells(column: pd.Series) -> Any:
    """Return the cells (n_rows,) as texts that can stand between commas; None for types that pandas writes itself."""
    import pyarrow as pa
    import pyarrow.compute as compute

    if isinstance(column.dtype, pd.StringDtype):
        cells = compute.cast(pa.array(column, from_pandas=True), pa.large_string())
        return _quote(cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells)
    if isinstance(column.dtype, pd.Int64Dtype | pd.UInt64Dtype):
        return compute.fill_null(compute.cast(pa.array(column), pa.large_string()), "")
    if not isinstance(column.dtype, np.dtype):
        return None
    if column.dtype.kind in "iu":
        return compute.cast(pa.array(column.to_numpy()), pa.large_string())
    if column.dtype.kind == "b":
        return pa.array(np.array(["False", "True"])[column.to_numpy().astype(int)], pa.large_string())
    if column.dtype == "float64":
        return _write_numbers(column.to_numpy())
    return None


def _quote(cells: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as compute

    cells = compute.fill_null(cells, "")
    special = compute.match_substring_regex(cells, '[",\r\n]')
    if not compute.any(special).as_py():
        return cells
    mark, nothing = pa.scalar('"', pa.large_string()), pa.scalar("", pa.large_string())
    doubled = compute.replace_substring(cells, '"', '""')
    return compute.if_else(special, compute.binary_join_element_wise(mark, doubled, mark, nothing), cells)


def _write_numbers(numbers: np.ndarray) -> Any:
    import pyarrow as pa
    import pyarrow.compute as compute

    size = np.abs(numbers)
    cells = compute.cast(pa.array(numbers), pa.large_string())
    whole = (numbers == np.trunc(numbers)) & (size < PLAIN_TO)
    ends = pa.array(np.array(["", ".0"])[whole.astype(int)], pa.large_string())
    cells = compute.binary_join_element_wise(cells, ends, pa.scalar("", pa.large_string()))
    odd = np.flatnonzero(((size < PLAIN_FROM) & (size > 0)) | (size >= PLAIN_TO) | np.isnan(numbers))
    if len(odd):
        texts = ["" if np.isnan(number) else repr(float(number)) for number in numbers[odd]]
        mask = np.zeros(len(numbers), dtype=bool)
        mask[odd] = True
        cells = compute.replace_with_mask(cells, pa.array(mask), pa.array(texts, pa.large_string()))
    return cells
