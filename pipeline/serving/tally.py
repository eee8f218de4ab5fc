"""What the chunks of a request add up to, in bounded memory."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pointsman.common.adaptation import Unread
from pointsman.common.sampling import SpreadSample, spread_rows
from pointsman.common.storage.catalogue import utc_now
from pointsman.common.storage.state import State
from pointsman.common.tabular.reader import Chunk
from pointsman.pipeline.labels.served_rows import find_newest_time, keep_rows, save_request_rows
from pointsman.pipeline.serving.answer import Answer
from pointsman.pipeline.serving.predictor import Predictor, ReadRows

ESTIMATED_ROWS = 50_000
"""Fewest rows, evenly spread over a longer request, by whose answers the quality of all is estimated."""


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
