"""The feedback: late labels of rows that were served, taken from a file."""

import logging
from pathlib import Path

from pointsman.common.config import Config
from pointsman.common.errors import DataError
from pointsman.common.storage.state import open_state
from pointsman.common.tabular.reader import read_table
from pointsman.common.text import as_text
from pointsman.common.wanted import Wanted
from pointsman.pipeline.labels.intake import add_labels, load_schema
from pointsman.pipeline.labels.outcomes import book_refusals
from pointsman.pipeline.labels.row_ids import ROW_ID, find_row_ids

log = logging.getLogger(__name__)

ID, LABEL = ROW_ID, "label"


def receive(config: Config, file: Path) -> str:
    """Take the labels in a file with the columns ``predict_id`` and the target's name (or 'label').

    Of a file that was answered several times, the ids of the last time count. Returns how many are new; the log says
    what the others are. Raises DataError where a column is missing.
    """
    with open_state(config, must_exist=True) as state:
        schema = load_schema(state)
        table = read_table(file, Wanted.of_request(config, [ID, schema.target, LABEL]))
        column = next((name for name in (schema.target, LABEL) if name in table), None)
        ids = find_row_ids(table.columns)
        if ids is None or column is None:
            raise DataError(
                f"The file '{file}' needs the columns '{ID}' and '{schema.target}' (or '{LABEL}'); "
                f"it has {', '.join(map(repr, list(table)[:8]))}."
            )
        name = as_text(file.name)
        received = add_labels(config, state, list(zip(table[ids].astype("str"), table[column], strict=True)), name)
        book_refusals(state, received.refused, name)
    log.log(logging.WARNING if received.refused else logging.INFO, "'%s': %s", file, received.describe())
    return str(len(received.new))
