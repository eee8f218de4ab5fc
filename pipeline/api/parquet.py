"""Parquet bodies to rows. What a file claims to hold is measured before anything is decoded, and again after it."""

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pointsman.common.config import ServiceConfig
from pointsman.common.tabular.parquet_chunks import is_long, read_exactly
from pointsman.pipeline.api.bodies import MB
from pointsman.pipeline.api.reading import (
    Brought,
    Columns,
    check_count,
    describe_long,
    find_places,
    refuse_columns,
    warn_of,
)
from pointsman.pipeline.api.refusal import Problem, Refused, refuse_rows

MAGIC = b"PAR1"
FLOAT_DIGITS = 15
"""Digits of a decimal that a float64 always keeps."""
CODECS = ("UNCOMPRESSED", "SNAPPY")
"""Snappy, which most writers use, expands 20 times at most; the others may do so thousands of times."""
EXPANSION = 4
"""Bytes of pages, unpacked, for one byte of the body. A small body may have as many as the largest one has itself."""
CHARACTERS = 32
"""Characters of decoded texts for one byte that a body may have: levels that repeat are stored once."""
CHECKED_CELLS = 500_000
"""Cells that are decoded and checked at a time, before all of them are."""


def read_parquet_rows(body: bytes, columns: Columns, limits: ServiceConfig) -> Brought:
    """Return the known columns of a Parquet body.

    Raises Refused: 400 for a body that is not Parquet, 413 beyond a limit, 422 naming columns and rows that cannot be
    read.
    """
    if not body.startswith(MAGIC):
        raise Refused(400, "The body is no Parquet file; its first bytes are not PAR1.")
    try:
        return read_rows(body, columns, limits)
    except Refused:
        raise
    except Exception:  # Arrow has errors of many kinds for bytes that are no Parquet
        raise Refused(400, "The body is a Parquet file that is damaged or was cut off; write it again.") from None


def read_rows(body: bytes, columns: Columns, limits: ServiceConfig) -> Brought:
    """Measure, decode and check a Parquet file; Arrow's own errors pass."""
    buffer = pa.BufferReader(body)
    file = pq.ParquetFile(buffer, thrift_string_size_limit=len(body), thrift_container_size_limit=100_000)
    measure(file.metadata, len(body), limits)
    schema = file.schema_arrow
    header = [str(name).strip() for name in schema.names]
    places = find_places(header, columns)
    for name, place in places.items():
        check_type(name, schema.field(place).type)
    wanted = {name: schema.names[place] for name, place in places.items()}
    coded = [stored for stored in wanted.values() if is_text(schema.field(stored).type)]
    file = pq.ParquetFile(pa.BufferReader(body), read_dictionary=coded)
    check_cells(file, wanted, limits)
    table = file.read(columns=list(wanted.values()), use_threads=False)
    cells = {name: read_cells(table.column(stored)) for name, stored in wanted.items()}
    warnings = warn_of({name for name in header if name} - columns.known)
    return Brought(pd.DataFrame(cells), frozenset(cells), warnings)


def check_cells(file: pq.ParquetFile, wanted: dict[str, str], limits: ServiceConfig) -> None:
    """Decode the wanted columns a part at a time, and raise Refused for what is not to be kept whole.

    wanted: names as the stream has them, to those in the file
    """
    names, rows, characters = list(wanted.values()), 0, 0
    size = max(1, CHECKED_CELLS // len(names))
    for batch in file.iter_batches(size, columns=names, use_threads=False):
        for name, stored in wanted.items():
            if is_text((column := batch.column(stored)).type):
                characters += measure_texts(name, column, rows, limits)
                check_size(characters, int(CHARACTERS * limits.max_mb * MB))
        rows += batch.num_rows
    if rows != file.metadata.num_rows:
        raise Refused(400, f"The body names {file.metadata.num_rows} rows and holds {rows}; write it again.")


def measure(metadata: pq.FileMetaData, size: int, limits: ServiceConfig) -> None:
    """Raise Refused where a file of so many bytes is too wide, too long, too big unpacked, or compressed too well."""
    if metadata.num_columns > limits.max_columns:
        raise refuse_columns(metadata.num_columns, limits)
    check_count(metadata.num_rows, limits)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    check_size(sum(group.total_byte_size for group in groups), max(EXPANSION * size, int(limits.max_mb * MB)))
    for group in groups:
        for place in range(group.num_columns):
            if (codec := group.column(place).compression) not in CODECS:
                raise Refused(415, f"Parquet compressed by {codec} is not taken; write it with snappy or uncompressed.")


def check_size(size: int, most: int) -> None:
    """Raise Refused where cells take more bytes, or characters, than they may."""
    if not 0 <= size <= most:
        raise Refused(413, f"The body decodes to {size / MB:.0f} MB, which is too much; send its rows in parts.")


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column holds texts, dictionary-encoded or not."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def check_type(name: str, kind: pa.DataType) -> None:
    """Raise Refused for a column whose cells are not numbers, texts, dates or truth values."""
    allowed = (
        pa.types.is_boolean,
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_decimal,
        pa.types.is_date,
        pa.types.is_timestamp,
        pa.types.is_null,
        is_text,
    )
    if not any(is_allowed(kind) for is_allowed in allowed):
        told = f"The column '{name}' is of type {str(kind)[:60]}; write numbers, texts, dates or truth values."
        raise Refused(422, told)


def read_cells(column: pa.ChunkedArray) -> pd.Series:
    """Return the cells of a column as pandas has them: moments to the microsecond, texts decoded."""
    kind = column.type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        zone = "UTC" if getattr(kind, "tz", None) else None
        return column.cast(pa.timestamp("us", zone), safe=getattr(kind, "unit", "") != "ns").to_pandas()
    if pa.types.is_integer(kind) and kind.bit_width == 64 and is_long(column):
        return read_exactly(column)
    if pa.types.is_decimal(kind) and kind.precision > FLOAT_DIGITS:
        return column.to_pandas()
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind) or pa.types.is_unsigned_integer(kind):
        return column.cast(pa.float64(), safe=False).to_pandas()
    return (column.cast(pa.large_string()) if is_text(kind) else column).to_pandas()


def measure_texts(name: str, column: pa.Array, first: int, limits: ServiceConfig) -> int:
    """Return the number of characters in texts of a column; Refused where one is too long. ``first`` is their row."""
    column.validate(full=True)  # whether texts are UTF-8, and codes among those that are there
    lengths = measure_chunk(column)
    longest = pc.max(lengths).as_py() or 0
    if longest > limits.max_text:
        row = pc.index(pc.fill_null(pc.greater(lengths, limits.max_text), False), True).as_py()
        raise refuse_rows([Problem(first + row, name, describe_long(longest, limits))])
    return pc.sum(lengths).as_py() or 0


def measure_chunk(chunk: pa.Array) -> pa.Array:
    """Return the number of characters of each text (n_rows,), dictionary-encoded or not."""
    if pa.types.is_dictionary(chunk.type):
        return pc.utf8_length(chunk.dictionary).take(chunk.indices).cast(pa.int64())
    return pc.utf8_length(chunk).cast(pa.int64())
