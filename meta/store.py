"""The meta layer's part of the state: its examples and grades in the catalogue, the selector as stored files."""

import json
from dataclasses import dataclass, fields

import sqlalchemy as sa

from common.database import read_rows
from common.state import State
from meta.examples import MetaExample
from meta.reference import InputReference
from meta.selector import Grade, Selector
from meta.tables import grades_table, meta_examples_table
from registry.generations import Generation

REFERENCE = "reference.json"
MAX_EXAMPLES = 400
"""The newest examples that a selector learns from: about 30 batches."""


@dataclass(frozen=True)
class StoredSelector:
    """A generation's selector and what it holds for normal input."""

    selector: Selector
    reference: InputReference


def load_examples(state: State) -> list[MetaExample]:
    """Return the newest meta-examples, oldest first."""
    table = meta_examples_table
    query = sa.select(table).order_by(table.c.batch.desc(), table.c.name).limit(MAX_EXAMPLES)
    return [MetaExample(**row) for row in reversed(read_rows(state.engine, query))]


def load_grades(state: State) -> list[Grade]:
    """Return every grade so far, oldest first."""
    names = [field.name for field in fields(Grade)]
    rows = read_rows(state.engine, sa.select(grades_table).order_by(grades_table.c.batch))
    return [Grade(**{name: row[name] for name in names}) for row in rows]


def save_selector(state: State, selector: Selector, reference: InputReference) -> str:
    """Store the selector with its reference and return the name of the manifest."""
    parts = selector.dump() | {REFERENCE: reference.to_json()}
    stored = {name: state.files.save(content, "." + name.partition(".")[2]) for name, content in parts.items()}
    return state.files.save(json.dumps(stored, sort_keys=True).encode(), ".json")


def load_stored_selector(state: State, generation: Generation) -> StoredSelector:
    """Return the selector and the reference of a generation that has one."""
    assert generation.selector is not None
    manifest = json.loads(state.files.load(generation.selector))
    parts = {name: state.files.load(stored) for name, stored in manifest.items()}
    return StoredSelector(Selector.load(parts), InputReference.from_json(parts[REFERENCE]))


def load_selector(state: State, generation: Generation) -> Selector:
    """Return the selector of a generation that has one."""
    return load_stored_selector(state, generation).selector
