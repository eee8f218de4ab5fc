"""Words of a model's documentation: counts as its tables write them, captions, and what a loss is counted in."""

from pointsman.common.schema import Schema
from pointsman.pipeline.reporting.sections.versions import VersionFigures

MOST_BATCHES = 24
"""Rows of tables of batches, the newest; what is left out is told."""


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun, written as in the tables and in what model cards say.

    >>> count(1, "batch", "batches"), count(2985, "row")
    ('1 batch', '2,985 rows')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def name_accepted(accepted: int, came: int) -> str:
    """Return how many of the batches that came were accepted.

    >>> name_accepted(1, 1), name_accepted(5, 5), name_accepted(1, 2), name_accepted(0, 1)
    ('it was accepted', 'all were accepted', '1 batch was accepted', 'none was accepted')
    """
    if accepted == 0:
        return "none was accepted"
    if accepted == came:
        return "it was accepted" if came == 1 else "all were accepted"
    return f"{count(accepted, 'batch', 'batches')} {'was' if accepted == 1 else 'were'} accepted"


def name_row_loss(schema: Schema | None) -> str:
    """Return what a row's loss is where it is not brought to the target's own unit: differences of squares are squares.

    >>> name_row_loss(None)
    'log-loss a row'
    """
    if schema is None or schema.task.is_classification:
        return "log-loss a row"
    return f"squared error a row, in {schema.target} squared"


def name_span(version: VersionFigures) -> str:
    """Return the batches that a version learned."""
    first, last = version.first_batch, version.last_batch
    return f"batch {first}" if first == last else f"batches {first} to {last}"


def name_part(what: str, there: int, shown: int) -> str:
    """Return a caption that says how many rows are left out.

    >>> name_part("Batches", 3, 24), name_part("Batches", 30, 24)
    ('Batches', 'Batches (the newest 24 of 30)')
    """
    return what if there <= shown else f"{what} (the newest {shown} of {there})"
