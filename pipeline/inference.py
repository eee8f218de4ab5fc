"""Inference: one request file in, the same rows with predictions out, a chunk at a time."""

import itertools
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.formats import check_file
from pointsman.common.performance import Stopwatch, performance_table
from pointsman.common.progress import Progress
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.files import sweep
from pointsman.common.storage.state import State, open_state
from pointsman.common.tabular.formulas import escape_formulas
from pointsman.common.tabular.parquet_chunks import find_types
from pointsman.common.tabular.reader import Chunk, read_ahead, read_chunks
from pointsman.common.tabular.writers import open_table
from pointsman.common.text import as_text
from pointsman.common.wanted import Wanted
from pointsman.meta.tables import decisions_table
from pointsman.pipeline.labels.row_ids import ROW_ID, name_rows
from pointsman.pipeline.serving.answer import Answer, add_answer
from pointsman.pipeline.serving.predictor import Choice, Predictor, ReadRows, load_predictor
from pointsman.pipeline.serving.queries import find_booked
from pointsman.pipeline.serving.request_files import check_request, choose_output, log_renamed, name_decision
from pointsman.pipeline.serving.tally import Tally

log = logging.getLogger(__name__)

MOST_REASONS = 3


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
                guards = predictor.config.output.escape_formulas
                table.write(escape_formulas(answered, run.output) if guards else answered)
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
        "request": as_text(run.file.name),
        "rows": tally.rows,
        "output": as_text(run.output.name),
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


def record(state: State, watch: Stopwatch, described: dict[str, Any]) -> None:
    """Book the decision (once) and what answering cost."""
    costs = watch.rows("inference", described["id"], described["rows"])
    decided = Draft()
    decided.add(decisions_table, [described])
    decided.add(performance_table, costs)
    try:
        if not find_booked(state, [described["id"]]):
            decided.commit(state.engine)
            return
    except sa.exc.IntegrityError:
        log.info("decision %s was booked by another process meanwhile", described["id"])
    again = Draft()
    again.add(performance_table, costs)
    again.commit(state.engine)
