"""Inference: one request file in, the same rows with predictions out."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from common.config import Config
from common.database import Draft
from common.errors import DataError, StateError
from common.files import compute_digest
from common.performance import Stopwatch, performance_table
from common.schema import Schema, read_inputs
from common.state import State, open_state
from common.tables import find_format, read_table, write_table
from meta.flags import find_anomalous_rows, find_sparse_rows, flag_cells
from meta.metafeatures import compute_metafeatures
from meta.selector import Choice
from meta.store import StoredSelector, load_stored_selector
from meta.tables import decisions_table
from model_zoo.model import Model
from pipeline.preparation.cleaning import clean_inputs
from pipeline.preparation.features import engineer_features
from pipeline.serving.answer import Answer, add_answer, answer_request, plan_routes
from registry.generations import Generation, load_generation
from registry.versions import Version, load_model

log = logging.getLogger(__name__)

HALF = 0.5


def infer(config: Config, file: Path) -> Path:
    """Answer every row of ``file`` and return the path of the saved table: its columns plus ``predict`` and more.

    Raises StateError before the first update, DataError where the file cannot be used.
    """
    watch = Stopwatch()
    with open_state(config) as state:
        generation = load_generation(state)
        if generation.champion is None or generation.schema is None:
            raise StateError(f"There is no model in '{state.folder}' yet; run 'python run.py update' first.")
        with watch.stage("reading"):
            request = read_request(file, generation.schema)
            features = prepare_request(config, request, generation.schema)
        with watch.stage("selection"):
            stored = load_stored_selector(state, generation)
            choice, metafeatures, sparse, anomalous = select(config, stored, features)
        with watch.stage("prediction"):
            answer = answer_rows(state, generation, stored, choice, features, sparse, anomalous)
        with watch.stage("writing"):
            decision = name_decision(generation, file)
            output = write_answer(state, file, decision, add_answer(request, answer, generation.schema))
        record(state, watch, decision, generation, file, choice, metafeatures, answer, output)
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


def prepare_request(config: Config, request: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Return the request's features, typed, cleaned and engineered as in training."""
    inputs = clean_inputs(read_inputs(request, schema), config.quality, schema)
    return engineer_features(inputs, schema, config.features)


def select(
    config: Config, stored: StoredSelector, features: pd.DataFrame
) -> tuple[Choice, dict[str, float], np.ndarray, np.ndarray]:
    """Return the selector's choice, the metafeatures it saw, and which rows are sparse and anomalous.

    In mode 'single' the rows are all of one kind, that of more than half of them, so that one version serves them all.
    """
    settings = config.selection
    flags = flag_cells(features, stored.reference)
    metafeatures = compute_metafeatures(
        features, flags, stored.reference, settings.sparse_share, settings.anomalous_cells
    )
    choice = stored.selector.choose(metafeatures)
    sparse = find_sparse_rows(flags, settings.sparse_share)
    anomalous = find_anomalous_rows(flags, settings.anomalous_cells)
    if settings.mode == "single":
        sparse, anomalous = (np.full(len(rows), rows.mean() > HALF) for rows in (sparse, anomalous))
    return choice, metafeatures, sparse, anomalous


def answer_rows(
    state: State,
    generation: Generation,
    stored: StoredSelector,
    choice: Choice,
    features: pd.DataFrame,
    sparse: np.ndarray,
    anomalous: np.ndarray,
) -> Answer:
    """Predict every row along its route; versions are loaded once, and only those that answer."""
    assert generation.schema is not None
    by_line = {version.line: version for version in generation.versions}
    loaded: dict[str, Model] = {}

    def load(version: Version) -> Model:
        return loaded.setdefault(version.id, loaded.get(version.id) or load_model(state.files, version))

    reason = "selected" if choice.reason == "selected" else "champion"
    routes = plan_routes(len(features), choice.line, reason, stored.selector.fallbacks, sparse, anomalous)
    champion = stored.selector.champion
    last_resorts = [champion, *(line for line in by_line if line != champion)]
    return answer_request(features, routes, by_line, last_resorts, load, generation.schema)


def name_decision(generation: Generation, file: Path) -> str:
    """Return the id of a decision: the same request answered by the same generation is the same decision."""
    return compute_digest(f"{generation.number}/{compute_digest(file.read_bytes())}/{file.name}".encode())[:12]


def write_answer(state: State, file: Path, decision: str, table: pd.DataFrame) -> Path:
    """Save the answered rows under the state folder, in the request's own format."""
    ending = find_format(file)
    written = ".xlsx" if ending == ".xls" else ending
    output = state.folder / "predictions" / f"{file.name[: -len(ending)]}-{decision}{written}"
    write_table(table, output)
    return output


def record(
    state: State,
    watch: Stopwatch,
    decision: str,
    generation: Generation,
    file: Path,
    choice: Choice,
    metafeatures: dict[str, float],
    answer: Answer,
    output: Path,
) -> None:
    """Book the decision (once) and what answering cost."""
    lines = {version.line: version.id for version in generation.versions}
    draft = Draft()
    with state.engine.connect() as connection:
        query = sa.select(decisions_table.c.id).where(decisions_table.c.id == decision)
        known = connection.execute(query).first() is not None
    if not known:
        described = {
            "id": decision,
            "generation": generation.number,
            "request": file.name,
            "rows": len(answer.decided),
            "version": lines[choice.line],
            "reason": choice.reason,
            "metafeatures": metafeatures,
            "expected": {lines[line]: loss for line, loss in choice.expected.items() if line in lines},
            "served": answer.count_served(),
            "output": output.name,
        }
        draft.add(decisions_table, [described])
    draft.add(performance_table, watch.rows("inference", decision, len(answer.decided)))
    draft.commit(state.engine)
