"""What is in quarantine, as a table to read: what was refused, why, an example, and what became of it."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.common.text import lay_out
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.quality.quarantine.row_counts import RowCounts, load_row_counts
from pointsman.pipeline.quality.tables import quarantined_rows

MOST_LINES = 40
LONGEST_CELL = 60
HEADER = ("batch", "rows", "reason", "status", "an example")


def describe_quarantine(state: State, config: Config) -> str:
    """Return the newest groups of refused rows and all rejected batches, oldest first, and the sum of all accounts."""
    accounts = load_row_counts(state)
    lines = [*_list_rejected(state, accounts), *_list_rows(state, config, accounts)]
    total = describe_sum(list(accounts.values()))
    if not lines:
        return f"Nothing is in quarantine. {total}"
    lines.sort(key=lambda line: line[0])
    shown = [(str(batch), *cells) for batch, *cells in lines[-MOST_LINES:]]
    left_out = f"{len(lines) - MOST_LINES} older lines are left out.\n" if len(lines) > MOST_LINES else ""
    return f"{lay_out([HEADER, *shown])}\n{left_out}{total}"


def describe_sum(accounts: Sequence[RowCounts]) -> str:
    """Return where all rows are, in one sentence.

    >>> describe_sum([Account(1, 100, learned=90, held=10), RowCounts(2, 50, rejected=50, is_rejected=True)])
    'Of 150 rows, 90 are learned, 10 held, 50 rejected.'
    """
    rows = sum(one.rows - one.moved for one in accounts)
    learned = sum(one.learned for one in accounts)
    places = ("released", "held", "discarded", "rejected")
    counts = {place: sum(getattr(one, place) for one in accounts) for place in places}
    told = [f"{learned} are learned", *(f"{count} {place}" for place, count in counts.items() if count)]
    return f"Of {rows} rows, {', '.join(told)}."


def _list_rejected(state: State, accounts: dict[int, RowCounts]) -> list[tuple[Any, ...]]:
    query = sa.select(batches.c.number, batches.c.rows, batches.c.reason).where(batches.c.status == "rejected")
    lines = []
    for row in read_rows(state.engine, query):
        status = accounts[row["number"]].status
        lines.append((row["number"], str(row["rows"]), "the batch was rejected", status, _shorten(row["reason"], 160)))
    return lines


def _list_rows(state: State, config: Config, accounts: dict[int, RowCounts]) -> list[tuple[Any, ...]]:
    table = quarantined_rows().c
    keys = (table.batch, table.reason, table.status)
    query = sa.select(*keys, sa.func.count().label("rows"), sa.func.min(table.row).label("first"))
    groups = read_rows(state.engine, query.group_by(*keys).order_by(table.batch.desc(), table.reason, table.status))
    accepted = [group for group in groups if not accounts[group["batch"]].is_rejected]
    lines = []
    for place, group in enumerate(accepted):
        example = _find_example(state, config, group["batch"], group["first"]) if place < MOST_LINES else ""
        lines.append((group["batch"], str(group["rows"]), group["reason"], group["status"], example))
    return lines


def _find_example(state: State, config: Config, batch: int, row: int) -> str:
    """Return the name of a row and the cells that tell it from others."""
    file = read_rows(state.engine, sa.select(batches.c.file).where(batches.c.number == batch))[0]["file"]
    stated = config.schema_
    frame = state.files.load_table(file)
    names = [name for name in (stated.id, stated.time, stated.target) if name is not None and name in frame]
    cells = frame[names].iloc[row]
    return f"{batch}:{row} {', '.join(f'{name}={_shorten(str(cells[name]))}' for name in names)}"


def _shorten(text: str, longest: int = LONGEST_CELL) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[:longest]}..."
