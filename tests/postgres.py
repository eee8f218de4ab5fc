"""A PostgreSQL server of the tests' own: on loopback, in a temporary folder, gone when they end."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

PATIENCE = 60.0
"""Seconds that a server may take to answer."""


class NoServerError(Exception):
    """PostgreSQL cannot be started here; the message says why."""


@contextmanager
def run_server() -> Iterator[sa.URL]:
    """Start a server and return the URL of its database 'postgres'; NoServerError says why there is none.

    PostgreSQL refuses to be run by root, who therefore becomes the user 'postgres' that Debian's package makes. Text
    sorts by the rules of a language (ICU), as in most databases of users, and not by its bytes as in SQLite.
    """
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise NoServerError("psycopg is not installed (requirements-postgres.txt)") from None
    programs = find_programs()
    folder, password = Path(tempfile.mkdtemp(prefix="pointsman-postgresql-")), secrets.token_hex(8)
    user = find_user()
    try:
        (folder / "password").write_text(password)
        if user:
            for path in (folder, folder / "password"):
                shutil.chown(path, user)
        initialise(programs, folder, user)
        port = find_free_port()
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [
                    programs / "postgres",
                    "-D",
                    folder / "cluster",
                    "-p",
                    str(port),
                    "-c",
                    "listen_addresses=127.0.0.1",
                    "-c",
                    "unix_socket_directories=",
                    "-c",
                    "fsync=off",
                ],
                stdout=log,
                stderr=log,
                user=user,
                extra_groups=[] if user else None,
                cwd=folder,
            )
        try:
            url = sa.URL.create("postgresql+psycopg", "pointsman", password, "127.0.0.1", port, "postgres")
            wait_for(url, server, folder / "log")
            yield url
        finally:
            server.send_signal(signal.SIGINT)  # "fast": whoever is still connected is cut off
            server.wait(PATIENCE)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_programs() -> Path:
    """Return the newest folder with PostgreSQL's programs."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: -float(one.parent.name))
    for folder in folders:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    raise NoServerError("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")


def find_user() -> str | None:
    """Return whom the server has to be run by: None for this process's own user."""
    if os.name != "posix" or os.geteuid() != 0:
        return None
    import pwd

    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise NoServerError("root may not run PostgreSQL, and there is no user 'postgres'") from None


def initialise(programs: Path, folder: Path, user: str | None) -> None:
    """Make the files of a server whose administrator is 'pointsman'."""
    command = [
        programs / "initdb",
        "-D",
        folder / "cluster",
        "-U",
        "pointsman",
        "-A",
        "scram-sha-256",
        "--no-sync",
        f"--pwfile={folder / 'password'}",
        "--encoding=UTF8",
        "--locale=C",
    ]
    for language in (["--locale-provider=icu", "--icu-locale=en"], []):
        done = subprocess.run(
            [*command, *language],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            user=user,
            extra_groups=[] if user else None,
        )
        if done.returncode == 0:
            return
    raise NoServerError(f"initdb failed: {done.stderr.strip()}")


def find_free_port() -> int:
    """Return a port of the loopback interface that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: sa.URL, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the server answers."""
    engine = sa.create_engine(url)
    until = time.monotonic() + PATIENCE
    while True:
        try:
            engine.connect().close()
            engine.dispose()
            return
        except sa.exc.OperationalError as error:
            if server.poll() is not None or time.monotonic() > until:
                raise NoServerError(f"PostgreSQL did not start: {log.read_text()[-500:] or error}") from error
            time.sleep(0.1)


def make_database(server: sa.URL, name: str) -> str:
    """Return the URL of a new, empty database."""
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return server.set(database=name).render_as_string(hide_password=False)


def drop_database(server: sa.URL, name: str) -> None:
    """Remove a database, whoever is still connected."""
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    engine.dispose()
