"""The quarantine command: what was refused is listed, released or discarded, and every decision is kept."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pointsman.common.config import Config
from pointsman.common.errors import ConfigError, StateError
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import State, lock_updates, open_state
from pointsman.common.text import read_number, shorten
from pointsman.common.users import find_user
from pointsman.pipeline.quality.quarantine.listing import describe_quarantine
from pointsman.pipeline.quality.quarantine.reasons import UNUSABLE
from pointsman.pipeline.quality.quarantine.row_counts import RowCounts, load_row_counts
from pointsman.pipeline.quality.quarantine.store import load_rows
from pointsman.pipeline.quality.tables import DISCARDED, HELD, RELEASED, quarantine_decisions_table
from pointsman.registry.commit import commit_generation
from pointsman.registry.generations import Cause, load_generation

ACTIONS = {"release": RELEASED, "discard": DISCARDED}
USAGE = 'write quarantine release 7 --why "...", with batch 7 or some of its rows, such as 7:12,7:15'


@dataclass(frozen=True)
class RowChoice:
    """What a user means: a batch, and ``rows`` of it by position in its raw file, or none for all of them."""

    batch: int
    rows: tuple[int, ...] = ()


def quarantine(config: Config, words: Sequence[str], why: str = "", reason: str = "") -> str:
    """Return the list of what is in quarantine or, after 'release' or 'discard', a sentence on what was done.

    Raises ConfigError for words that are no such command, StateError where there is nothing to decide on. A decision is
    one transaction; nothing is deleted from the raw store.
    """
    with open_state(config, must_exist=True) as state:
        if not words:
            return describe_quarantine(state, config)
        action, choices = read_words(words)
        if not why.strip():
            raise ConfigError(f'A decision needs its reason for the record; add --why "..." to quarantine {words[0]}.')
        with lock_updates(state):
            return " ".join(decide(config, state, action, choices, why.strip(), reason))


def read_words(words: Sequence[str]) -> tuple[str, list[RowChoice]]:
    """Return the action and what it is about; ConfigError for anything else.

    >>> read_words(["release", "7:12,7:15,9"])
    ('released', [RowChoice(batch=7, rows=(12, 15)), RowChoice(batch=9, rows=())])
    """
    if words[0] not in ACTIONS or len(words) != 2:
        raise ConfigError(f"'quarantine {' '.join(words)}' is no command; {USAGE}.")
    rows_of: dict[int, list[int]] = {}
    for part in words[1].split(","):
        batch, colon, row = part.strip().partition(":")
        number, position = read_number(batch), read_number(row)
        if number is None or (colon and position is None):
            raise ConfigError(f"'{shorten(part)}' is neither a batch nor a row of one; {USAGE}.")
        rows_of.setdefault(number, []).extend([] if position is None else [position])
    return ACTIONS[words[0]], [RowChoice(batch, tuple(sorted(set(rows)))) for batch, rows in rows_of.items()]


def decide(
    config: Config, state: State, action: str, choices: Sequence[RowChoice], why: str, reason: str = ""
) -> list[str]:
    """Store one decision on every choice, all in one generation, and return a sentence for each."""
    accounts = load_row_counts(state)
    rows: list[dict[str, Any]] = []
    sentences = []
    for choice in choices:
        if choice.batch not in accounts:
            raise StateError(f"There is no batch {choice.batch}; python run.py quarantine lists what is kept out.")
        if accounts[choice.batch].is_rejected:
            check_batch(accounts[choice.batch], action, choice, reason)
            rows.append({"batch": choice.batch, "row": None})
            sentences.append(describe_batch(accounts[choice.batch], action))
        else:
            chosen, left = choose_rows(state, choice, action, reason)
            rows += [{"batch": choice.batch, "row": row} for row in chosen]
            sentences.append(describe_rows(choice.batch, len(chosen), left, action))
    store(config, state, action, rows, why)
    return sentences


def check_batch(account: RowCounts, action: str, choice: RowChoice, reason: str) -> None:
    """Raise StateError where a rejected batch cannot be decided on so."""
    number = account.batch
    if choice.rows or reason:
        raise StateError(f"Batch {number} was rejected as a whole; name the batch alone, without rows or --reason.")
    if account.retaken_as:
        raise StateError(f"Batch {number} was released before and is batch {account.retaken_as} now; nothing is left.")
    if action == RELEASED and not account.usable:
        raise StateError(
            f"Batch {number} cannot be released, since none of its {account.rows} rows can be learned from; correct "
            "them at the source and deliver them again."
        )


def choose_rows(state: State, choice: RowChoice, action: str, reason: str) -> tuple[list[int], Counter[str]]:
    """Return the rows to decide on, and by reason how many of a batch cannot be released; StateError for none."""
    undecided = (HELD, DISCARDED) if action == RELEASED and choice.rows else (HELD,)
    known = {row["row"]: row for row in load_rows(state, choice.batch) if not reason or row["reason"] == reason}
    open_rows = {number: row for number, row in known.items() if row["status"] in undecided}
    wanted = choice.rows or tuple(open_rows)
    absent = [row for row in wanted if row not in open_rows]
    if absent:
        there = f"is {known[absent[0]]['status']} already" if absent[0] in known else "is not in quarantine"
        raise StateError(f"Row {choice.batch}:{absent[0]} {there}; python run.py quarantine lists what is.")
    if not wanted:
        among = f" for the reason '{reason}'" if reason else ""
        raise StateError(f"No row of batch {choice.batch} is held{among}; python run.py quarantine lists what is.")
    unusable = Counter(open_rows[row]["reason"] for row in wanted if open_rows[row]["reason"] in UNUSABLE)
    if action == RELEASED and unusable and (choice.rows or unusable.total() == len(wanted)):
        raise StateError(
            f"{unusable.total()} of {len(wanted)} rows of batch {choice.batch} cannot be released without a readable "
            f"label and time ({_list_reasons(unusable)}); correct them at the source and deliver them again."
        )
    if action != RELEASED:
        return list(wanted), Counter()
    return [row for row in wanted if open_rows[row]["reason"] not in UNUSABLE], unusable


def describe_batch(account: RowCounts, action: str) -> str:
    """Return the sentence on a rejected batch that was decided on."""
    if action == DISCARDED:
        return f"Batch {account.batch} is discarded; its raw file is kept."
    return f"Batch {account.batch} is released: the next update takes its {account.rows} rows as its batch."


def describe_rows(batch: int, count: int, left: Counter[str], action: str) -> str:
    """Return the sentence on rows that were decided on."""
    rows = "1 row" if count == 1 else f"{count} rows"
    if action == DISCARDED:
        return f"{rows} of batch {batch} discarded; the raw file keeps them."
    rest = f"; {left.total()} without a readable label and time stay ({_list_reasons(left)})" if left else ""
    return f"{rows} of batch {batch} released, to be learned from the next update on{rest}."


def store(config: Config, state: State, action: str, rows: Sequence[dict[str, Any]], why: str) -> None:
    """Commit decisions as a generation of their own, so that a rollback takes them back, too."""
    who = find_user()
    generation = load_generation(state).succeed(Cause.QUARANTINE, who=who, why=why)
    draft = Draft(generation.number)
    decided = [{**row, "position": place, "action": action, "who": who, "why": why} for place, row in enumerate(rows)]
    draft.add(quarantine_decisions_table, decided)
    commit_generation(config, state, draft, generation)


def _list_reasons(counts: Counter[str]) -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in counts.most_common())
