"""Rows as they were answered, kept until their labels arrive: one kind of file for requests of any size and origin.

A file holds the rows of one big request or of many small ones, all answered by one generation. Late labels find a row
by its id, by a digest of its inputs, or by a digest of the columns that name it.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from common.errors import StateError, first_line
from common.files import FileStore
from common.reading import read_dates, read_levels
from common.schema import Schema

POSITION, DIGEST, KEY = "position", "digest", "key"
INPUT, OUTPUT, LINE = "input:", "output:", "line:"


@dataclass(frozen=True, eq=False)
class AnsweredRows:
    """Rows that were answered.

    inputs:    (n_rows, n_inputs) typed and cleaned
    positions: (n_rows,) where each stood in its request
    digests:   (n_rows,) uint64 of the inputs that the request had
    keys:      (n_rows,) uint64 of the columns that name a row; 0 where they do not
    outputs:   (n_rows, n_outputs) what was answered
    by_line:   the same of lines that scored the rows without serving them
    """

    inputs: pd.DataFrame
    positions: np.ndarray
    digests: np.ndarray
    keys: np.ndarray
    outputs: np.ndarray
    by_line: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.positions)

    def with_lines(self, by_line: Mapping[str, np.ndarray]) -> "AnsweredRows":
        """Return the rows with what other lines predicted for them."""
        return replace(self, by_line=by_line)


def keep_rows(
    schema: Schema,
    inputs: pd.DataFrame,
    columns: Sequence[str],
    outputs: np.ndarray,
    positions: np.ndarray,
    named: pd.DataFrame | None = None,
    key_columns: Sequence[str] = (),
) -> AnsweredRows:
    """Return rows to keep, from the inputs and outputs of those at ``positions`` of a request.

    columns: the inputs that the request had
    named:   the raw rows, as far as they hold ``key_columns``
    """
    return AnsweredRows(
        inputs=inputs.reset_index(drop=True),
        positions=positions.astype(np.int32),
        digests=compute_keys(inputs, columns),
        keys=compute_named_keys(named, key_columns, schema) if named is not None else np.zeros(len(inputs), np.uint64),
        outputs=outputs.astype(np.float32),
    )


def join_answered(parts: Sequence[AnsweredRows]) -> AnsweredRows:
    """Return rows of several requests to one generation, one after another."""
    if len(parts) == 1:
        return parts[0]
    return AnsweredRows(
        inputs=pd.concat([one.inputs for one in parts], ignore_index=True),
        positions=np.concatenate([one.positions for one in parts]),
        digests=np.concatenate([one.digests for one in parts]),
        keys=np.concatenate([one.keys for one in parts]),
        outputs=np.concatenate([one.outputs for one in parts]),
    )


def find_newest_time(inputs: pd.DataFrame, schema: Schema) -> datetime | None:
    """Return the latest moment in the time column of rows, where that is an input and known."""
    if schema.time not in inputs or inputs[schema.time].isna().all():
        return None
    return pd.Timestamp(inputs[schema.time].max()).to_pydatetime()


def compute_keys(inputs: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Return a digest (n_rows,) uint64 of each row's cells in some columns of typed, cleaned inputs."""
    table = inputs[list(columns)]
    text = [str(name) for name in table if pd.api.types.is_string_dtype(table[name])]
    return pd.util.hash_pandas_object(table.astype(dict.fromkeys(text, "object")), index=False).to_numpy()


def compute_named_keys(raw: pd.DataFrame, key_columns: Sequence[str], schema: Schema) -> np.ndarray:
    """Return a digest (n_rows,) uint64 of raw cells that name a row; 0 where one of them is missing.

    Dates are compared as moments, anything else as text, so that files of any format agree.

    >>> from common.task import Task
    >>> schema = Schema("day", "sold", Task.REGRESSION, dates=("day",))
    >>> text = pd.DataFrame({"id": ["7.0", "", "8"], "day": ["2020-01-02", "2020-01-02", "2020-01-03"]})
    >>> typed = pd.DataFrame({"id": [7, 7, 8], "day": pd.to_datetime(["2020-01-02", "2020-01-02", "2020-01-04"])})
    >>> (compute_named_keys(text, ["id", "day"], schema) == compute_named_keys(typed, ["id", "day"], schema)).tolist()
    [True, False, False]
    """
    if not key_columns or any(name not in raw for name in key_columns):
        return np.zeros(len(raw), dtype=np.uint64)
    dates = {schema.time, *schema.dates}
    read = pd.DataFrame({
        name: read_dates(raw[name], schema.time_format if name == schema.time else None) if name in dates
        else read_levels(raw[name], schema.missing_values).astype("object")
        for name in key_columns
    })  # fmt: skip
    digests = pd.util.hash_pandas_object(read, index=False).to_numpy()
    return np.where(read.isna().any(axis=1).to_numpy(), np.uint64(0), digests)


def save_answered(files: FileStore, rows: AnsweredRows) -> str:
    """Store rows and return the file's name."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {POSITION: rows.positions, DIGEST: rows.digests, KEY: rows.keys}
    columns |= {f"{INPUT}{name}": pa.array(rows.inputs[name], from_pandas=True) for name in rows.inputs}
    columns |= _name_outputs(OUTPUT, rows.outputs)
    for line, outputs in rows.by_line.items():
        columns |= _name_outputs(f"{LINE}{line}:", outputs)
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return files.save(buffer.getvalue(), ".parquet")


def load_digests(files: FileStore, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the digests and the keys (n_rows,) of stored rows; None, with a warning, where the file is not sound."""
    content = files.load_if_sound(name)
    if content is None:
        return None
    table = _read(files, name, content, [DIGEST, KEY])
    return table[DIGEST].to_numpy(), table[KEY].to_numpy()


def load_answered(files: FileStore, name: str, schema: Schema) -> AnsweredRows | None:
    """Return stored rows, an input that came later all missing; None, with a warning, where the file is not sound."""
    content = files.load_if_sound(name)
    if content is None:
        return None
    table = _read(files, name, content)
    names = [str(name) for name in table]
    inputs = table[[one for one in names if one.startswith(INPUT)]].rename(columns=lambda one: one[len(INPUT) :])
    types = dict.fromkeys(schema.numeric, "float64") | dict.fromkeys(schema.categorical, "str")
    lines: dict[str, list[str]] = {}
    for column in (one for one in names if one.startswith(LINE)):
        lines.setdefault(column[len(LINE) :].rpartition(":")[0], []).append(column)
    return AnsweredRows(
        inputs=inputs.reindex(columns=list(schema.inputs)).astype(
            types | dict.fromkeys(schema.dates, "datetime64[us]")
        ),
        positions=table[POSITION].to_numpy(),
        digests=table[DIGEST].to_numpy(),
        keys=table[KEY].to_numpy(),
        outputs=table[[one for one in names if one.startswith(OUTPUT)]].to_numpy(),
        by_line={line: table[columns].to_numpy() for line, columns in lines.items()},
    )


def _name_outputs(prefix: str, outputs: np.ndarray) -> dict[str, np.ndarray]:
    return {
        f"{prefix}{place}": np.ascontiguousarray(outputs[:, place], np.float32) for place in range(outputs.shape[1])
    }


def _read(files: FileStore, name: str, content: bytes, columns: list[str] | None = None) -> pd.DataFrame:
    try:
        return pd.read_parquet(io.BytesIO(content), columns=columns)
    except Exception as error:  # stored bytes may be anything, and Parquet has errors of many kinds
        raise StateError(
            f"The stored file '{files.path(name)}' holds no answered rows ({first_line(error)}); restore it."
        ) from error
