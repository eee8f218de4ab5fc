"""A copy of an SQLite catalogue after every generation, which takes its place when the catalogue is damaged.

PostgreSQL has backups of its own, and people who run it.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from pointsman.common.errors import StateError, first_line
from pointsman.common.storage.addresses import address_file
from pointsman.common.storage.catalogue import metadata
from pointsman.common.storage.failures import is_damage
from pointsman.common.storage.files import FULL, explain_writing, name_temporary, sync_folder

LEAST_BYTES = 100
"""The header of an SQLite file."""


def find_catalogue(url: sa.URL) -> Path | None:
    """Return the file of an SQLite catalogue, None for any other."""
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def name_backup(catalogue: Path) -> Path:
    """Return where the copy of a catalogue lies.

    >>> name_backup(Path("state/catalogue.db")).name
    'catalogue.backup.db'
    """
    return catalogue.with_name(f"{catalogue.stem}.backup{catalogue.suffix}")


def save_backup(engine: Engine) -> None:
    """Copy an SQLite catalogue as it is now; StateError where there is no room, and then the older copy stays.

    A copy that is damaged itself does not take the place of one that was good.
    """
    catalogue = find_catalogue(engine.url)
    if catalogue is None:
        return
    backup = name_backup(catalogue)
    temporary = name_temporary(backup)
    try:
        with explain_writing(backup):
            _copy(catalogue, temporary)
            # On the disk before it takes the older copy's place, or a power cut could leave neither.
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, backup)
            sync_folder(backup.parent)
    except sqlite3.OperationalError as error:
        raise StateError(f"The copy '{backup}' of the catalogue cannot be written ({error}); {FULL}.") from error
    except sqlite3.DatabaseError as error:
        raise StateError(
            f"The catalogue '{catalogue}' is damaged ({error}), so no copy of it took the place of '{backup}'; keep "
            "that, and move the damaged file away."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _copy(catalogue: Path, to: Path) -> None:
    with closing(sqlite3.connect(catalogue)) as stored, closing(sqlite3.connect(to)) as copied:
        stored.backup(copied)
        copied.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        (found,) = copied.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found.splitlines()[-1])


def find_loss(catalogue: Path) -> str:
    """Return why a catalogue that existed once is lost, '' where it is there or has no copy.

    SQLite would silently create a new one.
    """
    if not name_backup(catalogue).is_file():
        return ""
    if not catalogue.is_file():
        return "the file is gone"
    return "the file is cut off" if catalogue.stat().st_size < LEAST_BYTES else ""


def restore_backup(catalogue: Path, reason: str) -> str:
    """Put the copy in the place of a damaged catalogue, which is kept aside, and return a sentence on it.

    StateError where there is no copy, or the catalogue is sound after all. The caller holds the update lock.
    """
    backup = name_backup(catalogue)
    # Between noticing the damage and taking the lock, another process may have restored the copy.
    if not is_damaged(catalogue):
        raise StateError(f"The catalogue '{catalogue}' is sound again; run this once more.")
    if not backup.is_file() or is_damaged(backup):
        raise StateError(
            f"The catalogue '{catalogue}' is damaged ({reason}) and has no sound copy beside it; restore it from a "
            "backup of the state."
        )
    aside = catalogue.with_name(f"{catalogue.stem}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}{catalogue.suffix}")
    temporary = name_temporary(catalogue)
    kept = f" and is kept as '{aside.name}'" if catalogue.exists() else ""
    with explain_writing(catalogue):
        shutil.copyfile(backup, temporary)
        # The log goes with the file it belongs to: beside the copy, SQLite might apply it.
        for ending in ("", "-wal", "-shm"):
            with_ending = Path(f"{catalogue}{ending}")
            if with_ending.exists():
                os.replace(with_ending, f"{aside}{ending}")
        os.replace(temporary, catalogue)
        sync_folder(catalogue.parent)
    return (
        f"The catalogue '{catalogue}' was damaged ({reason}){kept}; its copy of the newest "
        "generation has taken its place, so that only records of inferences since then are missing"
    )


def is_damaged(catalogue: Path) -> bool:
    """Return whether SQLite finds a file damaged, or a cell cannot be read as its column's type."""
    if not catalogue.is_file() or catalogue.stat().st_size < LEAST_BYTES:
        return True
    engine = sa.create_engine(address_file(catalogue))
    try:
        with engine.connect() as connection:
            if connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok":
                return True
            # quick_check looks at pages; a date or JSON cell that cannot be read shows only when every row is read.
            connection.exec_driver_sql("SELECT * FROM sqlite_master").all()
            stored = sa.inspect(connection).get_multi_columns()
            for table in metadata.sorted_tables:
                # A catalogue of an earlier release lacks tables and columns that came later, which is no damage.
                there = {column["name"] for column in stored.get((None, table.name), [])}
                if columns := [column for column in table.columns if column.name in there]:
                    connection.execute(sa.select(*columns)).all()
    except ValueError:
        return True
    except sa.exc.DatabaseError as error:
        if is_damage(error.orig or error):
            return True
        raise StateError(
            f"The catalogue '{catalogue}' cannot be checked ({first_line(error.orig or error)})."
        ) from error
    finally:
        engine.dispose()
    return False
