"""Tables of text for people: what commands print."""

from collections.abc import Sequence


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


def _align(column: Sequence[str]) -> list[str]:
    width = max(map(len, column))
    is_number = any(column[1:]) and all(_is_number(cell) for cell in column[1:] if cell)
    return [cell.rjust(width) if is_number else cell.ljust(width) for cell in column]


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").lstrip("+-").rstrip("%").isdecimal()
