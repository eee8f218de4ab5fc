"""The meta layer's part of the state: records and grades in the catalogue, predictions and the selector as files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from pointsman.common.errors import StateError, first_line
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.files import FileStore
from pointsman.common.storage.rows import make_row, read_record
from pointsman.common.storage.state import State
from pointsman.meta.estimation.estimator import PerformanceEstimator
from pointsman.meta.grades import Grade
from pointsman.meta.live import attach_live, load_live
from pointsman.meta.past import MAX_BATCHES
from pointsman.meta.plan import Plan, Weights, serve_alone
from pointsman.meta.profile import Profile
from pointsman.meta.records import OutOfSamplePredictions, RecordRows
from pointsman.meta.selector import Selector
from pointsman.meta.tables import grades_table, record_rows_table, records_table
from pointsman.model_zoo.arrays import dump_arrays, load_arrays
from pointsman.model_zoo.model import align_classes
from pointsman.model_zoo.reference import InputReference
from pointsman.registry.generations import Generation
from pointsman.registry.versions import load_manifest

REFERENCE, ESTIMATORS = "reference.json", "estimators.json"
ROW_ARRAYS = ("part", "target", "kinds", "quality")
PLAN_LINE = "plan"
"""The line under which the answers of what was chosen for record rows are kept."""


@dataclass(frozen=True)
class StoredSelector:
    """A generation's selector, what it holds for normal input, and the estimators of what serves, by line.

    ``pinned`` is the line, of a single model or an ensemble, that a person made serve, where one did, and
    ``pinned_members`` are its members by RowKind: a person may choose a model that the selector does not know.
    """

    selector: Selector
    reference: InputReference
    estimators: Mapping[str, PerformanceEstimator]
    pinned: str | None = None
    pinned_members: tuple[Weights, ...] = ()

    def plan(self, profile: Profile, mode: str) -> Plan:
        """Return how a request is served: as the selector chooses, unless a person did."""
        chosen = self.selector.plan(profile, mode)
        return chosen.pin(self.pinned, self.pinned_members or serve_alone(self.pinned)) if self.pinned else chosen


def record_rows_row(files: FileStore, rows: RecordRows, first_row: int) -> dict[str, Any]:
    """Store the rows of a record and return their row of the catalogue."""
    return {
        "batch": rows.batch,
        "first_row": first_row,
        "classes": list(rows.classes),
        "parts": list(rows.parts),
        "profiles": [profile.to_json() for profile in rows.profiles],
        "file": files.save(dump_arrays(**{name: getattr(rows, name) for name in ROW_ARRAYS}), ".npz"),
    }


def record_row(
    files: FileStore, rows: RecordRows, line: str, version: str, origin: str, outputs: np.ndarray, losses: np.ndarray
) -> dict[str, Any]:
    """Store a line's outputs (n_rows, n_outputs) and return the record's row of the catalogue."""
    means = {name: float(losses[rows.part == part].mean()) for part, name in enumerate(rows.parts)}
    file = files.save(dump_arrays(outputs=outputs.astype(np.float32)), ".npz")
    return {"batch": rows.batch, "line": line, "version": version, "origin": origin, "losses": means, "file": file}


def load_records(state: State, schema: Schema) -> list[OutOfSamplePredictions]:
    """Return the newest records, oldest first, with live ones, their classes in the order of ``schema``.

    Broken ones are left out.
    """
    newest = sa.select(record_rows_table).order_by(record_rows_table.c.batch.desc()).limit(MAX_BATCHES)
    stored = read_rows(state.engine, newest)[::-1]
    if not stored:
        return []
    lines = read_rows(state.engine, sa.select(records_table).where(records_table.c.batch >= stored[0]["batch"]))
    by_batch: dict[int, dict[str, str]] = {}
    for one in lines:
        by_batch.setdefault(one["batch"], {})[one["line"]] = one["file"]
    records = [_load_record(state.files, row, by_batch.get(row["batch"], {}), schema) for row in stored]
    live = load_live(state, schema, stored[0]["batch"])
    return [attach_live(one, live.get(one.rows.batch, [])) for one in records if one and one.predicted]


def _load_record(
    files: FileStore, stored: Mapping[str, Any], by_line: Mapping[str, str], schema: Schema
) -> OutOfSamplePredictions | None:
    """Return a record, without the lines whose files are broken; None where that of its rows is."""
    content = files.load_if_sound(stored["file"])
    if content is None:
        return None
    arrays = load_arrays(content)
    before = tuple(stored["classes"])
    # Classes that came since may have moved the codes of the target.
    if schema.task.is_classification and before != schema.classes:
        codes = np.array([schema.classes.index(label) for label in before])
        arrays["target"] = codes[arrays["target"].astype(int)].astype(float)
    rows = RecordRows(
        batch=stored["batch"],
        task=schema.task,
        classes=schema.classes,
        parts=tuple(stored["parts"]),
        profiles=tuple(Profile.from_json(one) for one in stored["profiles"]),
        **{name: arrays[name] for name in ROW_ARRAYS},
    )
    known = {line: files.load_if_sound(file) for line, file in by_line.items()}
    outputs = {line: load_arrays(content)["outputs"] for line, content in known.items() if content is not None}
    if schema.task.is_classification:
        outputs = {line: align_classes(given, before, schema.classes) for line, given in outputs.items()}
    return OutOfSamplePredictions(rows, outputs)


def load_grades(state: State) -> list[Grade]:
    """Return every grade so far, oldest first."""
    rows = read_rows(state.engine, sa.select(grades_table).order_by(grades_table.c.batch, grades_table.c.group))
    for row in rows:
        row["chosen"], row["champions"] = row["chosen"] or {}, row["champions"] or {}
        if row["best"] is None:  # of an earlier release, whose chooser had other margins
            row["margins"] = {}
    return [read_record(Grade, row) for row in rows]


def grade_rows(grades: Sequence[Grade]) -> list[dict[str, Any]]:
    """Return the rows of the grades table."""
    return [make_row(grade) for grade in grades]


def save_selector(
    state: State, selector: Selector, reference: InputReference, estimators: Mapping[str, PerformanceEstimator]
) -> str:
    """Store the selector with its reference and estimators and return the name of the manifest."""
    learned = json.dumps({line: estimator.to_json() for line, estimator in estimators.items()}, allow_nan=False)
    parts = selector.dump() | {REFERENCE: reference.to_json(), ESTIMATORS: learned.encode()}
    stored = {name: state.files.save(content, "." + name.partition(".")[2]) for name, content in parts.items()}
    return state.files.save(json.dumps(stored, sort_keys=True).encode(), ".json")


def load_stored_selector(state: State, generation: Generation) -> StoredSelector:
    """Return the selector and the reference of a generation that has one; StateError where they cannot be loaded."""
    assert generation.selector is not None
    try:
        manifest = load_manifest(state.files, generation.selector)
        parts = {name: state.files.load(stored) for name, stored in manifest.items()}
        learned = json.loads(parts.get(ESTIMATORS, b"{}"))
        estimators = {line: PerformanceEstimator.from_json(one) for line, one in learned.items()}
        reference = InputReference.from_json(parts[REFERENCE])
        pinned = next((one for one in generation.ensembles if one.line == generation.pinned), None)
        members = generation.list_members(pinned) if pinned else ()
        return StoredSelector(Selector.load(parts), reference, estimators, generation.pinned, members)
    except StateError as error:
        cause = str(error).removesuffix(".")
    except Exception as error:  # stored bytes may be anything, and any library may choke on them
        cause = first_line(error)
    raise StateError(
        f"The selector of generation {generation.number} cannot be loaded: {cause}; the next update makes a new one."
    )
