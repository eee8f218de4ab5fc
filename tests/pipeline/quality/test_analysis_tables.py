"""What analysis finds comes back from the catalogue as it went in."""

import json

import sqlalchemy as sa
from claims_batch import SCHEMA, judge_frame, make_frame

from pointsman.common.reading import read_inputs
from pointsman.common.storage.catalogue import Draft, connect, read_rows
from pointsman.pipeline.drift.distance import compute_drift
from pointsman.pipeline.drift.reference import fit_reference
from pointsman.pipeline.quality.stored import (
    drift_rows,
    drift_table,
    profile_rows,
    profiles_table,
    quality_rows,
    quality_table,
    quarantine_rows,
    quarantine_table,
)
from pointsman.pipeline.quality.tables import quarantined_rows


def test_a_judgement_and_its_drift_survive_the_catalogue(tmp_path):
    frame = make_frame()
    frame.loc[[2, 9], "claim"] = ""
    judgement = judge_frame(frame, ranges=[{"column": "seats", "max": 4}, {"column": "seats", "min": 1}])
    drift = compute_drift(fit_reference(read_inputs(frame, SCHEMA), SCHEMA), judgement.batch.inputs.assign(make="NEW"))
    draft, engine = Draft(1), connect(f"sqlite:///{tmp_path / 'catalogue.db'}")
    written = {
        quality_table: quality_rows(7, judgement.checks),
        profiles_table: profile_rows(7, judgement.profile),
        quarantine_table: quarantine_rows(7, judgement.quarantined),
        drift_table: drift_rows(7, drift),
    }
    json.dumps(list(written.values()), allow_nan=False)
    for table, rows in written.items():
        draft.add(table, rows)
    draft.commit(engine)

    for table, rows in written.items():
        stored = read_rows(engine, sa.select(table).order_by(*table.primary_key))
        columns = [column.name for column in table.primary_key]
        expected = sorted(({"generation": 1, **row} for row in rows), key=lambda row: [row[name] for name in columns])
        assert json.loads(json.dumps(stored)) == json.loads(json.dumps(expected))
        assert stored
    kept_out = quarantined_rows()
    held = read_rows(engine, sa.select(kept_out.c.row, kept_out.c.reason, kept_out.c.status).order_by(kept_out.c.row))
    assert [tuple(row.values()) for row in held] == [(2, "target missing", "held"), (9, "target missing", "held")]
    (make,) = read_rows(engine, sa.select(drift_table.c.detail).where(drift_table.c.column == "make"))
    assert make["detail"]["new_levels"] == [["NEW", 1.0]]
    engine.dispose()
