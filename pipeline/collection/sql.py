"""A query on a database as a source."""

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from common.errors import ConfigError, DataError
from common.extras import missing_driver
from pipeline.collection.part import Part


@dataclass(frozen=True)
class SqlSource:
    """The rows a query returns, read anew by every update; passwords never reach a message.

    A relative SQLite file lies below ``data_dir`` or, where there is none, below the working directory.
    """

    url: str
    query: str
    data_dir: Path

    @property
    def label(self) -> str:
        return _parse_url(self.url).render_as_string(hide_password=True)

    def parts(self) -> tuple[Part, ...]:
        return (Part("sql", self.label, self._load, digest=None),)

    def _load(self) -> pd.DataFrame:
        url = _locate_sqlite(_parse_url(self.url), self.data_dir)
        try:
            engine = sa.create_engine(url)
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            if isinstance(error, ImportError) and (refusal := missing_driver(self.label, "source.url")):
                raise refusal from error
            raise ConfigError(
                f"The database '{self.label}' has no driver here ({_describe(error, url)}); install it or correct "
                "source.url."
            ) from error
        try:
            with engine.connect() as connection:
                rows = pd.read_sql_query(sa.text(_escape_colons(self.query)), connection)
        except (sa.exc.SQLAlchemyError, pd.errors.DatabaseError) as error:
            raise DataError(
                f"The query of '{self.label}' failed ({_describe(error, url)}); check source.url and source.query."
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


def _describe(error: Exception, url: sa.URL) -> str:
    cause = error.__cause__ if isinstance(error, pd.errors.DatabaseError) and error.__cause__ else error
    reason = str(getattr(cause, "orig", None) or cause).strip() or type(cause).__name__
    first = reason.splitlines()[0].rstrip(".")
    return first.replace(str(url.password), "***") if url.password else first


def _name_columns(rows: pd.DataFrame, label: str) -> pd.DataFrame:
    rows.columns = pd.Index([str(name).strip() for name in rows.columns])
    if not rows.columns.is_unique:
        twice = rows.columns[rows.columns.duplicated()][0]
        raise DataError(f"The query of '{label}' returns the column '{twice}' more than once; rename one with AS.")
    return rows
