"""Columns that a stream did not have before: reported when they appear, since no model reads them."""

import io
import logging

from pointsman.common.column_names import describe_renamed, list_shown
from pointsman.common.records import RawBatch
from pointsman.common.schema import Schema, find_strangers
from pointsman.common.storage.state import State
from pointsman.pipeline.collection.store import find_newest_file

log = logging.getLogger(__name__)


def log_new_columns(state: State, raw: RawBatch, schema: Schema) -> None:
    """Warn of columns that the stream does not know, unless the newest stored batch had them already."""
    strangers = find_strangers(raw.frame.columns, schema)
    before = load_columns(state) if strangers else set()
    new = [name for name in strangers if name not in before]
    if not new:
        return
    gone = [name for name in schema.inputs if name not in raw.frame]
    renamed = [f"'{name}'{told}" for name in gone if (told := describe_renamed(name, new))]
    log.warning(
        "'%s' has the new column %s, which is not read%s; schema.numeric or schema.categorical takes a column with the "
        "next schema revision.",
        raw.origin,
        list_shown(new),
        f", and lacks {', '.join(renamed)}" if renamed else "",
    )


def load_columns(state: State) -> set[str]:
    """Return the columns of the newest stored batch; none where there is no batch, or its file is broken."""
    import pyarrow.parquet

    newest = find_newest_file(state)
    content = state.files.load_if_sound(newest) if newest else None
    return set(pyarrow.parquet.read_schema(io.BytesIO(content)).names) if content else set()
