"""Association rules: what goes with what in the stream, and whether batches kept to it."""

from dataclasses import dataclass
from typing import Any

from pointsman.pipeline.quality.tables import associations_table
from pointsman.pipeline.reporting.history import History, list_rows, read_record
from pointsman.pipeline.reporting.section import Section


@dataclass(frozen=True)
class RuleFigures:
    """A rule that was mined on the newest training window; ``batches`` are those of the window that it applied to."""

    antecedents: str
    consequents: str
    support: float
    confidence: float
    lift: float
    batches: int
    lowest: float | None


def list_rules(history: History) -> tuple[RuleFigures, ...]:
    """Return the rules that were mined last, strongest first."""
    mined = history.read(associations_table)
    newest = mined[mined["batch"] == mined["batch"].max()]
    return tuple(
        read_record(
            RuleFigures,
            row,
            antecedents=_describe(row["antecedents"]),
            consequents=_describe(row["consequents"]),
            batches=len(row["past"]),
            lowest=min((float(one["share"]) for one in row["past"]), default=None),
        )
        for row in list_rows(newest.sort_values("position"))
    )


def _describe(items: list[dict[str, Any]]) -> str:
    """Return items in words.

    >>> _describe([{"column": "make", "level": "TOYOTA", "low": None, "high": None},
    ...            {"column": "seats", "level": None, "low": 4.0, "high": 8.0}])
    'make is TOYOTA and seats from 4 to below 8'
    """
    return " and ".join(_describe_item(**item) for item in items)


def _describe_item(column: str, level: str | None, low: float | None, high: float | None) -> str:
    if level is not None:
        return f"{column} is {level}"
    if low is None and high is None:
        return f"{column} is missing"
    if low is None:
        return f"{column} below {high:g}"
    return f"{column} from {low:g} on" if high is None else f"{column} from {low:g} to below {high:g}"


SECTION = Section("associations", reads=(associations_table,), figures={"associations": list_rules})
