"""Quality by segment: where the answers of what serves are good, and where not, by the columns that they rest on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.common.errors import StateError
from pointsman.common.records import LabelledBatch
from pointsman.common.sampling import spread_rows
from pointsman.common.task import Task
from pointsman.meta.records import CLEAN_ROWS, OutOfSamplePredictions
from pointsman.meta.store import load_records
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.reporting.history import FALLBACK_FAMILY, History
from pointsman.pipeline.reporting.loss_scale import name_unit
from pointsman.pipeline.reporting.production_shap import explain_production, load_features
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.reporting.segmenting import AnsweredRows, Segment, answer_rows, judge_segments
from pointsman.pipeline.validation.records import load_first_rows

MOST_COLUMNS = 6
NEWEST_BATCHES = 8
"""Batches whose rows are pooled, the newest ones."""


@dataclass(frozen=True)
class ColumnSegments:
    """The segments of a column, numbers from low to high, levels from frequent to rare."""

    column: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class SegmentFigures:
    """How good the answers of a model were by segment, on rows of ``batches`` that it had not learned.

    told, came: what stands in the columns of these names
    unit:       what losses are counted in
    obstacle:   why there are none, '' where there are
    """

    version: str
    batches: tuple[int, ...]
    rows: int
    told: str
    came: str
    unit: str
    columns: tuple[ColumnSegments, ...]
    obstacle: str


def read_segment_records(history: History) -> tuple[dict[int, int], list[OutOfSamplePredictions]]:
    """Return what was predicted for the newest batches by what serves and without a model, and each one's first row."""
    generation = history.generation
    if generation.schema is None or generation.production is None:
        return {}, []
    lines = {generation.production.line, *_list_baselines(history)}
    return load_first_rows(history.state), load_records(history.state, generation.schema, NEWEST_BATCHES, lines)


def compute_segments(history: History) -> SegmentFigures:
    """Return how good the answers of what serves were, by segment of the columns that they rest on most."""
    generation = history.generation
    schema, production = generation.schema, generation.production
    if schema is None or production is None:
        return _tell_nothing("", "no model serves yet")
    explained = history.ask(explain_production).contributions
    if explained is None:
        return _tell_nothing(production.id, "it is not known which columns its answers rest on")
    named = [str(explained.features.columns[place]) for place in explained.rank_features()[:MOST_COLUMNS]]
    parts = _gather(history, production.line)
    if not parts:
        return _tell_nothing(production.id, "no batch has tested its model and the baseline on rows that are kept")
    rows = _join([answered for _, answered, _ in parts])
    features = pd.concat([table.reindex(columns=named) for _, _, table in parts], ignore_index=True)
    judged = judge_segments(rows, [features[name] for name in named])
    told, came = _name_answers(schema.task, schema.target, schema.classes)
    return SegmentFigures(
        version=production.id,
        batches=tuple(number for number, _, _ in parts),
        rows=len(rows),
        told=told,
        came=came,
        unit=name_unit(schema.task, schema.target),
        columns=tuple(ColumnSegments(name, found) for name, found in zip(named, judged, strict=True) if len(found) > 1),
        obstacle="",
    )


def _tell_nothing(version: str, obstacle: str) -> SegmentFigures:
    return SegmentFigures(version, (), 0, "", "", "", (), obstacle)


def _list_baselines(history: History) -> list[str]:
    """Return the lines that answer every row alike, the one that learns the most first."""
    priors = [one for one in history.generation.versions if one.family == FALLBACK_FAMILY]
    return [one.line for one in sorted(priors, key=lambda one: -one.rows)]


def _gather(history: History, line: str) -> list[tuple[int, AnsweredRows, pd.DataFrame]]:
    """Return the batches that tested a model and the baseline, each with its rows and their features."""
    first_rows, records = history.ask(read_segment_records)
    accepted = set(history.read(batches).dropna(subset=["clean_file"])["number"].astype(int))
    found = []
    for record in records:
        number, clean = record.rows.batch, record.rows.clean
        baseline = next((one for one in _list_baselines(history) if one in record.predicted), None)
        if line not in record.predicted or baseline is None or number not in accepted:
            continue
        batch = _load_rows(history, number, first_rows.get(number, 0), record.rows.target[clean])
        if batch is None:
            continue
        outputs = (record.predicted[one][clean].astype(float) for one in (line, baseline))
        found.append((number, answer_rows(record.rows.task, batch.target, *outputs), batch.inputs))
    return found


def _load_rows(history: History, number: int, first: int, target: np.ndarray) -> LabelledBatch | None:
    """Return the rows of a batch that its record is of; None where they are no more, or no longer the same ones."""
    try:
        batch = load_features(history, number, lambda rows: first + spread_rows(rows - first, CLEAN_ROWS))
    except StateError:
        return None
    return batch if np.array_equal(batch.target, target) else None


def _join(parts: list[AnsweredRows]) -> AnsweredRows:
    names = ("told", "came", "own", "other")
    joined = {name: np.concatenate([getattr(one, name) for one in parts]) for name in names}
    return AnsweredRows(parts[0].task, **joined)


def _name_answers(task: Task, target: str, classes: tuple[str, ...]) -> tuple[str, str]:
    """Return what the means of answers and of what came are called."""
    if task is Task.REGRESSION:
        return f"Answered, mean {target}", f"Came, mean {target}"
    if task is Task.BINARY:
        return f"Expected of '{classes[-1]}'", f"Came of '{classes[-1]}'"
    return "Expected to be right", "Right"


SECTION = Section("segments", reads=(read_segment_records,), figures={"segments": compute_segments})
