"""Files that are handed in to be answered: whether they can be, what their decision is named, where the answers go."""

import hashlib
import logging
from pathlib import Path

import pandas as pd

from pointsman.common.column_names import describe_renamed, list_shown
from pointsman.common.errors import ConfigError, DataError
from pointsman.common.formats import find_format
from pointsman.common.schema import Schema, find_strangers
from pointsman.common.storage.files import compute_digest
from pointsman.common.storage.state import State
from pointsman.common.tabular.writers import OUTPUTS, check_room
from pointsman.common.wanted import Wanted
from pointsman.pipeline.serving.predictor import Predictor

log = logging.getLogger(__name__)


def check_request(file: Path, table: pd.DataFrame, schema: Schema) -> None:
    """Raise DataError for a request without rows or without any of the inputs; warn of absent and unknown columns."""
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


def name_decision(predictor: Predictor, file: Path) -> str:
    """Return the id of a decision; it is the same whenever the same generation answers the same file."""
    # A pass of its own: the id is in the first row written, and a digest costs a twentieth of reading the cells.
    with file.open("rb") as opened:
        content = hashlib.file_digest(opened, "sha256").hexdigest()
    asked = f"{predictor.generation.number}/{predictor.config.selection.mode}/{content}/{file.name}"
    if predictor.published:
        asked += f"/{predictor.published.why}"
    return compute_digest(asked.encode(errors="surrogateescape"))[:12]


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
