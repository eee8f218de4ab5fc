"""One stream, one state: an update is refused where the state holds another stream."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.errors import ConfigError
from pointsman.common.redaction import redact
from pointsman.common.schema import Schema
from pointsman.common.storage.state import State
from pointsman.registry.generations import Generation
from pointsman.registry.stream import Stream, recall_stream

if TYPE_CHECKING:  # every command asks whose state it is, and most of them need no pandas
    from pointsman.common.records import RawBatch

log = logging.getLogger(__name__)


def describe_stream(config: Config) -> Stream:
    """Return the stream that a configuration describes; a database is named without its user and secrets.

    >>> stated = {"name": "claims", "schema": {"time": "day", "target": "paid"}}
    >>> sql = {"kind": "sql", "url": "postgresql://me:secret@host/db?password=x", "query": "select  * from claims"}
    >>> describe_stream(Config.model_validate(stated | {"source": sql})).sources
    ('postgresql://host/db select * from claims',)
    """
    schema = config.schema_
    return Stream(config.name, _list_sources(config), schema.time, schema.target, file=config.file)


def recall_stream_of(generation: Generation) -> Stream | None:
    """Return the stream of a generation; None before the first batch."""
    stored = generation.stream.to_json() if generation.stream else None
    schema = generation.schema.to_json() if generation.schema else None
    return recall_stream(stored, schema, generation.cursor)


def check_stream(config: Config, state: State, before: Generation) -> Stream:
    """Return the stream as the next generation keeps it; ConfigError where the state holds another one."""
    asked, known = describe_stream(config), recall_stream_of(before)
    if known and not known.is_same(asked):
        raise ConfigError(describe_conflict(known, asked, state.folder))
    if known and known.name and not known.shares_source(asked):
        log.info("the stream %s goes on with another source, %s", known.describe(), ", ".join(asked.sources))
    return replace(asked, task=known.task) if known else asked


def check_columns(config: Config, state: State, before: Generation, raw: "RawBatch") -> None:
    """Raise ConfigError where a batch has so few of the stream's columns, and so many others, that it is foreign.

    That tells streams apart whose time, target and file happen to have the same names.
    """
    known, asked = recall_stream_of(before), describe_stream(config)
    if known is None or before.schema is None or not is_foreign(before.schema, raw.frame.columns):
        return
    others = [str(name) for name in raw.frame if name not in list_columns(before.schema)]
    raise ConfigError(
        f"{describe_conflict(known, asked, state.folder).removesuffix('.')} (of its columns the batch has few or none, "
        f"and instead {', '.join(map(repr, others[:4]))})."
    )


def is_foreign(schema: Schema, columns: Iterable[object]) -> bool:
    """Whether a table lacks most columns of a stream besides time and target, and has more others than of these.

    >>> from pointsman.common.task import Task
    >>> schema = Schema("day", "y", Task.BINARY, numeric=("a", "b", "c"), unused={"id": "an id"})
    >>> is_foreign(schema, ["day", "y", "a", "b", "new"]), is_foreign(schema, ["day", "y", "u", "v"])
    (False, True)
    """
    own = set(list_columns(schema)) - {schema.time, schema.target}
    there = {str(name) for name in columns} - {schema.time, schema.target}
    return len(own & there) < len(own) / 2 and len(there - own) > len(own & there)


def list_columns(schema: Schema) -> list[str]:
    """Return every column that a schema knows."""
    return list(dict.fromkeys([schema.time, schema.target, *schema.inputs, *schema.unused]))


def describe_conflict(known: Stream, asked: Stream, folder: Path) -> str:
    """Return the sentence that refuses a configuration of another stream, with the way out."""
    told = (
        f"The state in '{folder}' holds the stream {known.describe()} and the configuration describes another, "
        f"{asked.describe()}"
    )
    if known.shares_source(asked):
        fresh = suggest_state(folder, asked.target if asked.target != known.target else asked.time)
        return (
            f"{told}; start a state of its own from the stored raw batches: run update again with '--from-state "
            f"{folder} --batches all state_dir={fresh}' behind it, and write that state_dir into the configuration."
        )
    return f"{told}; give it a state of its own: state_dir={suggest_state(folder, asked.name)}."


def suggest_state(folder: Path, name: str) -> Path:
    """Return a folder beside a state that does not exist yet.

    >>> suggest_state(Path("absent/state"), "cost").as_posix()
    'absent/state-cost'
    """
    plain = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    fresh = folder.with_name(f"{folder.name}-{plain}")
    count = 2
    while fresh.exists():
        fresh = folder.with_name(f"{folder.name}-{plain}-{count}")
        count += 1
    return fresh


def _list_sources(config: Config) -> tuple[str, ...]:
    source = config.source
    if source.kind == "demo":
        return ("demo",)
    if source.kind == "sql":
        try:
            url = sa.make_url(source.url or "")
        except (sa.exc.ArgumentError, ValueError):  # opening the source says what is wrong with it
            return ()
        bare = sa.URL.create(url.drivername, host=url.host, port=url.port, database=url.database).render_as_string()
        return (redact(f"{bare} {' '.join((source.query or '').split())}"),)
    return source.paths
