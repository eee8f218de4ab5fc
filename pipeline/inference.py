"""Inference: one request file in, the same rows with predictions out."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from common.config import Config
from common.database import Draft, read_rows, utc_now
from common.errors import DataError
from common.files import compute_digest
from common.performance import Stopwatch, performance_table
from common.sampling import spread_rows
from common.schema import Schema
from common.state import State, open_state
from common.tables import find_format, read_table, write_table
from meta.tables import decisions_table
from pipeline.answered_rows import save_request_rows
from pipeline.predictor import Predictor, load_predictor
from pipeline.serving.answer import add_answer

log = logging.getLogger(__name__)


def infer(config: Config, file: Path) -> Path:
    """Answer every row of ``file`` and return the path of the saved table: its columns plus ``predict`` and more.

    Raises StateError before the first update, DataError where the file cannot be used.
    """
    watch = Stopwatch()
    with open_state(config) as state:
        with watch.stage("opening"):
            predictor = load_predictor(config, state)
        with watch.stage("reading"):
            request = read_request(file, predictor.schema)
            rows = predictor.read(request)
        with watch.stage("selection"):
            choice = predictor.choose(rows)
        with watch.stage("prediction"):
            answer = predictor.answer(rows, choice)
        with watch.stage("estimation"):
            estimate = predictor.estimate(choice, answer)
            log.info("estimated without labels: %s", estimate.describe())
        with watch.stage("writing"):
            decision = name_decision(predictor, file)
            output = write_answer(state, file, decision, add_answer(request, answer, predictor.schema))
            columns = [name for name in predictor.schema.inputs if name in request]
            kept = spread_rows(len(rows), config.selection.matched_rows)
            told = save_request_rows(
                state.files, predictor.schema, rows.inputs.iloc[kept], columns, answer.outputs[kept], kept,
                request.iloc[kept], config.labels.key_columns, utc_now(),
            )  # fmt: skip
        described = predictor.describe(choice) | told | {
            "id": decision, "request": file.name, "rows": len(rows), "output": output.name,
            "estimate": estimate.to_json(), "failures": dict(answer.failures), "served": answer.count_served(),
        }  # fmt: skip
        record(state, watch, described)
    return output


def read_request(file: Path, schema: Schema) -> pd.DataFrame:
    """Return the rows to answer; none of the inputs has to be there, but one at least."""
    request = read_table(file)
    if not any(name in request for name in schema.inputs):
        shown = ", ".join(schema.inputs[:8])
        raise DataError(f"The file '{file}' has none of the columns that models read ({shown}, ...); check its header.")
    if not len(request):
        raise DataError(f"The file '{file}' has a header and no rows; add the rows to predict.")
    absent = [name for name in schema.inputs if name not in request]
    if absent:
        log.warning("'%s' has no column %s; they count as missing", file, ", ".join(map(repr, absent[:8])))
    return request


def name_decision(predictor: Predictor, file: Path) -> str:
    """Return the id of a decision: the same request answered by the same generation is the same decision."""
    mode, content = predictor.config.selection.mode, compute_digest(file.read_bytes())
    asked = f"{predictor.generation.number}/{mode}/{content}/{file.name}"
    if predictor.published:
        asked += f"/{predictor.published.why}"
    return compute_digest(asked.encode())[:12]


def write_answer(state: State, file: Path, decision: str, table: pd.DataFrame) -> Path:
    """Save the answered rows under the state folder, in the request's own format."""
    ending = find_format(file)
    written = ".xlsx" if ending == ".xls" else ending
    output = state.folder / "predictions" / f"{file.name[: -len(ending)]}-{decision}{written}"
    write_table(table, output)
    return output


def record(state: State, watch: Stopwatch, described: dict[str, Any]) -> None:
    """Book the decision (once) and what answering cost."""
    query = sa.select(decisions_table.c.id).where(decisions_table.c.id == described["id"])
    costs = watch.rows("inference", described["id"], described["rows"])
    decided = Draft()
    decided.add(decisions_table, [described])
    decided.add(performance_table, costs)
    try:
        if not read_rows(state.engine, query):
            decided.commit(state.engine)
            return
    except sa.exc.IntegrityError:
        log.info("decision %s was booked by another process meanwhile", described["id"])
    again = Draft()
    again.add(performance_table, costs)
    again.commit(state.engine)
