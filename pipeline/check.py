"""The check command: whether everything that a state keeps is what was stored, and what mends what is not."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

import pointsman.pipeline.lifecycle.catalogue  # noqa: F401  (the files that any table names are looked at)
from pointsman.common.config import Config
from pointsman.common.errors import StateError
from pointsman.common.storage.addresses import address_file
from pointsman.common.storage.backup import assemble, copy_catalogue
from pointsman.common.storage.catalogue import connect, read_rows
from pointsman.common.storage.files import FileStore
from pointsman.common.storage.restoring import find_damage, find_faults, restore_backup
from pointsman.common.storage.state import State, find_file, has_state, lock_folder, name_url, open_state
from pointsman.common.text import count
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.preparation.clean_store import save_clean_batch
from pointsman.pipeline.preparation.window import load_batch
from pointsman.registry.generations import load_generation
from pointsman.registry.soundness import check_files, check_generations, check_golden, check_references

log = logging.getLogger(__name__)

MEND = "python run.py check --mend"


@dataclass(frozen=True)
class Checked:
    """What was found: a sentence on everything that is not as it was stored, and what was looked at, in words."""

    findings: tuple[str, ...]
    seen: str


def check(config: Config, mends: bool = False) -> Checked:
    """Return what is wrong with a state; where ``mends``, after mending what the state itself can mend.

    Nothing is changed otherwise. Raises StateError where there is no state, or what is wrong cannot be mended.
    """
    if not has_state(config):
        raise StateError(f"There is no state in '{config.state_dir}' yet; run 'python run.py update' first.")
    catalogue = find_file(name_url(config))
    if mends and catalogue:
        mend_catalogue(config, catalogue)
    if mends:
        mend_clean_batches(config)
    damage = find_damage(catalogue) if catalogue else ""
    faults = find_faults(catalogue, damage) if catalogue else []
    findings = [f"{fault}; {MEND} {remedy}." for fault, remedy in faults]
    with open_sound(config, catalogue if damage else None) as state:
        if state is None:
            return Checked(tuple(findings), "the catalogue alone, since no sound one is there")
        told, files = check_files(state)
        findings += [*check_generations(state), *check_references(state), *told.values()]
        # Of a model that cannot be loaded for a file that is told of already, there is nothing more to say.
        findings += [one for one in check_golden(state) if not any(name in one for name in told)]
        number = load_generation(state, verified=False).number
    if not number:
        log.info("nothing was learned yet, so there are no models to look at; run 'python run.py update' first")
    if catalogue is None:
        log.info("the server keeps the catalogue and sees to its copies; no copy or journal of it is looked at here")
    models = "the models that serve" if number else "no models"
    return Checked(tuple(findings), f"{count(number, 'generation')}, {count(files, 'file')} and {models}")


@contextmanager
def open_sound(config: Config, damaged: Path | None) -> Iterator[State | None]:
    """Open a state as it is or, where its catalogue is ``damaged``, as copy and journal have it; None where these fail.

    Nothing is restored.
    """
    with ExitStack() as held:
        url = name_url(config)
        if damaged:
            folder = Path(held.enter_context(TemporaryDirectory(prefix="pointsman-")))
            try:
                assemble(damaged, folder / "catalogue.db")
            except StateError:
                yield None
                return
            url = address_file(folder / "catalogue.db")
        engine = connect(url, recorded=True)
        held.callback(engine.dispose)
        yield State(config.state_dir, engine, FileStore(config.state_dir / "files"))


def mend_catalogue(config: Config, catalogue: Path) -> None:
    """Put copy and journal in the place of a damaged catalogue, or make copy and journal anew of a sound one."""
    with lock_folder(config.state_dir, "update"):
        if damage := find_damage(catalogue):
            log.warning("%s", restore_backup(catalogue, damage))
        elif find_faults(catalogue, damage):
            copy_catalogue(catalogue, anew=True)
            log.warning("the copy and the journal of '%s' are made anew of it", catalogue)


def mend_clean_batches(config: Config) -> None:
    """Clean again, from their raw rows, the batches whose clean files are missing or altered."""
    with open_state(config) as state:
        schema = load_generation(state, verified=False).schema
        stored = read_rows(state.engine, sa.select(batches).where(batches.c.clean_file.is_not(None)))
        for row in stored if schema else []:
            try:
                state.files.load(row["clean_file"])
            except StateError:
                assert schema is not None
                batch = load_batch(config, state, schema, row)
                state.files.path(row["clean_file"]).unlink(missing_ok=True)
                if save_clean_batch(state.files, batch, schema) != row["clean_file"]:
                    log.warning("batch %d is cleaned otherwise now than it was then", row["number"])
