"""Which configuration a command uses: the file that is named or found, or else the one stored with the state.

Every command but an update can do with the state alone, since each generation is stored with its configuration, except
for the source of the rows, which may hold passwords.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointsman.common.config import DEFAULT_NAME, Config, lay_over, load_config, name_state_dir, renew
from pointsman.common.errors import ConfigError, StateError
from pointsman.common.storage.files import FileStore
from pointsman.registry.stream import Stream, recall_stream

if TYPE_CHECKING:
    import sqlalchemy as sa

CATALOGUE, BACKUP = "catalogue.db", "catalogue.backup.db"
DEMO = "demo"


@dataclass(frozen=True)
class Known:
    """What a state says of itself: its newest generation, the stream of that, and the file of its configuration."""

    number: int
    stream: Stream | None
    config: str | None


def choose_config(
    named: str | None, overrides: Sequence[str], may_go_by_state: bool, checks_itself: bool = False
) -> tuple[Config, list[str]]:
    """Return the configuration of a command, and sentences on what was chosen without being stated.

    named:           the file that the command line names, None for ``config.yaml`` or, without that, the state's own
    may_go_by_state: whether the command can do without a file
    checks_itself:   whether the command itself refuses a state of another stream

    A state whose catalogue is damaged, so that it says something else, gives way to its copy first. Raises ConfigError
    where there is no configuration, several states to choose from, or another stream's state.
    """
    try:
        return _choose(named, overrides, may_go_by_state, checks_itself)
    except (ConfigError, StateError):
        if not (told := _restore(named, overrides, may_go_by_state)):
            raise
    config, sentences = _choose(named, overrides, may_go_by_state, checks_itself)
    return config, [told, *sentences]


def _restore(named: str | None, overrides: Sequence[str], may_go_by_state: bool) -> str:
    """Restore the catalogue of the state that a command is about, where it is damaged, and return a sentence on it."""
    from pointsman.common.storage.state import restore_place

    path, place = Path(named or f"{DEFAULT_NAME}.yaml"), find_override(overrides)
    try:
        if path.is_file():
            config = load_config(path, overrides)
            return restore_place(config.state_dir, config.database_url)
        return restore_place(place or find_only_state(Path())) if may_go_by_state else ""
    except ConfigError:
        return ""


def _choose(
    named: str | None, overrides: Sequence[str], may_go_by_state: bool, checks_itself: bool
) -> tuple[Config, list[str]]:
    path = Path(named or f"{DEFAULT_NAME}.yaml")
    place = find_override(overrides)
    if named is None and may_go_by_state and not path.is_file():
        return load_own(place or find_only_state(Path()), overrides)
    config, told = follow_old_place(load_config(path, overrides))
    told = [*told, *tell_beside(config, path)]
    # An update refuses another stream's state with advice of its own (``one_state.describe_conflict``).
    if checks_itself:
        return config, [*told, *tell_demo(config, path)]
    from pointsman.registry.one_state import describe_stream

    known, asked = peek(config.state_dir, config.database_url), describe_stream(config)
    if known is None or known.stream is None or known.stream.is_same(asked):
        return config, told
    # The user named the state but no file; the file was only found in this folder, so the state wins.
    if named is None and place and may_go_by_state:
        sentence = (
            f"the state in '{place}' holds the stream {known.stream.describe()} and not that of '{path}': it "
            "is read by its own configuration"
        )
        config, renewed = load_own(place, overrides)
        return config, [*told, sentence, *renewed]
    raise ConfigError(
        f"The state in '{config.state_dir}' holds the stream {known.stream.describe()} and '{path}' describes another, "
        f"{asked.describe()}; leave out --config and write state_dir={config.state_dir} to go by the state's own "
        "configuration, or name the state of this one."
    )


def tell_demo(config: Config, path: Path) -> list[str]:
    """Return a sentence where a state is begun with the demo stream because no source is stated."""
    if "source" in config.model_fields_set or peek(config.state_dir, config.database_url) is not None:
        return []
    return [
        f"'{path}' has no key source, so the built-in demo stream is read; write source: "
        "{kind: files, paths: [X.csv]} to read your own"
    ]


def tell_beside(config: Config, path: Path) -> list[str]:
    """Return a sentence where the state is missing here but lies in the folder of the configuration."""
    beside = path.parent / config.state_dir
    if beside == config.state_dir or config.database_url is not None or (config.state_dir / CATALOGUE).is_file():
        return []
    if peek(beside) is None:
        return []
    return [
        f"there is no state in '{config.state_dir}' and there is one beside the configuration, in '{beside}'; write "
        f"state_dir={beside} to go by that one"
    ]


def find_override(overrides: Sequence[str]) -> Path | None:
    """Return the state that the command line names.

    >>> find_override(["seed=1", "state_dir=a/b"]), find_override([])
    (PosixPath('a/b'), None)
    """
    named = [override.partition("=")[2] for override in overrides if override.startswith("state_dir=")]
    return Path(named[-1]) if named else None


def find_only_state(folder: Path) -> Path:
    """Return the one state in a folder; ConfigError where there is none, or more than one."""
    # A state whose catalogue was lost still has the copy of it.
    states = sorted({path.parent for name in (CATALOGUE, BACKUP) for path in folder.glob(f"*/{name}")})
    if len(states) == 1:
        return states[0]
    if not states:
        raise ConfigError(
            f"There is no {DEFAULT_NAME}.yaml here and no state either; name a configuration with --config PATH, or a "
            "state with state_dir=PATH."
        )
    listed = ", ".join(state.as_posix() for state in states)
    raise ConfigError(
        f"There is no {DEFAULT_NAME}.yaml here and there are {len(states)} states ({listed}); name one of them, such "
        f"as state_dir={states[0].as_posix()}, or a configuration with --config PATH."
    )


def load_own(folder: Path, overrides: Sequence[str]) -> tuple[Config, list[str]]:
    """Return the configuration kept with the newest generation of a state, with overrides laid over it.

    Where an earlier release kept it with keys that are gone, these are left out, which a sentence tells.
    """
    url = next((one.partition("=")[2] for one in overrides if one.startswith("database_url=")), None)
    known = peek(folder, url)
    if known is None or known.config is None:
        raise ConfigError(
            f"There is no generation in '{folder}' to take the configuration from; name one with --config PATH, or "
            "another state with state_dir=PATH."
        )
    try:
        stored = json.loads(FileStore(folder / "files").load(known.config))
    except StateError as error:
        raise StateError(f"{str(error).removesuffix('.')}; name a configuration with --config PATH.") from error
    sources = known.stream.sources if known.stream else ()
    source = {"kind": DEMO} if sources == (DEMO,) else {"kind": "files", "paths": list(sources) or [str(folder)]}
    name = (known.stream.name if known.stream else "") or DEFAULT_NAME
    renewed = renew(stored)
    placed = renewed | {"name": name, "source": source, "state_dir": str(folder)}
    sentence = f"the configuration kept with '{folder}' is of an earlier release: its keys that are gone are left out"
    own = lay_over(placed, overrides, folder / CATALOGUE).written_in(known.stream.file if known.stream else "")
    return own, [] if renewed == stored else [sentence]


def follow_old_place(config: Config) -> tuple[Config, list[str]]:
    """Return a configuration with ``./state`` as its place where an earlier release kept its stream there.

    At that time every configuration that did not say otherwise had its state there. A stated place is always taken.
    """
    old = name_state_dir(DEFAULT_NAME)
    if "state_dir" in config.model_fields_set or config.state_dir == old or config.state_dir.exists():
        return config, []
    known = peek(old, config.database_url)
    if known is None or known.stream is None or not holds(known.stream, config):
        return config, []
    sentence = (
        f"the state of '{config.name}' is in '{old}', where an earlier release kept it, and stays there; move "
        f"it to '{config.state_dir}', or write state_dir: {old} into the configuration"
    )
    return config.model_copy(update={"state_dir": old}), [] if known.stream.name else [sentence]


def holds(known: Stream, config: Config) -> bool:
    """Whether a state surely belongs to a configuration, by time, target and a source.

    Earlier releases stored the names of files; of folders and databases only that they are such.
    """
    from pointsman.registry.one_state import describe_stream

    asked = describe_stream(config)
    if not known.asks_the_same(asked):
        return False
    if known.name:
        return known.shares_source(asked)
    source = config.source
    parts = ["sql"] if source.kind == "sql" else list(asked.sources)
    if source.kind == "folder":
        parts = [file.name for path in source.paths for file in (config.data_dir / path).rglob("*") if file.is_file()]
    return known.shares_source(Stream("", tuple(parts), asked.time, asked.target))


def peek(folder: Path, database_url: str | None = None) -> Known | None:
    """Return what is known of a state, without changing it; None where it is unreadable or empty."""
    import sqlalchemy as sa

    catalogue = folder / CATALOGUE
    if database_url is None and not catalogue.is_file():
        return None
    try:
        engine = sa.create_engine(database_url or _address(catalogue), hide_parameters=True)
        try:
            with engine.connect() as connection:
                # All columns, by no names: a catalogue of an earlier release lacks some and is not migrated for this.
                newest = sa.text("SELECT * FROM generations ORDER BY number DESC LIMIT 1")
                row = connection.execute(newest).mappings().first()
        finally:
            engine.dispose()
        if row is None:
            return None
        stream = recall_stream(*(_decode(row.get(name)) for name in ("stream", "schema", "cursor")))
        return Known(row["number"], stream, row.get("config"))
    except (sa.exc.SQLAlchemyError, ImportError, ValueError, KeyError, TypeError):
        return None  # opening the state says what is wrong with it


def _address(catalogue: Path) -> "sa.URL":
    from pointsman.common.storage.addresses import address_file, address_read_only

    if os.access(catalogue, os.W_OK) and os.access(catalogue.parent, os.W_OK):
        return address_file(catalogue)
    return address_read_only(catalogue)


def _decode(cell: Any) -> Mapping[str, Any] | None:
    decoded = json.loads(cell) if isinstance(cell, str) else cell
    return decoded if isinstance(decoded, dict) else None
