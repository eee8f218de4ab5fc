"""Inference: one request file in, the same rows with predictions out, a chunk at a time."""

import hashlib
import itertools
import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pointsman.common.adaptation import Unread
from pointsman.common.column_names import describe_renamed, list_shown
from pointsman.common.config import Config
from pointsman.common.errors import ConfigError, DataError
from pointsman.common.formats import check_file, find_format
from pointsman.common.performance import Stopwatch, performance_table
from pointsman.common.progress import Progress
from pointsman.common.sampling import SpreadSample, spread_rows
from pointsman.common.schema import Schema, find_strangers
from pointsman.common.storage.catalogue import Draft, read_rows, utc_now
from pointsman.common.storage.files import compute_digest, sweep
from pointsman.common.storage.state import State, open_state
from pointsman.common.tabular.parquet_chunks import find_types
from pointsman.common.tabular.reader import Chunk, read_ahead, read_chunks
from pointsman.common.tabular.writers import OUTPUTS, check_room, open_table
from pointsman.common.wanted import Wanted
from pointsman.meta.tables import decisions_table
from pointsman.pipeline.labels.row_ids import ROW_ID, name_rows
from pointsman.pipeline.labels.served_rows import find_newest_time, keep_rows, save_request_rows
from pointsman.pipeline.serving.answer import Answer, add_answer
from pointsman.pipeline.serving.predictor import Choice, Predictor, ReadRows, load_predictor

log = logging.getLogger(__name__)

ESTIMATED_ROWS = 50_000
"""Rows, evenly spread over a longer request, whose answers say what to expect of all: at least so many."""

MOST_REASONS = 3


class Tally:
    """What the chunks of a request add up to, in bounded memory."""

    def __init__(self, matched_rows: int) -> None:
        self.rows = 0
        self.served: Counter[str] = Counter()
        self.failures: dict[str, str] = {}
        self.unread: dict[str, Unread] = {}
        self.answers = SpreadSample(ESTIMATED_ROWS)
        self.matched = SpreadSample(matched_rows)

    def add(self, chunk: Chunk, rows: ReadRows, answer: Answer, key_columns: Sequence[str]) -> None:
        """Count the answer of a chunk; of its raw cells those are kept that name a row."""
        first = chunk.first
        self.rows += len(rows)
        self.served.update(answer.count_served())
        self.failures = {**answer.failures, **self.failures}
        for one in rows.unread:
            before = self.unread.get(one.column)
            self.unread[one.column] = replace(before, count=before.count + one.count) if before else one
        self.answers.add(first, answer.outputs, answer.kinds)
        named = chunk.table[[name for name in key_columns if name in chunk.table]]
        self.matched.add(first, rows.inputs, answer.outputs, np.arange(first, first + len(rows)), named)

    def sample_answer(self, newest: Answer) -> Answer:
        """Return the answer of rows that stand for all, as far as an estimate reads it."""
        outputs, kinds = self.answers.collect()
        return replace(newest, outputs=outputs, kinds=kinds)

    def save_matched(self, predictor: Predictor, state: State, columns: Sequence[str]) -> dict[str, Any]:
        """Store the rows by which late labels find this request, and return what its decision says of them."""
        inputs, outputs, positions, named = self.matched.collect()
        kept = spread_rows(len(positions), self.matched.most)
        inputs, named, schema = inputs.iloc[kept], named.iloc[kept], predictor.schema
        names = predictor.config.labels.key_columns
        rows = keep_rows(schema, inputs, columns, outputs[kept], positions[kept], named, names)
        return save_request_rows(state.files, rows, columns, find_newest_time(inputs, schema, utc_now()))


@dataclass(frozen=True, eq=False)
class InferenceRun:
    """A request on its way: who answers it, and where its rows come from and go to."""

    state: State
    predictor: Predictor
    file: Path
    wanted: Wanted
    decision: str
    output: Path
    watch: Stopwatch


def infer(config: Config, file: Path, out: Path | None = None, explain: bool = False) -> Path:
    """Answer every row of ``file`` and return the path of the saved table: its columns plus ``predict`` and more.

    The table is ``out``, in the format that its ending names, or lies under the state folder in the request's own.
    What serves is chosen once, from the first chunk. With ``explain`` every row says what moved its answer most.

    Raises StateError before the first update, DataError where the file cannot be used, ConfigError where ``out`` cannot
    be written; there is no output then.
    """
    with open_state(config, must_exist=True) as state:
        run = begin(config, state, file, out)
        chunks = read_request(run)
        first = next(chunks)
        with run.watch.stage("selection"):
            choice = run.predictor.choose(first[1])
        log_choice(run, choice, first[1])
        columns = [name for name in run.predictor.schema.inputs if name in first[0].table]
        parts = itertools.chain([first], chunks)
        del first  # nothing holds a chunk longer than it takes to answer it
        tally, answer = answer_parts(run, choice, parts, explain)
        log_unread(run, tally)
        with run.watch.stage("estimation"):
            estimate = run.predictor.estimate(choice, tally.sample_answer(answer))
            log.info("estimated without labels: %s", estimate.describe())
        with run.watch.stage("writing"):
            told = tally.save_matched(run.predictor, state, columns)
        record(state, run.watch, describe_decision(run, choice, tally) | told | {"estimate": estimate.to_json()})
    return run.output


def begin(config: Config, state: State, file: Path, out: Path | None) -> InferenceRun:
    """Load what answers, and decide where the answers go."""
    watch = Stopwatch()
    with watch.stage("opening"):
        check_file(file)
        predictor = load_predictor(config, state)
        decision = name_decision(predictor, file)
        wanted = Wanted.of_request(config, predictor.schema.inputs)
        output = choose_output(state, file, decision, out, wanted)
    return InferenceRun(state, predictor, file, wanted, decision, output, watch)


def answer_parts(
    run: InferenceRun, choice: Choice, parts: Iterator[tuple[Chunk, ReadRows]], explain: bool
) -> tuple[Tally, Answer]:
    """Answer and write the rows of a request, a chunk at a time; return what they add up to, and the last answer."""
    predictor, watch = run.predictor, run.watch
    tally = Tally(predictor.config.selection.matched_rows)
    sweep(run.output.parent, deep=False)
    with open_table(run.output, find_types(run.file)) as table, Progress(run.file.name) as progress:
        for chunk, rows in parts:
            with watch.stage("prediction"):
                answer = predictor.answer(rows, choice)
            more: dict[str, Any] = {ROW_ID: name_rows(run.decision, chunk.first, len(rows))}
            if explain:
                with watch.stage("explanation"):
                    more |= list_reasons(predictor, rows, choice, answer)
            with watch.stage("writing"):
                answered = add_answer(chunk.table, answer, predictor.schema, more)
                if chunk.first == 0:
                    log_renamed(run.file, chunk.table, answered)
                table.write(answered)
            tally.add(chunk, rows, answer, predictor.config.labels.key_columns)
            progress.add(len(rows), chunk.done)
        with watch.stage("writing"):
            table.finish()
    return tally, answer


def log_choice(run: InferenceRun, choice: Choice, rows: ReadRows) -> None:
    """Say what serves the request and why, and what is unusual in its first rows."""
    predictor, file = run.predictor, run.file
    if choice.plan.alarm:
        log.warning("In '%s' %s.", file, choice.plan.alarm.describe().removeprefix("alarm: "))
    if choice.warnings:
        log.warning("In '%s' %s.", file, "; ".join(choice.warnings))
    for change in rows.changes:
        log.warning("In '%s' %s.", file, change.describe())
    if len(predictor.schema.classes) == 2:
        log.info("predict_proba is the probability of '%s'", predictor.schema.classes[-1])
    log.info("'%s' is served by %s", file.name, predictor.tell_choice(choice))


def log_unread(run: InferenceRun, tally: Tally) -> None:
    """Warn of cells that could not be read, by column."""
    for unread in tally.unread.values():
        log.warning("In '%s' %s.", run.file, replace(unread, rows=tally.rows).describe())


def describe_decision(run: InferenceRun, choice: Choice, tally: Tally) -> dict[str, Any]:
    """Return the row of the decisions table, but for estimates and the rows that labels will be matched with."""
    return run.predictor.describe(choice) | {
        "id": run.decision,
        "request": run.file.name,
        "rows": tally.rows,
        "output": run.output.name,
        "failures": tally.failures,
        "served": dict(sorted(tally.served.items())),
    }


def read_request(run: InferenceRun) -> Iterator[tuple[Chunk, ReadRows]]:
    """Yield a file's rows in chunks, as they are and as models read them; the next one is read meanwhile.

    The stage of reading is what is waited for it.
    """

    def read() -> Iterator[tuple[Chunk, ReadRows]]:
        schema = None
        for chunk in read_chunks(run.file, run.predictor.config.inference.chunk_rows, run.wanted):
            if chunk.first == 0:
                check_request(run.file, chunk.table, run.predictor.schema)
            rows = run.predictor.read(chunk.table, schema)
            schema = rows.schema  # the first rows tell how a file is written
            yield chunk, rows

    parts = read_ahead(read())
    while True:
        with run.watch.stage("reading"):
            part = next(parts, None)
        if part is None:
            return
        yield part
        del part  # it is answered: while the next one is waited for, nothing holds it


def check_request(file: Path, table: pd.DataFrame, schema: Schema) -> None:
    """Raise DataError where there is nothing to answer; none of the inputs has to be there, but one at least."""
    if not any(name in table for name in schema.inputs):
        shown = ", ".join(schema.inputs[:8])
        raise DataError(
            f"The file '{file}' has none of the columns that models read ({shown}, ...), its own are "
            f"{list_shown(list(table))}; check its header."
        )
    if not len(table):
        raise DataError(f"The file '{file}' has a header and no rows; add the rows to predict.")
    absent = [name for name in schema.inputs if name not in table]
    strangers = find_strangers(table.columns, schema)
    if absent:
        told = ", ".join(f"{name!r}{describe_renamed(name, strangers)}" for name in absent[:8])
        more = f" and {len(absent) - 8} more" if len(absent) > 8 else ""
        log.warning(
            "'%s' has no column %s%s; %s as missing",
            file,
            told,
            more,
            "it counts" if len(absent) == 1 else "they count",
        )
    if strangers:
        log.warning(
            "'%s' has the %s %s, which the stream does not have; %s not read",
            file,
            "column" if len(strangers) == 1 else "columns",
            list_shown(strangers),
            "it is" if len(strangers) == 1 else "they are",
        )
    if schema.target in table:
        log.warning("'%s' has the target's column '%s', which is not read to predict it", file, schema.target)


def log_renamed(file: Path, request: pd.DataFrame, answered: pd.DataFrame) -> None:
    """Warn where the request has columns of its own that are named like those of the answer."""
    added = list(answered.columns[len(request.columns) :])
    suffix = added[0].removeprefix("predict")
    if suffix:
        own = [name for name in request if f"{name}{suffix}" in added]
        log.warning(
            "'%s' has columns of its own named %s, which stay as they are; those of the answer are named %s",
            file,
            list_shown(own),
            list_shown(added),
        )


def list_reasons(predictor: Predictor, rows: ReadRows, choice: Choice, answer: Answer) -> dict[str, list[str]]:
    """Return the columns of the strongest reasons of every row; '' where a row has fewer."""
    from pointsman.pipeline.serving.reasons import explain_rows

    started = time.perf_counter()
    shown = [[str(reason) for reason in one] for one in explain_rows(predictor, rows, choice, answer, MOST_REASONS)]
    spent = (time.perf_counter() - started) / len(rows)
    log.info("explained %d rows at %.2g ms a row, beside what answering takes", len(rows), 1e3 * spent)
    return {
        f"reason_{place + 1}": [one[place] if place < len(one) else "" for one in shown]
        for place in range(MOST_REASONS)
    }


def name_decision(predictor: Predictor, file: Path) -> str:
    """Return the id of a decision: the same request answered by the same generation is the same decision."""
    with file.open("rb") as opened:
        content = hashlib.file_digest(opened, "sha256").hexdigest()
    asked = f"{predictor.generation.number}/{predictor.config.selection.mode}/{content}/{file.name}"
    if predictor.published:
        asked += f"/{predictor.published.why}"
    return compute_digest(asked.encode())[:12]


def choose_output(state: State, file: Path, decision: str, out: Path | None, wanted: Wanted) -> Path:
    """Return where the answered rows go: ``out``, or a file under the state folder in the request's own format.

    Raises ConfigError where ``out`` cannot be written or would take the request's place.
    """
    ending = find_format(file)
    if out is None:
        written = ".xlsx" if ending == ".xls" else ending
        return state.folder / "predictions" / f"{file.name[: -len(ending)]}-{decision}{written}"
    if not out.name.lower().endswith(OUTPUTS):
        raise ConfigError(f"The output '{out}' has an ending that cannot be written; use {', '.join(OUTPUTS)}.")
    if out.is_dir() or (out.exists() and out.samefile(file)):
        what = "a folder" if out.is_dir() else "the request itself"
        raise ConfigError(f"The output '{out}' is {what}; name another file.")
    check_room(file, out, wanted)
    return out


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
