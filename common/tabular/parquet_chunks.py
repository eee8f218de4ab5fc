"""Parquet tables in chunks, every column with the type that it has in the whole table."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pointsman.common.column_names import check_names, tidy_names
from pointsman.common.exact import LARGEST
from pointsman.common.formats import PARQUET_MARK

if TYPE_CHECKING:
    import pyarrow as pa


def read_parquet_chunks(path: Path, rows: int) -> Iterator[tuple[pd.DataFrame, float]]:
    """Yield chunks of at most ``rows`` rows and the share of the table read so far.

    A named index is a column, and a category its value. Whole numbers beside missing cells are float64, as pandas has
    them, unless one of the column is too long for that.
    """
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        n_rows, first = file.metadata.num_rows, 0
        indices = (file.schema_arrow.pandas_metadata or {}).get("index_columns", [])
        ranges = {place: one for place, one in enumerate(indices) if isinstance(one, dict) and one["name"] is not None}
        widened = find_widened(file)
        for part in _read_parts(file, rows):
            table = _read_frame(part, widened)
            for place, one in ranges.items():
                if one["name"] in table:  # pandas has restored it, as it does for all rows at once
                    continue
                table.insert(place, one["name"], one["start"] + one["step"] * np.arange(first, first + len(table)))
            check_names(path, list(table.columns))
            table.columns = tidy_names(table)
            first += len(table)
            yield table, first / max(n_rows, 1)


def find_types(path: Path) -> "dict[str, pa.DataType]":
    """Return the type of every column of a Parquet file, and none of another file."""
    with path.open("rb") as file:
        if file.read(len(PARQUET_MARK)) != PARQUET_MARK:  # what reads the rows says whether the ending is right
            return {}
    import pyarrow.parquet

    return {str(field.name).strip(): field.type for field in pyarrow.parquet.read_schema(path)}


def find_widened(file: Any) -> dict[str, str]:
    """Return, by name in the file, the types of columns of whole numbers and truth values that have missing cells.

    Truth values become objects; numbers float64 or, where that would round one, a nullable type. The file's statistics
    tell what cells there are; without them the column is read.
    """
    import pyarrow as pa

    places = {file.metadata.schema.column(place).path: place for place in range(file.metadata.num_columns)}
    widened = {}
    for field in file.schema_arrow:
        kind = _type_of_cells(field)
        if pa.types.is_boolean(kind) and _has_missing(file, field.name, places[field.name]):
            widened[field.name] = "object"
        elif pa.types.is_integer(kind) and _has_missing(file, field.name, places[field.name]):
            is_long = kind.bit_width == 64 and _is_long(file, field.name, places[field.name])
            widened[field.name] = name_nullable(kind) if is_long else "float64"
    return widened


def name_nullable(kind: "pa.DataType") -> str:
    """Return the type in which pandas keeps whole numbers of 64 bits beside missing cells."""
    import pyarrow as pa

    return "UInt64" if pa.types.is_unsigned_integer(kind) else "Int64"


def read_exactly(column: "pa.ChunkedArray") -> pd.Series:
    """Return whole numbers of 64 bits, missing cells among them, as they are."""
    import pyarrow as pa

    return column.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}.get)


def is_long(column: "pa.ChunkedArray") -> bool:
    """Return whether a float64 may round a whole number of a column."""
    import pyarrow.compute as compute

    ends = compute.min_max(column).as_py()
    return ends["min"] is not None and (ends["max"] >= LARGEST or ends["min"] <= -LARGEST)


def _is_long(file: Any, name: str, place: int) -> bool:
    for group in range(file.metadata.num_row_groups):
        statistics = file.metadata.row_group(group).column(place).statistics
        if statistics is None or not statistics.has_min_max:
            return any(is_long(part.column(0)) for part in _read_column(file, name))
        if statistics.max >= LARGEST or statistics.min <= -LARGEST:
            return True
    return False


def _has_missing(file: Any, name: str, place: int) -> bool:
    unknown = False
    for group in range(file.metadata.num_row_groups):
        statistics = file.metadata.row_group(group).column(place).statistics
        if statistics is None or not statistics.has_null_count:
            unknown = True
        elif statistics.null_count:
            return True
    return unknown and any(part.column(0).null_count for part in _read_column(file, name))


def _read_column(file: Any, name: str) -> Iterator[Any]:
    for part in file.iter_batches(columns=[name]):
        yield (
            part.set_column(0, name, part.column(0).dictionary_decode())
            if hasattr(part.column(0), "dictionary_decode")
            else part
        )


def _type_of_cells(field: "pa.Field") -> "pa.DataType":
    import pyarrow as pa

    return field.type.value_type if pa.types.is_dictionary(field.type) else field.type


def _read_parts(file: Any, rows: int) -> Iterator[Any]:
    import pyarrow as pa

    if rows >= file.metadata.num_rows:
        yield file.read()
        return
    for batch in file.iter_batches(batch_size=rows):
        yield pa.Table.from_batches([batch])


def _read_frame(part: Any, widened: Mapping[str, str]) -> pd.DataFrame:
    """As ``pandas.read_parquet`` makes it, with named indices as columns and categories as what they stand for."""
    for place, field in enumerate(part.schema):
        cells = _type_of_cells(field)
        if cells is not field.type:
            part = part.set_column(place, field.with_type(cells), part.column(place).cast(cells))
    table = part.to_pandas()
    named = any(name is not None for name in table.index.names)
    table = table.reset_index(drop=not named)
    for name, dtype in widened.items():
        if name in table and isinstance(table[name].dtype, np.dtype):
            exact = dtype in ("Int64", "UInt64")
            table[name] = read_exactly(part.column(name)) if exact else table[name].astype(dtype)
    return table
