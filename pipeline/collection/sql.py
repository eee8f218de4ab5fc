"""A query on a database as a source."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from pointsman.common.errors import ConfigError, DataError
from pointsman.common.exact import type_cells
from pointsman.common.extras import missing_driver
from pointsman.common.redaction import redact
from pointsman.pipeline.collection.part import Part

FLOAT_DIGITS = 15
"""Digits of a decimal that a float64 always keeps."""


@dataclass(frozen=True)
class SqlSource:
    """The rows a query returns, read anew by every update; secrets never reach a message.

    A relative SQLite file lies below ``data_dir`` or, where there is none, below the working directory.
    """

    url: str
    query: str
    data_dir: Path

    @property
    def label(self) -> str:
        return redact(_parse_url(self.url).render_as_string(hide_password=False))

    def parts(self) -> tuple[Part, ...]:
        return (Part("sql", self.label, self._load, digest=None),)

    def _load(self) -> pd.DataFrame:
        url = _locate_sqlite(_parse_url(self.url), self.data_dir)
        try:
            engine = sa.create_engine(url)
        except ValueError as error:  # such as a port that is not a number
            raise ConfigError(
                "source.url has an option that its driver refuses, such as a port that is no number; correct it."
            ) from error
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            if isinstance(error, ImportError) and (refusal := missing_driver(self.label, "source.url")):
                raise refusal from error
            raise ConfigError(
                f"The database '{self.label}' has no driver here ({_describe(error)}); install it or correct "
                "source.url."
            ) from error
        try:
            with engine.connect() as connection:
                result = connection.execute(sa.text(_escape_colons(self.query)))
                rows = make_table(list(result.keys()), result.fetchall())
        except sa.exc.SQLAlchemyError as error:
            # Not chained: the driver's own error may quote the URL with its password.
            raise DataError(
                f"The query of '{self.label}' failed ({_describe(error)}); check source.url and source.query."
            ) from None
        finally:
            engine.dispose()
        return _name_columns(rows, self.label)


def _parse_url(url: str) -> sa.URL:
    try:
        return sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigError(
            "source.url is no database URL; write one such as sqlite:///claims.db or "
            "postgresql+psycopg://user:password@host/database."
        ) from None


def _locate_sqlite(url: sa.URL, data_dir: Path) -> sa.URL:
    """SQLite would create a file that does not exist, so a mistyped name has to be caught before."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:") or str(url.database)[:5] == "file:":
        return url
    for path in (data_dir / str(url.database), Path(str(url.database))):
        if path.is_file():
            return url.set(database=str(path))
    raise DataError(f"The database file '{data_dir / str(url.database)}' does not exist; check source.url.")


def _escape_colons(query: str) -> str:
    """A colon in the user's query is itself and never the mark of a parameter."""
    return re.sub(r"(?<![:\w\\]):(?=\w)", r"\\:", query)


def _describe(error: Exception) -> str:
    reason = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    return redact(reason.splitlines()[0].rstrip("."))


def make_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """Return rows of a database with the types that pandas gives them, unless that would round a number.

    >>> make_table(["id", "fee"], [(900719925474100568, Decimal("1.50")), (None, Decimal("2"))]).to_dict("list")
    {'id': [900719925474100568, None], 'fee': [1.5, 2.0]}
    """
    table = pd.DataFrame.from_records([tuple(row) for row in rows], columns=list(names), coerce_float=True)
    for place in range(table.shape[1]):
        if table.dtypes.iloc[place] in ("float64", "object"):
            table.isetitem(place, _keep_exact(table.iloc[:, place], [row[place] for row in rows]).array)
    return table


def _keep_exact(column: pd.Series, cells: list[Any]) -> pd.Series:
    """Return a column as pandas made it, or of its cells: long whole numbers, long decimals, and bytes as such."""
    if any(isinstance(cell, Decimal) and len(cell.as_tuple().digits) > FLOAT_DIGITS for cell in cells):
        return pd.Series(cells, dtype=object)
    if column.dtype == "float64" and not any(isinstance(cell, Decimal) for cell in cells):
        return type_cells(pd.Series(cells, dtype=object))
    if any(isinstance(cell, memoryview | bytearray) for cell in cells):
        cells = [bytes(cell) if isinstance(cell, memoryview | bytearray) else cell for cell in cells]
        return pd.Series(cells, dtype=object)
    return column


def _name_columns(rows: pd.DataFrame, label: str) -> pd.DataFrame:
    rows.columns = pd.Index([str(name).strip() for name in rows.columns])
    if not rows.columns.is_unique:
        twice = rows.columns[rows.columns.duplicated()][0]
        raise DataError(f"The query of '{label}' returns the column '{twice}' more than once; rename one with AS.")
    return rows
