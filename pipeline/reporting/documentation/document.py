"""A document as blocks, which know nothing of how they are written: Markdown, or a file of a word processor."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of sentences."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """Sentences, each on its own."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table under its caption; every row has as many cells as the header."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Paragraph | Bullets | Table


@dataclass(frozen=True)
class Chapter:
    """A chapter: its heading and what stands under it."""

    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A document: its title and its chapters, in reading order."""

    title: str
    chapters: tuple[Chapter, ...]


def make_table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]], without: str) -> Block:
    """Return a table, or the sentence that says why there is none."""
    return Table(caption, tuple(header), tuple(map(tuple, rows))) if rows else Paragraph(without)
