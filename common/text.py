"""Text from people and for people: numbers they name, and tables that commands print."""

import unicodedata
from collections.abc import Sequence

MOST_DIGITS = 18
"""The most digits of a number that a user may name: every database has room for it."""
MOST_SHOWN = 60


def read_number(text: str) -> int | None:
    """Return the whole number, from 0, that a text names; None where it is not one, or is too large for anything here.

    >>> read_number("12"), read_number("-1"), read_number("1e3"), read_number("9" * 19)
    (12, None, None, None)
    """
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None


def is_text(word: str) -> bool:
    """Return whether a word of the command line is text, and not bytes that the terminal's encoding does not know.

    >>> is_text("señal"), is_text("se\\udcf1al")
    (True, False)
    """
    return word.encode(errors="ignore").decode() == word


def show_line(text: str) -> str:
    r"""Return a text as one line: what ends a line, or moves the cursor of a terminal, is written out.

    >>> show_line("a\nb\x1b[2K"), show_line("señal\u2028")
    ('a\\nb\\x1b[2K', 'señal\\u2028')
    """
    if text.isprintable():
        return text
    return "".join(letter if not _ends_line(letter) else repr(letter)[1:-1] for letter in text)


def as_text(name: str) -> str:
    r"""Return the name of a file as it can be kept and shown: bytes in it that are no text are written out.

    >>> as_text("se\udcf1al.csv"), as_text("señal.csv")
    ('se\\udcf1al.csv', 'señal.csv')
    """
    return name.encode(errors="backslashreplace").decode()


def shorten(text: str) -> str:
    """Return a text as a message shows it.

    >>> len(shorten("9" * 100))
    60
    """
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 3]}..."


def count(number: int, noun: str, several: str = "") -> str:
    """Return a number with its noun; the plural has an s unless ``several`` states it.

    >>> count(1, "batch", "batches"), count(2, "batch", "batches"), count(12345, "row")
    ('1 batch', '2 batches', '12345 rows')
    """
    return f"{number} {noun if number == 1 else several or f'{noun}s'}"


def name_runs(numbers: Sequence[int]) -> str:
    """Return ascending numbers in brackets with a blank before, those that follow each other as one; '' for none.

    >>> name_runs([1, 2, 3, 5]), name_runs([])
    (' (1 to 3, 5)', '')
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    named = ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in runs)
    return f" ({named})" if named else ""


def lay_out(lines: Sequence[Sequence[str]], ruled: bool = False) -> str:
    """Return lines of cells, the first of them the header, as a table of text; columns of numbers stand to the right.

    A ``ruled`` table has a line below its header.

    >>> print(lay_out([("batch", "reason"), ("7", "target missing")]))
    batch  reason
        7  target missing
    """
    columns = list(zip(*lines, strict=True))
    laid = ["  ".join(cells).rstrip() for cells in zip(*map(_align, columns), strict=True)]
    rule = ["  ".join("-" * max(map(len, column)) for column in columns)] if ruled else []
    return "\n".join([laid[0], *rule, *laid[1:]])


def _ends_line(letter: str) -> bool:
    """Return whether a letter is a control or a separator of lines (Unicode's Cc, Zl and Zp); tabs are let through."""
    return unicodedata.category(letter) in ("Cc", "Zl", "Zp") and letter != "\t"


def _align(column: Sequence[str]) -> list[str]:
    width = max(map(len, column))
    is_number = any(column[1:]) and all(_is_number(cell) for cell in column[1:] if cell)
    return [cell.rjust(width) if is_number else cell.ljust(width) for cell in column]


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").lstrip("+-").rstrip("%").isdecimal()
