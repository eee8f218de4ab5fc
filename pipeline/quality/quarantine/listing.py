"""What is in quarantine, as a table to read: what was refused, why, an example, and what became of it."""

from collections.abc import Sequence
from typing import Any

from pointsman.common.config import Config
from pointsman.common.storage.state import State
from pointsman.common.text import lay_out
from pointsman.pipeline.collection.store import find_batch_file, load_batches
from pointsman.pipeline.quality.quarantine.row_counts import RowCounts, load_row_counts
from pointsman.pipeline.quality.quarantine.store import load_groups

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

    >>> describe_sum([RowCounts(1, 100, learned=90, held=10), RowCounts(2, 50, rejected=50, is_rejected=True)])
    'Of 150 rows, 90 are learned, 10 held, 50 rejected.'
    """
    rows = sum(one.rows - one.moved for one in accounts)
    learned = sum(one.learned for one in accounts)
    places = ("released", "held", "discarded", "rejected")
    counts = {place: sum(getattr(one, place) for one in accounts) for place in places}
    told = [f"{learned} are learned", *(f"{count} {place}" for place, count in counts.items() if count)]
    return f"Of {rows} rows, {', '.join(told)}."


def _list_rejected(state: State, accounts: dict[int, RowCounts]) -> list[tuple[Any, ...]]:
    lines = []
    for row in (row for row in load_batches(state) if row["status"] == "rejected"):
        status = accounts[row["number"]].status
        lines.append((row["number"], str(row["rows"]), "the batch was rejected", status, _shorten(row["reason"], 160)))
    return lines


def _list_rows(state: State, config: Config, accounts: dict[int, RowCounts]) -> list[tuple[Any, ...]]:
    accepted = [group for group in load_groups(state) if not accounts[group["batch"]].is_rejected]
    lines = []
    for place, group in enumerate(accepted):
        example = _find_example(state, config, group["batch"], group["first"]) if place < MOST_LINES else ""
        lines.append((group["batch"], str(group["rows"]), group["reason"], group["status"], example))
    return lines


def _find_example(state: State, config: Config, batch: int, row: int) -> str:
    """Return the name of a row and the cells that tell it from others."""
    stated = config.schema_
    frame = state.files.load_table(find_batch_file(state, batch))
    names = [name for name in (stated.id, stated.time, stated.target) if name is not None and name in frame]
    cells = frame[names].iloc[row]
    return f"{batch}:{row} {', '.join(f'{name}={_shorten(str(cells[name]))}' for name in names)}"


def _shorten(text: str, longest: int = LONGEST_CELL) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[:longest]}..."
