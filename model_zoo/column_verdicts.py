"""Verdicts on whole columns of a request: what is usual there, what is drift and what is damage.

Most cells of a column may be of a kind that training never saw: numbers out of range, or new levels; or all of them
from one row on, as where a month ends in the middle of a request. A new season, a new product or a trend does that, and
models must see it (drift: its cells are not flagged). So does a broken feed, whose cells tell nothing (damage: every
such cell is flagged). A column is damaged where

- its numbers are more than twice as large as any usual one: drift moves on from where it was, and a season comes back
  to small numbers, while wrong units, codes for missing cells and garbage are of another size;
- most of its cells with new levels hold one that no other cell holds: a season fills a column with few levels;
- another column, which had nothing in common with it before, holds the very same number or level about as often;
- more columns have changed at once than seasons move.

Everything else that changes as a whole is drift. It is decided once a request, on the rows that a choice looks at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pointsman.common.text import shorten
from pointsman.model_zoo.cells import Cells, Levels
from pointsman.model_zoo.reference import InputReference, LevelReference, NumericReference
from pointsman.model_zoo.unusual import FAR_MORE, UNLIKELY, bound_chance, find_unseen, is_usual, look_at_numbers

CHANGED_SHARE = 0.6
"""A column in which surely more of the filled cells are out of range or new has changed as a whole."""

MIN_DRIFT_ROWS = 30
"""With fewer filled cells a drift cannot be told from errors, and cells are judged one by one."""

BLOCK_SHARE = 0.9
"""A column has also changed, from a row on, if new cells are this share of all between the first and the last of them.

Damage to single cells is scattered: what fills rows without a gap follows time, or whatever the rows are sorted by."""

GROWN = 2.0
"""A changed column is damaged if its typical new number is more than this many times the farthest end of the range.

A range ends half a width beyond nearly all training cells (``reference.SLACK``), so a counter gets there only after
three times as many batches as were learned. Units 100 times too small make it 2.2 to 100 times, codes and garbage more.
How many range widths a number lies outside does not tell: in windows of one batch of real streams, months that begin
again at 1 lay 1.8 widths outside, and an interest rate in a crisis 2.8."""

REPEATED = 0.5
"""Share of cells with new levels that must recur, so that levels fill a column.

Also the share of them, and of those of another column, that must hold one level or number to be filled with it."""

SEASON_COLUMNS, SEASON_SHARE = 2, 1 / 3
"""A season may move this many columns (a month and its quarter), or this share of them, whichever is more."""

MOST_TOLD, MOST_TIMES = 3, 1_000


@dataclass(frozen=True)
class ColumnChange:
    """A column that has changed as a whole.

    ``held`` says what its cells do ("holds a level never seen ('Feb')"), ``share`` in which share of the filled ones,
    ``why`` what the verdict rests on.
    """

    column: str
    share: float
    held: str
    why: str
    is_damage: bool = False

    def describe(self) -> str:
        """Return verdict and ground in words."""
        found = f"'{self.column}' {self.held} in {self.share:.0%} of its filled cells"
        if self.is_damage:
            meant = "guarded models take these cells as missing, and their rows are anomalous"
            return f"{found}: taken for damage, since {self.why}; {meant}"
        return f"{found}: taken for drift, since {self.why}; its cells are read as they are"


@dataclass(frozen=True, eq=False)
class ColumnVerdict:
    """What was decided on the columns of a request, each (n_features,) bool in the reference's order.

    ``gaps_usual`` are columns whose missing cells are expected, ``news_usual`` those whose new levels or numbers out of
    range are not flagged: drift, and levels that are new as often as usual. ``changes`` are the columns that have
    changed as a whole.
    """

    gaps_usual: np.ndarray
    news_usual: np.ndarray
    changes: tuple[ColumnChange, ...] = ()

    @property
    def drifting(self) -> tuple[str, ...]:
        """Columns whose change is drift."""
        return tuple(change.column for change in self.changes if not change.is_damage)

    @property
    def damaged(self) -> tuple[str, ...]:
        """Columns whose change is damage."""
        return tuple(change.column for change in self.changes if change.is_damage)

    def describe(self) -> list[str]:
        """Return the messages about whole columns: a sentence each, the damaged ones first, at most four."""
        ordered = sorted(self.changes, key=lambda change: not change.is_damage)
        told = [change.describe() for change in ordered[:MOST_TOLD]]
        if more := ordered[MOST_TOLD:]:
            named = ", ".join(f"'{change.column}' ({'damage' if change.is_damage else 'drift'})" for change in more)
            told.append(f"{len(more)} more columns have changed as a whole: {shorten(named)}")
        return told


@dataclass(frozen=True)
class _Filled:
    """A column and what most of its new cells hold, in how many of them.

    ``normal`` says what the column had in common with others before.
    """

    column: str
    filler: float | str
    count: int
    normal: NumericReference | LevelReference

    def is_like(self, other: "_Filled") -> bool:
        """Return whether another column, which had nothing in common with it before, holds the same about as often."""
        if self.column == other.column or self.filler != other.filler or other.count <= REPEATED * self.count:
            return False
        if isinstance(self.normal, LevelReference):
            return isinstance(other.normal, LevelReference) and self.normal.levels.isdisjoint(other.normal.levels)
        return isinstance(other.normal, NumericReference) and (
            (self.normal.low, self.normal.high) != (other.normal.low, other.normal.high)
        )


def judge_columns(cells: Cells, reference: InputReference) -> ColumnVerdict:
    """Decide on the columns of (n_rows, n_features) rows."""
    if len(cells) <= 1:  # the chance of one hit in one row is its share, see ``is_usual``
        return ColumnVerdict(
            FAR_MORE * reference.missing_shares >= UNLIKELY, FAR_MORE * reference.new_shares >= UNLIKELY
        )
    known, outside = look_at_numbers(cells, reference)
    columns = {name: cells.read_levels(name) for name in reference.categorical}
    filled = np.array([*known.sum(axis=0), *(np.count_nonzero(column.codes >= 0) for column in columns.values())])
    gaps_usual = is_usual(len(cells) - filled, len(cells), reference.missing_shares)
    # With so few rows no column can have changed, and where no level is usually new nothing new is usual either.
    if len(cells) < MIN_DRIFT_ROWS and not reference.new_shares.any():
        return ColumnVerdict(gaps_usual, np.zeros(len(filled), dtype=bool))
    unseen = {name: find_unseen(column, reference.categorical[name]) for name, column in columns.items()}
    counts = (0 if hit is None else np.count_nonzero(hit) for hit in unseen.values())
    new = np.array([*outside.sum(axis=0), *counts])
    news_usual = is_usual(new, filled, reference.new_shares)
    as_a_whole = (filled >= MIN_DRIFT_ROWS) & (bound_chance(new, filled, CHANGED_SHARE) < UNLIKELY)
    # A change in the middle of a request may stay below that share; it shows as a block of rows without a gap.
    hits = [*outside.T, *unseen.values()]
    there = [*known.T, *(column.codes >= 0 for column in columns.values())]
    from_a_row_on = [
        count >= MIN_DRIFT_ROWS and is_block(hit, cells_there)
        for count, hit, cells_there in zip(new, hits, there, strict=True)
    ]
    # A column of ids is full of new levels in every batch, which is no change.
    has_changed = (as_a_whole | np.array(from_a_row_on, dtype=bool)) & ~news_usual
    if not has_changed.any():
        return ColumnVerdict(gaps_usual, news_usual)
    shares = {reference.names[place]: new[place] / filled[place] for place in np.flatnonzero(has_changed)}
    numbers = cells.read_numbers(reference.numeric_names)
    strays = {
        name: numbers[outside[:, place], place] for place, name in enumerate(reference.numeric_names) if name in shares
    }
    news = {name: columns[name].take(hit) for name, hit in unseen.items() if hit is not None and hit.any()}
    changes = _judge_changes(shares, strays, news, reference)
    drifting = {change.column for change in changes if not change.is_damage}
    return ColumnVerdict(
        gaps_usual, news_usual | np.array([name in drifting for name in reference.names]), tuple(changes)
    )


def is_block(new: np.ndarray | None, there: np.ndarray) -> bool:
    """Return whether new cells (n_rows,) bool are nearly all that are ``there`` from the first to the last of them.

    >>> there = np.ones(6, dtype=bool)
    >>> is_block(np.array([0, 0, 0, 1, 1, 1], dtype=bool), there), is_block(np.array([1, 0, 0, 1, 0, 1]) > 0, there)
    (True, False)
    """
    if new is None or not new.any():
        return False
    found = np.flatnonzero(new)
    between = np.count_nonzero(there[found[0] : found[-1] + 1])
    return bool(len(found) >= BLOCK_SHARE * between)


def _judge_changes(
    shares: Mapping[str, float], strays: Mapping[str, np.ndarray], news: Mapping[str, Levels], reference: InputReference
) -> list[ColumnChange]:
    """Judge changed columns, named by ``shares``, by themselves and then beside each other.

    ``strays`` are the numbers out of range of those that are numeric; ``news`` the cells with new levels of every
    column that has any, since levels that fill a changed column may stand in others too.
    """
    changes = [
        _judge_numbers(name, strays[name], reference.numeric[name], share)
        if name in strays
        else _judge_levels(name, news[name], share)
        for name, share in shares.items()
    ]
    return _judge_together(changes, _find_fillers(strays, news, reference), len(reference.names))


def _judge_numbers(name: str, strays: np.ndarray, normal: NumericReference, share: float) -> ColumnChange:
    """Judge a changed column by how large its numbers out of range (n_strays,) typically are."""
    with np.errstate(over="ignore"):  # two middle numbers may add up to more than a number holds
        grown = float(np.median(np.abs(strays))) / max(abs(normal.low), abs(normal.high))
    held = f"lies outside its usual range ({normal.low:.3g} to {normal.high:.3g})"
    if grown <= GROWN:
        typical = f"a typical one of them ({float(np.median(strays)):.3g}) is of a size that drift reaches"
        return ColumnChange(name, share, held, typical)
    times = f"{grown:.1f} times" if grown < MOST_TIMES else f"more than {MOST_TIMES} times"
    return ColumnChange(
        name, share, held, f"a typical one of them is {times} as large as any usual number", is_damage=True
    )


def _judge_levels(name: str, news: Levels, share: float) -> ColumnChange:
    """Judge a changed column by how often cells with new levels (n_news,) share their level with others."""
    counts = np.bincount(news.codes, minlength=len(news.known))
    single = float((counts == 1).sum() / len(news.codes))
    common = [str(news.known[code]) for code in np.argsort(-counts, kind="stable")[:2]]
    n_levels = int((counts > 0).sum())
    held = (
        f"holds a level never seen ('{shorten(common[0])}')"
        if n_levels == 1
        else f"holds {n_levels} levels never seen ('{shorten(common[0])}', '{shorten(common[1])}'"
        f"{', ...' if n_levels > 2 else ''})"
    )
    if single > 1 - REPEATED:
        return ColumnChange(
            name, share, held, f"{single:.0%} of them hold a level that no other cell holds", is_damage=True
        )
    return ColumnChange(name, share, held, "few new levels fill it, as those of a new season or product do")


def _judge_together(changes: Sequence[ColumnChange], fillers: Sequence[_Filled], n_columns: int) -> list[ColumnChange]:
    """Return the changes with those that are drift by themselves judged beside the other columns."""
    own = {filled.column: filled for filled in fillers}
    most = max(SEASON_COLUMNS, SEASON_SHARE * n_columns)
    judged = []
    for change in changes:
        filled = own.get(change.column)
        twin = next((other.column for other in fillers if filled and filled.is_like(other)), None)
        if not change.is_damage and twin is not None:
            change = replace(change, why=f"'{twin}' holds the same", is_damage=True)
        elif not change.is_damage and len(changes) > most:
            why = f"{len(changes)} of {n_columns} columns have changed at once, more than a season moves"
            change = replace(change, why=why, is_damage=True)
        judged.append(change)
    return judged


def _find_fillers(
    strays: Mapping[str, np.ndarray], news: Mapping[str, Levels], reference: InputReference
) -> list[_Filled]:
    """Return the columns whose numbers out of range, or cells with new levels, mostly hold one and the same."""
    found = []
    for name, numbers in strays.items():
        held, counts = np.unique(numbers, return_counts=True)
        if (most := int(counts.max())) > REPEATED * len(numbers):
            found.append(_Filled(name, float(held[counts.argmax()]), most, reference.numeric[name]))
    for name, column in news.items():
        counts = np.bincount(column.codes)
        if (most := int(counts.max())) > REPEATED * len(column.codes):
            found.append(_Filled(name, column.known[int(counts.argmax())], most, reference.categorical[name]))
    return found
