"""Requests to a small learned stream, logged as a service does, and rows that no batch of it will bring."""

from datetime import datetime

import small_stream

from pointsman.common.storage.catalogue import utc_now
from pointsman.pipeline.collection.demo.simulator import simulate
from pointsman.pipeline.collection.ordering import PartReader
from pointsman.pipeline.serving.answer_log import AnswerLog
from pointsman.pipeline.serving.predictor import load_predictor
from pointsman.pipeline.serving.served_requests import ServedRequest
from pointsman.pipeline.update import update_once


def make_live_rows(count, target, seed=99):
    """Raw rows of the stream's kind that are in none of its batches, and their labels, 0 or 1."""
    rows = simulate(20 * small_stream.ROWS, seed, schedule=()).iloc[900 : 900 + count].reset_index(drop=True)
    return rows.drop(columns=[target]), [int(bool(cell) and float(cell) > 0) for cell in rows[target]]


def answer(predictor, request, rows, at: datetime | None = None, **given):
    """Return a request as the service hands it to the log."""
    read = predictor.read(rows)
    choice = predictor.choose(read)
    return ServedRequest(
        request,
        at or utc_now(),
        "service",
        predictor,
        given.get("keys"),
        read,
        choice,
        predictor.answer(read, choice),
        given.get("columns"),
    )


def serve(config, state, requests, **given):
    """Answer and log raw rows by request id; return the log, closed."""
    predictor = load_predictor(config, state)
    log = AnswerLog(config, state)
    for request, rows in requests.items():
        log.add(answer(predictor, request, rows, **given))
    log.close()
    return log


def one_by_one(rows, prefix="one"):
    """Return a request a row."""
    return {f"{prefix}{place}": rows.iloc[[place]] for place in range(len(rows))}


def go_on(config, state, batches=1):
    """Learn the next batches of the stream."""
    reader = PartReader(config.schema_)
    for _ in range(batches):
        generation = update_once(config, state, reader)
    return generation
