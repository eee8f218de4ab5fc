"""How well columns are read as what they are: 2,000 made ones in the notations that people write them in.

    python benchmarks/cells.py [--columns 2000] [--seed 1] [--write docs/cells_benchmark.md]

Every column is read as that of a first batch would be, knowing nothing of how it was made. It is right if its role is
that of its kind and every cell has its value: the number or date to the last digit, gaps missing, equal truth values
equal. A wrong one is silent if no warning names it.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pointsman.common.cells.notation import PLAIN
from pointsman.common.config import SchemaConfig
from pointsman.common.reading import read_input
from pointsman.common.schema import Schema
from pointsman.common.task import Task
from pointsman.pipeline.collection.column import ColumnRole
from pointsman.pipeline.collection.column_evidence import decide_column

STATED = SchemaConfig(time="time", target="target")
GAPS = ("?", "-", "n/a", "#N/A", "NULL", ".", "NA", "", "--", "None")

Writer = Callable[[float], str]


def group(number: str, mark: str) -> str:
    """Return digits in groups of three."""
    return f"{int(number):,}".replace(",", mark)


def write_grouped(thousands: str, decimal: str, places: int = 2) -> Writer:
    """Return what writes numbers with marks."""

    def write(number: float) -> str:
        whole, _, rest = f"{abs(number):.{places}f}".partition(".")
        text = group(whole, thousands) if thousands else whole
        return ("-" if number < 0 else "") + text + (decimal + rest if places else "")

    return write


US, GERMAN, SWISS, FRENCH = (write_grouped(*marks) for marks in ((",", "."), (".", ","), ("'", "."), ("\u202f", ",")))
NUMBERS: dict[str, tuple[Writer, int]] = {
    "1234.5": (lambda number: repr(float(number)), 2),
    "1234,50": (write_grouped("", ","), 2),
    "1,234.50": (US, 2),
    "1.234,50": (GERMAN, 2),
    "1 234,50": (FRENCH, 2),
    "1'234.50": (SWISS, 2),
    "$1,234.50": (lambda number: ("-" if number < 0 else "") + "$" + US(abs(number)), 2),
    "1.234,50 €": (lambda number: GERMAN(number) + " €", 2),
    "CHF 1'234.50": (lambda number: "CHF " + SWISS(number), 2),
    "(1,234.50)": (lambda number: f"({US(-number)})" if number < 0 else US(number), 2),
    "1.234,50-": (lambda number: GERMAN(-number) + "-" if number < 0 else GERMAN(number), 2),
    "12,5 %": (lambda number: f"{number:.1f} %".replace(".", ","), 1),
}

DATES = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d-%m-%Y",
    "%Y/%m/%d",
    "%Y%m%d",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%d-%b-%y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%B %d, %Y",
    "%m/%d/%Y %I:%M %p",
    "%Y%m",
    "%d/%m/%Y %H:%M",
)

TRUTHS = (
    ("true", "false"),
    ("TRUE", "FALSE"),
    ("yes", "no"),
    ("Y", "N"),
    ("ja", "nein"),
    ("oui", "non"),
    ("sí", "no"),
    ("да", "нет"),
    ("sim", "não"),
    ("tak", "nie"),
    ("evet", "hayır"),
    ("1", "0"),
)

WORDS = """roof glass fire hail theft flood rear front parked driver claim water storm tree animal road
night""".split()  # noqa: SIM905


@dataclass(frozen=True, eq=False)
class MadeColumn:
    """A column as somebody would write it: what it is, its cells as text, and what they mean."""

    kind: str
    notation: str
    cells: pd.Series
    meant: pd.Series


def make_numbers(generator: np.random.Generator, rows: int, notation: str) -> MadeColumn:
    """Return amounts, some of them below 0."""
    write, places = NUMBERS[notation]
    numbers = np.round(generator.lognormal(generator.uniform(3, 8), generator.uniform(0.8, 2), rows), places)
    numbers = np.where(generator.random(rows) < 0.1, -numbers, numbers)
    return MadeColumn("number", notation, pd.Series([write(number) for number in numbers]), pd.Series(numbers))


def make_dates(generator: np.random.Generator, rows: int, notation: str) -> MadeColumn:
    """Return moments of some years up to 2024, in full seconds, cut to what the notation shows."""
    start = np.datetime64(f"{generator.integers(1975, 2021)}-01-01")
    days = int((np.datetime64("2024-06-30") - start).astype(int))
    moments = pd.Series(start + generator.integers(0, days * 86_400, rows).astype("timedelta64[s]"))
    texts = moments.dt.strftime(notation)
    meant = pd.to_datetime(texts, format=notation).where(lambda dates: dates <= pd.Timestamp("2034-12-31"))
    if "%y" in notation:
        meant = meant.fillna(pd.to_datetime(texts, format=notation) - pd.DateOffset(years=100))
    return MadeColumn("date", notation, texts, meant)


def make_truths(generator: np.random.Generator, rows: int, notation: str) -> MadeColumn:
    """Return yes and no."""
    words = dict(enumerate(notation.split("/")))
    chosen = generator.random(rows) < generator.uniform(0.1, 0.9)
    return MadeColumn("truth", notation, pd.Series([words[int(not one)] for one in chosen]), pd.Series(chosen))


def make_texts(generator: np.random.Generator, rows: int, notation: str) -> MadeColumn:
    """Return identifiers, codes, names and remarks; they mean what they are."""
    if notation == "text id":
        cells = [f"P-{number:07d}" for number in generator.permutation(10**6)[:rows]]
    elif notation == "code 0421":
        cells = [f"{number:04d}" for number in generator.choice(generator.permutation(3_000)[:25], rows)]
    elif notation == "code A12":
        cells = [f"{'ABCDEF'[number % 6]}{number:02d}" for number in generator.integers(0, 30, rows)]
    elif notation == "name":
        cells = list(generator.choice(WORDS[: generator.integers(3, len(WORDS))], rows))
    elif notation == "version 1.2.3":
        cells = [f"{one % 3}.{one % 7}.{one % 4}" for one in generator.integers(0, 50, rows)]
    else:
        cells = [" ".join(generator.choice(WORDS, generator.integers(4, 9))) for _ in range(rows)]
    return MadeColumn("text", notation, pd.Series(cells), pd.Series(cells))


TEXTS = ("text id", "code 0421", "code A12", "name", "version 1.2.3", "free text")
MAKERS = {
    "number": (make_numbers, tuple(NUMBERS)),
    "date": (make_dates, DATES),
    "truth": (make_truths, tuple(f"{yes}/{no}" for yes, no in TRUTHS)),
    "text": (make_texts, TEXTS),
}
SHARES = {"number": 0.4, "date": 0.3, "truth": 0.15, "text": 0.15}


def make_column(generator: np.random.Generator) -> MadeColumn:
    """Return a column of a random kind, length and notation, up to a fifth of whose cells are gaps of one spelling."""
    kind = str(generator.choice(list(SHARES), p=list(SHARES.values())))
    make, notations = MAKERS[kind]
    rows = int(np.exp(generator.uniform(np.log(50), np.log(5_000))))
    made = make(generator, rows, notations[generator.integers(len(notations))])
    if kind == "text" or generator.random() < 0.3:
        return made
    gaps = generator.random(rows) < generator.uniform(0, 0.2)
    return MadeColumn(
        made.kind, made.notation, made.cells.mask(gaps, GAPS[generator.integers(len(GAPS))]), made.meant.mask(gaps)
    )


def judge(made: MadeColumn) -> tuple[bool, bool]:
    """Return whether a column is read right, and whether a warning tells of it."""
    column = decide_column(made.cells, "cells", STATED)
    roles = {
        "number": (ColumnRole.NUMERIC,),
        "date": (ColumnRole.DATE,),
        "truth": (ColumnRole.CATEGORICAL, ColumnRole.NUMERIC),
        "text": (ColumnRole.CATEGORICAL, ColumnRole.UNUSED),
    }
    if column.role not in roles[made.kind]:
        return False, bool(column.warnings)
    notation = column.notation
    if made.kind == "date" and "%y" in (notation.date_format or ""):
        notation = type(notation)(**{**vars(notation), "latest_year": 2034})
    schema = Schema(
        "time",
        "target",
        Task.BINARY,
        missing_values=STATED.missing_values,
        numeric=("cells",) if column.role is ColumnRole.NUMERIC else (),
        dates=("cells",) if column.role is ColumnRole.DATE else (),
        categorical=("cells",) if column.role in (ColumnRole.CATEGORICAL, ColumnRole.UNUSED) else (),
        notations={} if notation == PLAIN else {"cells": notation},
    )
    read = read_input(made.cells, "cells", schema)
    return is_same(read, made), bool(column.warnings)


def is_same(read: pd.Series, made: MadeColumn) -> bool:
    """Return whether cells were read as they were meant."""
    if (read.isna() != made.meant.isna()).any() and made.kind != "text":
        return False
    known = made.meant.notna()
    if made.kind == "number":
        return np.allclose(read[known].astype(float), made.meant[known].astype(float), rtol=0, atol=1e-9)
    if made.kind == "date":
        return bool((read[known] == made.meant[known]).all())
    if made.kind == "truth":
        pairs = set(zip(read[known], made.meant[known], strict=True))
        return len(pairs) == made.meant[known].nunique() and len({one for one, _ in pairs}) == len(pairs)
    return bool((read == made.meant).all())


def run(columns: int, seed: int) -> pd.DataFrame:
    """Return a row for each made column: its kind, notation, length, and how it was read."""
    generator = np.random.default_rng(seed)
    rows = []
    for _ in range(columns):
        made = make_column(generator)
        right, warned = judge(made)
        rows.append((made.kind, made.notation, len(made.cells), right, warned, not right and not warned))
    return pd.DataFrame(rows, columns=["kind", "notation", "rows", "right", "warned", "silent"])


def describe(found: pd.DataFrame, command: str) -> str:
    """Return the table of what was measured."""
    lines = [
        "# How well columns are read",
        "",
        f"`{command}`, {date.today().isoformat()}. A column is right if its role and every cell are; a wrong one that "
        "no warning names is silent. Bounds: right at least 0.995, silent at most 0.001.",
        "",
        "| kind | columns | read right | wrong with a warning | wrong in silence |",
        "|---|---|---|---|---|",
    ]
    for kind, part in [*found.groupby("kind"), ("**all**", found)]:
        wrong = (~part["right"] & part["warned"]).mean()
        lines.append(
            f"| {kind} | {len(part)} | {part['right'].mean():.4f} | {wrong:.4f} | {part['silent'].mean():.4f} |"
        )
    missed = found[~found["right"]].groupby(["kind", "notation"]).size()
    lines += [
        "",
        "Not read right: " + (", ".join(f"{n} x {kind} {how}" for (kind, how), n in missed.items()) or "none") + ".",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print and, if asked to, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path)
    parsed = parser.parse_args()
    table = describe(
        run(parsed.columns, parsed.seed), f"python benchmarks/cells.py --columns {parsed.columns} --seed {parsed.seed}"
    )
    print(table)
    if parsed.write:
        parsed.write.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
