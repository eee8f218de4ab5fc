"""Parquet tables in chunks, every column with the type that it has in the whole table."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from common.tables import check_names, tidy_names

if TYPE_CHECKING:
    import pyarrow as pa


def read_parquet_chunks(path: Path, rows: int) -> Iterator[tuple[pd.DataFrame, float]]:
    """Yield chunks of at most ``rows`` rows and the share of the table read so far.

    A named index is a column, and a category its value.
    """
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        n_rows, first = file.metadata.num_rows, 0
        indices = (file.schema_arrow.pandas_metadata or {}).get("index_columns", [])
        ranges = {place: one for place, one in enumerate(indices) if isinstance(one, dict) and one["name"] is not None}
        widened = find_widened(file)
        for part in _read_parts(file, rows):
            table = _read_frame(part)
            for place, one in ranges.items():
                table.insert(place, one["name"], one["start"] + one["step"] * np.arange(first, first + len(table)))
            check_names(path, list(table.columns))
            table.columns = tidy_names(table)
            first += len(table)
            yield widen(table, widened), first / max(n_rows, 1)


def find_types(path: Path) -> "dict[str, pa.DataType]":
    """Return the type of every column of a Parquet file, and none of another file."""
    if not path.name.lower().endswith(".parquet"):
        return {}
    import pyarrow.parquet

    return {str(field.name).strip(): field.type for field in pyarrow.parquet.read_schema(path)}


def find_widened(file: Any) -> set[str]:
    """Return the whole numbers and truth values of an open file with cells missing: pandas reads these as other types.

    The file's statistics know, or else the column is read.
    """
    import pyarrow as pa

    narrow = [field.name for field in file.schema_arrow
              if pa.types.is_integer(_type_of_cells(field)) or pa.types.is_boolean(_type_of_cells(field))]  # fmt: skip
    places = {file.metadata.schema.column(place).path: place for place in range(file.metadata.num_columns)}
    return {str(name).strip() for name in narrow if _has_missing(file, name, places[name])}


def widen(table: pd.DataFrame, names: set[str]) -> pd.DataFrame:
    """Return a chunk with the types that columns with missing cells have: float64, and objects for truth values."""
    types = {}
    for name in names:
        dtype = table[name].dtype if name in table else None
        if isinstance(dtype, np.dtype) and dtype.kind in "iub":
            types[name] = "object" if dtype.kind == "b" else "float64"
    return table.astype(types)


def _has_missing(file: Any, name: str, place: int) -> bool:
    unknown = False
    for group in range(file.metadata.num_row_groups):
        statistics = file.metadata.row_group(group).column(place).statistics
        if statistics is None or not statistics.has_null_count:
            unknown = True
        elif statistics.null_count:
            return True
    return unknown and any(part.column(0).null_count for part in file.iter_batches(columns=[name]))


def _type_of_cells(field: "pa.Field") -> "pa.DataType":
    import pyarrow as pa

    return field.type.value_type if pa.types.is_dictionary(field.type) else field.type


def _read_parts(file: Any, rows: int) -> Iterator[Any]:
    import pyarrow as pa

    empty = True
    for batch in file.iter_batches(batch_size=rows):
        empty = False
        yield pa.Table.from_batches([batch])
    if empty:
        yield file.schema_arrow.empty_table()


def _read_frame(part: Any) -> pd.DataFrame:
    """As ``pandas.read_parquet`` makes it, with named indices as columns and categories as what they stand for."""
    for place, field in enumerate(part.schema):
        cells = _type_of_cells(field)
        if cells is not field.type:
            part = part.set_column(place, field.with_type(cells), part.column(place).cast(cells))
    table = part.to_pandas()
    named = any(name is not None for name in table.index.names)
    return table.reset_index(drop=not named)
