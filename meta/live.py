"""Live records: what lines predicted for rows that were served, and that no batch has brought, once labels came."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.files import FileStore
from pointsman.common.storage.state import State
from pointsman.meta.flags import find_kinds, measure_quality
from pointsman.meta.label_tables import live_records_table, live_repeats_table
from pointsman.meta.metafeatures import profile_request
from pointsman.meta.profile import Profile
from pointsman.meta.records import FIRST_LIVE, LIVE, OutOfSamplePredictions, RecordRows
from pointsman.model_zoo.arrays import dump_arrays, load_arrays
from pointsman.model_zoo.cell_flags import flag_cells
from pointsman.model_zoo.model import align_classes
from pointsman.model_zoo.reference import InputReference

ROW_ARRAYS = ("target", "kinds", "quality")


@dataclass(frozen=True, eq=False)
class LivePart:
    """The live record of what one generation served.

    names, digests, keys: (n_rows,) uint64 of each row's id, inputs, and columns that name it (0 where they do not)
    """

    served_by: int
    record: OutOfSamplePredictions
    names: np.ndarray
    digests: np.ndarray
    keys: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: np.ndarray) -> "LivePart":
        """Return some of the rows, by position or by mask."""
        record = take_rows(self.record, rows)
        return replace(self, record=record, names=self.names[rows], digests=self.digests[rows], keys=self.keys[rows])


def take_rows(record: OutOfSamplePredictions, rows: np.ndarray) -> OutOfSamplePredictions:
    """Return some of the rows of a record, by position or by mask."""
    arrays = {name: getattr(record.rows, name)[rows] for name in ("part", *ROW_ARRAYS)}
    predicted = {line: outputs[rows] for line, outputs in record.predicted.items()}
    return replace(record, rows=replace(record.rows, **arrays), predicted=predicted)


def make_live_rows(
    batch: int, features: pd.DataFrame, target: np.ndarray, schema: Schema, reference: InputReference
) -> RecordRows:
    """Return served rows as rows of a record: one part, whose kinds are judged by the reference."""
    flags = flag_cells(features, reference)
    return RecordRows(
        batch=batch,
        task=schema.task,
        classes=schema.classes,
        parts=(LIVE,),
        profiles=(profile_request(features, flags, reference),),
        part=np.full(len(target), FIRST_LIVE, dtype=np.int16),
        target=target,
        kinds=find_kinds(flags),
        quality=measure_quality(flags),
    )


def attach_live(record: OutOfSamplePredictions, parts: Sequence[LivePart]) -> OutOfSamplePredictions:
    """Return a record with live records beside it, each a part of its own, the earlier generations first."""
    ordered = sorted((one for one in parts if len(one)), key=lambda one: one.served_by)
    live = tuple(
        OutOfSamplePredictions(
            replace(one.record.rows, part=np.full(len(one), FIRST_LIVE + place, np.int16)),
            one.record.predicted,
            served_by=one.served_by,
        )
        for place, one in enumerate(ordered)
    )
    return replace(record, live=live)


def live_row(
    files: FileStore, part: LivePart, versions: Mapping[str, str], losses: Mapping[str, float]
) -> dict[str, Any]:
    """Store a live record and return its row of the catalogue."""
    rows, lines = part.record.rows, sorted(part.record.predicted)
    stacked = np.stack([part.record.predicted[line].astype(np.float32) for line in lines], axis=1)
    arrays = {name: getattr(rows, name) for name in ROW_ARRAYS}
    arrays |= {"names": part.names, "digests": part.digests, "keys": part.keys, "outputs": stacked}
    return {
        "batch": rows.batch,
        "served_by": part.served_by,
        "rows": len(part),
        "classes": list(rows.classes),
        "profile": json.loads(json.dumps(rows.profiles[0].to_json())),
        "versions": {line: versions[line] for line in lines},
        "losses": dict(losses),
        "file": files.save(dump_arrays(**arrays), ".npz"),
    }


def load_live(state: State, schema: Schema, first_batch: int) -> dict[int, list[LivePart]]:
    """Return by batch, from ``first_batch`` on, its live records without the rows that count no longer.

    Broken files are left out. Positions that ``live_repeats`` names are those of the stored rows.
    """
    found: dict[int, list[LivePart]] = {}
    gone = load_repeats(state, first_batch)
    for part in load_stored_live(state, schema, first_batch):
        batch = part.record.rows.batch
        left = np.setdiff1d(np.arange(len(part)), gone.get((batch, part.served_by), []))
        found.setdefault(batch, []).append(part if len(left) == len(part) else part.take(left))
    return found


def load_repeats(state: State, first_batch: int) -> dict[tuple[int, int], list[int]]:
    """Return by batch and serving generation the rows of live records that count no longer."""
    gone: dict[tuple[int, int], list[int]] = {}
    for row in read_rows(state.engine, sa.select(live_repeats_table).where(live_repeats_table.c.batch >= first_batch)):
        gone.setdefault((row["batch"], row["served_by"]), []).extend(row["rows"])
    return gone


def load_stored_live(state: State, schema: Schema, first_batch: int) -> list[LivePart]:
    """Return the live records from a batch on as they were stored, classes in the order of ``schema``."""
    table = live_records_table.c
    query = sa.select(live_records_table).where(table.batch >= first_batch).order_by(table.batch, table.served_by)
    parts = [_load_part(state.files, row, schema) for row in read_rows(state.engine, query)]
    return [part for part in parts if part is not None]


def _load_part(files: FileStore, stored: Mapping[str, Any], schema: Schema) -> LivePart | None:
    content = files.load_if_sound(stored["file"])
    if content is None:
        return None
    arrays = load_arrays(content)
    before, lines = tuple(stored["classes"]), sorted(stored["versions"])
    predicted = {line: arrays["outputs"][:, place] for place, line in enumerate(lines)}
    # Classes that came since may have moved the codes of targets and the columns of outputs.
    if schema.task.is_classification and before != schema.classes:
        codes = np.array([schema.classes.index(label) for label in before])
        arrays["target"] = codes[arrays["target"].astype(int)].astype(float)
        predicted = {line: align_classes(outputs, before, schema.classes) for line, outputs in predicted.items()}
    rows = RecordRows(
        batch=stored["batch"],
        task=schema.task,
        classes=schema.classes,
        parts=(LIVE,),
        profiles=(Profile.from_json(stored["profile"]),),
        part=np.full(len(arrays["target"]), FIRST_LIVE, dtype=np.int16),
        **{name: arrays[name] for name in ROW_ARRAYS},
    )
    return LivePart(
        stored["served_by"], OutOfSamplePredictions(rows, predicted), arrays["names"], arrays["digests"], arrays["keys"]
    )
