"""Rows as they were answered, kept until their labels arrive: one kind of file for requests of any size and origin.

A file holds the rows of one big request or of many small ones, all answered by one generation. Late labels find a row
by its id, by a digest of its inputs, or by a digest of the columns that name it.
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.errors import StateError, first_line
from pointsman.common.reading import read_levels, read_schema_dates
from pointsman.common.schema import Schema
from pointsman.common.storage.files import FileStore

POSITION, DIGEST, KEY = "position", "digest", "key"
INPUT, OUTPUT, VERSION = "input:", "output:", "version:"


@dataclass(frozen=True, eq=False)
class AnsweredRows:
    """Rows that were answered.

    inputs:    (n_rows, n_inputs) typed and cleaned
    positions: (n_rows,) where each stood in its request
    digests:   (n_rows,) uint64 of the inputs that the request had
    keys:      (n_rows,) uint64 of the columns that name a row; 0 where they do not
    outputs:   (n_rows, n_outputs) what was answered
    by_version:   the same of versions that scored the rows without serving them
    """

    inputs: pd.DataFrame
    positions: np.ndarray
    digests: np.ndarray
    keys: np.ndarray
    outputs: np.ndarray
    by_version: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.positions)

    def take(self, rows: np.ndarray) -> "AnsweredRows":
        """Return some of the rows, by position."""
        return AnsweredRows(
            self.inputs.iloc[rows].reset_index(drop=True),
            self.positions[rows],
            self.digests[rows],
            self.keys[rows],
            self.outputs[rows],
            {version: outputs[rows] for version, outputs in self.by_version.items()},
        )

    def with_versions(self, by_version: Mapping[str, np.ndarray]) -> "AnsweredRows":
        """Return the rows with what other versions predicted for them."""
        return replace(self, by_version=by_version)


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
    """Return rows that one generation answered, one part after another; NaN for a version that did not score a part."""
    if len(parts) == 1:
        return parts[0]
    versions = sorted({version for one in parts for version in one.by_version})
    nothing = [np.full(one.outputs.shape, np.nan, np.float32) for one in parts]
    return AnsweredRows(
        inputs=pd.concat([one.inputs for one in parts], ignore_index=True),
        positions=np.concatenate([one.positions for one in parts]),
        digests=np.concatenate([one.digests for one in parts]),
        keys=np.concatenate([one.keys for one in parts]),
        outputs=np.concatenate([one.outputs for one in parts]),
        by_version={
            version: np.concatenate([one.by_version.get(version, no) for one, no in zip(parts, nothing, strict=True)])
            for version in versions
        },
    )


def find_newest_time(inputs: pd.DataFrame, schema: Schema, served_at: datetime) -> datetime | None:
    """Return the latest moment in the time column of rows, where that is an input and known."""
    return (
        find_newest(inputs[schema.time].to_numpy(dtype="datetime64[us]"), served_at) if schema.time in inputs else None
    )


def find_newest(times: np.ndarray, served_at: datetime) -> datetime | None:
    """Return the latest of some moments (n_rows,) datetime64[us] of rows, None where none is known.

    It is the stream's clock: a date later than the day on which the row was served says nothing about it.
    """
    times = times[times <= np.datetime64(served_at + timedelta(days=1), "us")]
    return times.max().item() if len(times) else None


def compute_keys(inputs: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Return a digest (n_rows,) uint64 of each row's cells in some columns of typed, cleaned inputs."""
    table = inputs[list(columns)]
    text = [str(name) for name in table if pd.api.types.is_string_dtype(table[name])]
    return pd.util.hash_pandas_object(table.astype(dict.fromkeys(text, "object")), index=False).to_numpy()


def compute_named_keys(raw: pd.DataFrame, key_columns: Sequence[str], schema: Schema) -> np.ndarray:
    """Return a digest (n_rows,) uint64 of raw cells that name a row; 0 where one of them is missing.

    Dates are compared as moments, anything else as text, so that files of any format agree.

    >>> from pointsman.common.task import Task
    >>> schema = Schema("day", "sold", Task.REGRESSION, dates=("day",))
    >>> text = pd.DataFrame({"id": ["7.0", "", "8"], "day": ["2020-01-02", "2020-01-02", "2020-01-03"]})
    >>> typed = pd.DataFrame({"id": [7, 7, 8], "day": pd.to_datetime(["2020-01-02", "2020-01-02", "2020-01-04"])})
    >>> (compute_named_keys(text, ["id", "day"], schema) == compute_named_keys(typed, ["id", "day"], schema)).tolist()
    [True, False, False]
    """
    if not key_columns or any(name not in raw for name in key_columns):
        return np.zeros(len(raw), dtype=np.uint64)
    dates = {schema.time, *schema.dates}
    read = pd.DataFrame(
        {
            name: read_schema_dates(raw[name], name, schema)
            if name in dates
            else read_levels(raw[name], ("", *schema.missing_of(name))).astype("object")
            for name in key_columns
        }
    )
    digests = pd.util.hash_pandas_object(read, index=False).to_numpy()
    return np.where(read.isna().any(axis=1).to_numpy(), np.uint64(0), digests)


def save_answered(files: FileStore, rows: AnsweredRows) -> str:
    """Store rows and return the file's name."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {POSITION: rows.positions, DIGEST: rows.digests, KEY: rows.keys}
    columns |= {f"{INPUT}{name}": pa.array(rows.inputs[name], from_pandas=True) for name in rows.inputs}
    columns |= _name_outputs(OUTPUT, rows.outputs)
    for version, outputs in rows.by_version.items():
        columns |= _name_outputs(f"{VERSION}{version}:", outputs)
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return files.save(buffer.getvalue(), ".parquet")


def load_row_keys(files: FileStore, name: str) -> pd.DataFrame | None:
    """Return position, digest and key of stored rows; None, with a warning, where the file is not sound."""
    content = files.load_if_sound(name)
    return None if content is None else _read(files, name, content, [POSITION, DIGEST, KEY])


def load_answered(files: FileStore, name: str, schema: Schema) -> AnsweredRows | None:
    """Return stored rows, an input that came later all missing; None, with a warning, where the file is not sound."""
    content = files.load_if_sound(name)
    if content is None:
        return None
    table = _read(files, name, content)
    names = [str(name) for name in table]
    inputs = table[[one for one in names if one.startswith(INPUT)]].rename(columns=lambda one: one[len(INPUT) :])
    types = dict.fromkeys(schema.numeric, "float64") | dict.fromkeys(schema.categorical, "str")
    versions: dict[str, list[str]] = {}
    for column in (one for one in names if one.startswith(VERSION)):
        versions.setdefault(column[len(VERSION) :].rpartition(":")[0], []).append(column)
    return AnsweredRows(
        inputs=inputs.reindex(columns=list(schema.inputs)).astype(
            types | dict.fromkeys(schema.dates, "datetime64[us]")
        ),
        positions=table[POSITION].to_numpy(),
        digests=table[DIGEST].to_numpy(),
        keys=table[KEY].to_numpy(),
        outputs=table[[one for one in names if one.startswith(OUTPUT)]].to_numpy(),
        by_version={version: table[columns].to_numpy() for version, columns in versions.items()},
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


def save_request_rows(
    files: FileStore, rows: AnsweredRows, columns: Sequence[str], newest_time: datetime | None
) -> dict[str, Any]:
    """Store rows of one request in a file of its own, if there are any, and return what its decision says of them.

    ``columns`` are the inputs that the request had, of which the rows' digests are made.
    """
    # ``key_columns`` is a stored word: there they are the columns of the digests, not those that name a row
    told: dict[str, Any] = {"key_columns": list(columns), "newest_time": newest_time}
    if not len(rows):
        return told | {"rows_file": None, "first_row": None, "kept_rows": 0}
    return told | {"rows_file": save_answered(files, rows), "first_row": 0, "kept_rows": len(rows)}


def is_logged(request: str, share: float) -> bool:
    """Return whether a request is among the share that is logged: the same for an id whoever asks.

    >>> is_logged("a", 1.0), is_logged("a", 0.0), is_logged("a", 0.5) == is_logged("a", 0.5)
    (True, False, True)
    """
    return int.from_bytes(hashlib.sha256(request.encode()).digest()[:8], "big") < share * 2**64
