"""The meta layer's part of the state: records and grades in the catalogue, predictions and the selector as files."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.files import FileStore
from pointsman.common.storage.rows import make_row, read_record
from pointsman.common.storage.state import State
from pointsman.meta.grades import Grade
from pointsman.meta.live import attach_live, load_live
from pointsman.meta.past import MAX_BATCHES
from pointsman.meta.profile import Profile
from pointsman.meta.records import OutOfSamplePredictions, RecordRows
from pointsman.meta.tables import grades_table, record_rows_table, records_table
from pointsman.model_zoo.arrays import dump_arrays, load_arrays
from pointsman.model_zoo.model import align_classes

ROW_ARRAYS = ("part", "target", "kinds", "quality")
PLAN_LINE = "plan"
"""The line under which the answers of what was chosen for record rows are kept."""


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


def load_records(
    state: State, schema: Schema, most: int = MAX_BATCHES, of_lines: Collection[str] | None = None
) -> list[OutOfSamplePredictions]:
    """Return the ``most`` newest records, oldest first, with live ones, their classes in the order of ``schema``.

    Broken ones are left out. With ``of_lines`` only what these lines predicted is read.
    """
    newest = sa.select(record_rows_table).order_by(record_rows_table.c.batch.desc()).limit(most)
    stored = read_rows(state.engine, newest)[::-1]
    if not stored:
        return []
    lines = read_rows(state.engine, sa.select(records_table).where(records_table.c.batch >= stored[0]["batch"]))
    by_batch: dict[int, dict[str, str]] = {}
    for one in lines:
        if of_lines is not None and one["line"] not in of_lines:
            continue
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
