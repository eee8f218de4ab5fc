"""A document as a file of a word processor (.docx), written by python-docx."""

import io
import re

from pointsman.pipeline.reporting.documentation.document import Bullets, Document, Table

UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What no XML may hold."""


def render_word(document: Document) -> bytes:
    """Return a document as the bytes of a .docx file."""
    import docx

    written = docx.Document()
    written.core_properties.title, written.core_properties.author = _clean(document.title), "Pointsman"
    written.add_heading(_clean(document.title), 0)
    for chapter in document.chapters:
        written.add_heading(_clean(chapter.heading), 1)
        for block in chapter.blocks:
            if isinstance(block, Bullets):
                for item in block.items:
                    written.add_paragraph(_clean(item), style="List Bullet")
            elif isinstance(block, Table):
                written.add_paragraph(_clean(block.caption), style="Caption")
                table = written.add_table(0, len(block.header), style="Light Grid Accent 1")
                for row in (block.header, *block.rows):
                    for cell, text in zip(table.add_row().cells, row, strict=True):
                        cell.text = _clean(text)
            else:
                written.add_paragraph(_clean(block.text))
    file = io.BytesIO()
    written.save(file)
    return file.getvalue()


def _clean(text: str) -> str:
    return UNWRITABLE.sub("\ufffd", text)
