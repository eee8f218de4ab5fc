"""The form of a single row: a field for each input, with what the catalogue knows of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from pointsman.common.cells.notation import Notation
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.pipeline.quality.stored import profiles_table
from pointsman.pipeline.reporting.formats import format_share

FEW_LEVELS = 20
"""A column of so few levels is chosen from a list; in any other one a level is typed, with proposals."""
NOTABLE = 0.005
"""From this share on a field says how often its cell is missing."""
LOW, MIDDLE, HIGH = 1, 5, 9
"""Deciles between which four of five values lie, and the one in their middle."""
EPOCH = datetime(1970, 1, 1)
SECONDS_A_DAY = 86_400
AS_NUMBERS = {
    "epoch_s": (EPOCH, timedelta(seconds=1)),
    "epoch_ms": (EPOCH, timedelta(milliseconds=1)),
    "excel": (datetime(1899, 12, 30), timedelta(days=1)),
}
"""Notations of dates that are numbers: when they begin, and what they count."""


@dataclass(frozen=True)
class Field:
    """An input of the form.

    kind:    'number', 'level' or 'date'
    usual:   a usual cell as it is typed, with which the form begins; '' where none is known
    hint:    what cells usually are, in words
    levels:  the most frequent levels
    is_list: whether ``levels`` are all that were met, so that one of them is chosen
    """

    name: str
    kind: str
    usual: str = ""
    hint: str = ""
    levels: tuple[str, ...] = ()
    is_list: bool = False


class FormMaker:
    """Makes the form of a generation, once."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._made: tuple[int, tuple[Field, ...]] = (0, ())

    def make(self, generation: int, schema: Schema) -> tuple[Field, ...]:
        """Return a field for each input, in the schema's order, by the profile of the newest batch that has one."""
        if self._made[0] != generation:
            self._made = generation, make_fields(schema, load_profile(self._state))
        return self._made[1]


def load_profile(state: State) -> dict[str, Mapping[str, object]]:
    """Return by column the row of the newest batch in the table of profiles, its statistics among it."""
    newest = sa.select(sa.func.max(profiles_table.c.batch)).scalar_subquery()
    rows = read_rows(state.engine, sa.select(profiles_table).where(profiles_table.c.batch == newest))
    return {row["column"]: {**row, **row["stats"]} for row in rows}


def make_fields(schema: Schema, profile: Mapping[str, Mapping[str, object]]) -> tuple[Field, ...]:
    """Return a field for each input of a schema."""
    fields = [_make_number(name, profile.get(name, {}), schema.notation(name)) for name in schema.numeric]
    fields += [_make_level(name, profile.get(name, {})) for name in schema.categorical]
    fields += [_make_date(name, profile.get(name, {}), schema.notation(name)) for name in schema.dates]
    return tuple(fields)


def write_number(number: float, notation: Notation) -> str:
    """Return a number as the stream writes it, without marks of thousands.

    >>> write_number(2.5, Notation(decimal=",")), write_number(12.0, Notation(percent=True))
    ('2,5', '12%')
    """
    if notation.words and number in (0, 1):
        return notation.words[int(number)]
    text = f"{number:.10g}".replace(".", notation.decimal)
    return f"{text}%" if notation.percent else text


def write_date(days: float, notation: Notation, has_time: bool = False) -> str:
    """Return a moment, given in days since 1970-01-01, as the stream writes it; ``has_time`` whether others have one.

    >>> write_date(15_000, Notation()), write_date(15_000, Notation(date_format="%d/%m/%Y"))
    ('2011-01-26', '26/01/2011')
    >>> write_date(15_000.25, Notation(), True), write_date(15_000, Notation(), True)
    ('2011-01-26 06:00:00', '2011-01-26 00:00:00')
    >>> [write_date(15_000, Notation(date_format=name)) for name in ("epoch_s", "epoch_ms", "excel", "iso_week")]
    ['1296000000', '1296000000000', '40569', '2011-W04']
    """
    moment = EPOCH + timedelta(seconds=round(days * SECONDS_A_DAY))  # a fraction of a day is no whole second
    notated = notation.date_format or ""
    if "%" in notated:
        return moment.strftime(notated)
    if notated in AS_NUMBERS:
        begin, unit = AS_NUMBERS[notated]
        return f"{(moment - begin) / unit:.10g}" if notated == "excel" else f"{round((moment - begin) / unit)}"
    if notated == "iso_week":
        return moment.strftime("%G-W%V")
    return moment.isoformat(sep=" ", timespec="seconds") if has_time else moment.date().isoformat()


def _make_number(name: str, known: Mapping[str, object], notation: Notation) -> Field:
    deciles = _read_deciles(known)
    if not deciles:
        return Field(name, "number")
    low, high = (write_number(float(f"{deciles[place]:.4g}"), notation) for place in (LOW, HIGH))
    hint = f"usually {low}" if low == high else f"usually {low} to {high}"
    return Field(name, "number", write_number(deciles[MIDDLE], notation), _add_missing(hint, known))


def _make_date(name: str, known: Mapping[str, object], notation: Notation) -> Field:
    deciles = _read_deciles(known)
    if not deciles:
        return Field(name, "date")
    has_time = not all(one.is_integer() for one in deciles)
    low, usual, high = (write_date(deciles[place], notation, has_time) for place in (LOW, MIDDLE, HIGH))
    return Field(name, "date", usual, _add_missing(f"usually {low} to {high}", known))


def _make_level(name: str, known: Mapping[str, object]) -> Field:
    top = known.get("top")
    if not isinstance(top, Sequence) or not top:
        return Field(name, "level")
    levels, rest, distinct = tuple(level for level, _ in top), known["rest_share"] or 0.0, known["distinct"]
    is_list = not rest and len(levels) <= FEW_LEVELS
    many = "" if is_list else f", one of {distinct} levels"
    hint = _add_missing(f"most often {levels[0]} ({format_share(top[0][1], 0)}){many}", known)
    return Field(name, "level", levels[0], hint, levels, is_list)


def _read_deciles(known: Mapping[str, object]) -> list[float]:
    deciles = known.get("quantiles")
    if not isinstance(deciles, Sequence) or len(deciles) <= HIGH or not all(map(math.isfinite, deciles)):
        return []
    return [float(one) for one in deciles]


def _add_missing(hint: str, known: Mapping[str, object]) -> str:
    share = known["missing_share"]
    assert isinstance(share, float)
    return f"{hint}; {format_share(share, 0)} missing" if share >= NOTABLE else hint
