"""Inference: one request file in, the same rows with predictions out."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from common.config import Config
from common.database import Draft, read_rows
from common.errors import DataError, StateError
from common.files import compute_digest
from common.performance import Stopwatch, performance_table
from common.reading import read_inputs
from common.schema import Schema
from common.state import State, open_state
from common.tables import find_format, read_table, write_table
from meta.flags import RowKind, find_kinds
from meta.plan import Plan, Weights, name_kind
from meta.profile import Profile, profile_request
from meta.store import StoredSelector, load_stored_selector
from meta.tables import decisions_table
from model_zoo.cell_flags import flag_cells
from pipeline.estimates import estimate_request
from pipeline.ledger import save_answered_rows
from pipeline.preparation.cleaning import clean_inputs
from pipeline.preparation.features import engineer_features
from pipeline.publishing import Published, list_answerers, load_published
from pipeline.serving.answer import Answer, add_answer, answer_request
from registry.generations import Generation, load_generation
from registry.versions import ModelShelf

log = logging.getLogger(__name__)


def infer(config: Config, file: Path) -> Path:
    """Answer every row of ``file`` and return the path of the saved table: its columns plus ``predict`` and more.

    Raises StateError before the first update, DataError where the file cannot be used.
    """
    watch = Stopwatch()
    with open_state(config) as state:
        with watch.stage("opening"):
            shelf = ModelShelf(state.files)
            generation, stored = load_serving(state, shelf)
            assert generation.schema is not None
        with watch.stage("reading"):
            request = read_request(file, generation.schema)
            inputs = clean_inputs(read_inputs(request, generation.schema), config.quality, generation.schema)
            features = engineer_features(inputs, generation.schema, config.features)
        with watch.stage("selection"):
            profile, kinds = look_at(features, stored)
            plan = stored.plan(profile, config.selection.mode)
        with watch.stage("prediction"):
            published = load_published(config, state, generation.schema)
            serving = published.take_over(plan) if published else plan
            answer = answer_rows(shelf, generation, stored, serving, features, kinds, published)
        with watch.stage("estimation"):
            estimators = published.choose_estimators(stored.estimators) if published else stored.estimators
            estimate = estimate_request(estimators, serving, answer.outputs, kinds, generation.schema.classes)
            log.info("estimated without labels: %s", estimate.describe())
        with watch.stage("writing"):
            decision = name_decision(config, generation, file, published)
            output = write_answer(state, file, decision, add_answer(request, answer, generation.schema))
            columns = [name for name in generation.schema.inputs if name in request]
            rows_file = save_answered_rows(state, inputs, columns, answer.outputs, config.selection.matched_rows)
        described = describe_decision(config, generation, plan, profile, answer)
        if published:
            described |= {"version": published.version.id, "reason": published.why}
        described |= {"id": decision, "request": file.name, "output": output.name, "key_columns": columns}
        record(state, watch, described | {"rows_file": rows_file, "estimate": estimate.to_json()})
    return output


def load_serving(state: State, shelf: ModelShelf) -> tuple[Generation, StoredSelector]:
    """Return the newest generation that can serve and its selector: where files of it are broken, an earlier one.

    Raises StateError where there is no model yet, or no generation that can serve.
    """
    generation = load_generation(state)
    if generation.champion is None or generation.schema is None:
        raise StateError(f"There is no model in '{state.folder}' yet; run 'python run.py update' first.")
    while True:
        try:
            stored = load_stored_selector(state, generation)
            check_versions(shelf, generation)
            return generation, stored
        except StateError as error:
            broken = generation
            while (generation.selector, generation.members) == (broken.selector, broken.members) and generation.parent:
                generation = load_generation(state, generation.parent)
            if generation.champion is None or generation.number == broken.number:
                raise
            log.warning("generation %d is broken, generation %d is asked: %s", broken.number, generation.number, error)


def check_versions(shelf: ModelShelf, generation: Generation) -> None:
    """Raise StateError where no version of a generation can be loaded; the champion is tried first."""
    failed = None
    for version in sorted(generation.versions, key=lambda one: one != generation.champion):
        try:
            shelf.load(version)
            return
        except StateError as error:
            failed = failed or error
    raise failed or StateError(f"Generation {generation.number} has no version; run 'python run.py update'.")


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


def look_at(features: pd.DataFrame, stored: StoredSelector) -> tuple[Profile, np.ndarray]:
    """Return the request's profile and the RowKind of every row (n_rows,)."""
    flags = flag_cells(features, stored.reference)
    if flags.drifting:
        log.warning("out of range as a whole, which is taken for drift: %s", ", ".join(flags.drifting))
    return profile_request(features, flags, stored.reference), find_kinds(flags)


def answer_rows(
    shelf: ModelShelf,
    generation: Generation,
    stored: StoredSelector,
    plan: Plan,
    features: pd.DataFrame,
    kinds: np.ndarray,
    published: Published | None = None,
) -> Answer:
    """Predict every row by the plan; versions are loaded once, and only those that answer."""
    assert generation.schema is not None
    by_line = list_answerers(generation, published)
    last_resorts = [plan.champion, *(line for line in by_line if line != plan.champion)]
    load, threshold = published.on_shelf(shelf) if published else shelf.load, stored.selector.threshold
    return answer_request(features, kinds, plan, by_line, last_resorts, load, generation.schema, threshold)


def name_decision(config: Config, generation: Generation, file: Path, published: Published | None = None) -> str:
    """Return the id of a decision: the same request answered by the same generation is the same decision."""
    asked = f"{generation.number}/{config.selection.mode}/{compute_digest(file.read_bytes())}/{file.name}"
    if published:
        asked += f"/{published.why}"
    return compute_digest(asked.encode())[:12]


def write_answer(state: State, file: Path, decision: str, table: pd.DataFrame) -> Path:
    """Save the answered rows under the state folder, in the request's own format."""
    ending = find_format(file)
    written = ".xlsx" if ending == ".xls" else ending
    output = state.folder / "predictions" / f"{file.name[: -len(ending)]}-{decision}{written}"
    write_table(table, output)
    return output


def describe_decision(
    config: Config, generation: Generation, plan: Plan, profile: Profile, answer: Answer
) -> dict[str, Any]:
    """Return what the decisions table keeps of a choice: all that it rests on, and what it was."""
    ids = {version.line: version.id for version in generation.versions}
    return {
        "generation": generation.number,
        "rows": len(answer.decided),
        "mode": config.selection.mode,
        "version": ids[plan.leading],
        "champion": ids[plan.champion],
        "reason": plan.why,
        "alarm": plan.alarm.describe() if plan.alarm else "",
        "profile": profile.to_json(),
        "weights": name_weights(plan.weights, ids),
        "expected": asdict(plan.expected),
        "failures": dict(answer.failures),
        "served": answer.count_served(),
    }


def name_weights(weights: tuple[Weights, ...], ids: dict[str, str]) -> dict[str, dict[str, float]]:
    """Return weights by kind of row and version, the heaviest first."""
    return {
        name_kind(kind): {ids[line]: weight for line, weight in sorted(weights[kind].items(), key=lambda one: -one[1])}
        for kind in RowKind
    }


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
