"""A document as Markdown."""

from collections.abc import Iterator, Sequence

from pointsman.pipeline.reporting.documentation.document import Block, Bullets, Document, Table

SPECIAL = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|#"})
"""Marks that would be read as more than text."""


def render_markdown(document: Document) -> str:
    """Return a document as Markdown; whatever names and cells hold is text.

    >>> from pointsman.pipeline.reporting.documentation.document import Chapter, Paragraph
    >>> print(render_markdown(Document("A", (Chapter("B", (Paragraph("a_b <c>"),)),))), end="")
    # A
    <BLANKLINE>
    ## B
    <BLANKLINE>
    a\\_b \\<c\\>
    """
    parts = [f"# {escape(document.title)}"]
    for chapter in document.chapters:
        parts += [f"## {escape(chapter.heading)}", *("\n".join(_write(block)) for block in chapter.blocks)]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Return a text on one line, in which no mark is read as more than itself."""
    return " ".join(text.split()).translate(SPECIAL)


def _write(block: Block) -> Iterator[str]:
    if isinstance(block, Bullets):
        yield from (f"- {escape(item)}" for item in block.items)
    elif isinstance(block, Table):
        yield f"{escape(block.caption)}:"
        yield ""
        yield _write_row([escape(cell) for cell in block.header])
        yield _write_row(["---"] * len(block.header))
        yield from map(_write_row, [[escape(cell) for cell in row] for row in block.rows])
    else:
        yield escape(block.text)


def _write_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
