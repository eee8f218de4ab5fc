"""Numbers, shares, dates and sizes as people read them; a missing one is a dash."""

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

MISSING = "–"
AS_IT_COMES = "literal"
"""The setting that says that a model is used as its library sets it."""
NO_BREAK = "\u00a0"


def format_number(number: float | None, digits: int = 4) -> str:
    r"""Return a number with ``digits`` significant digits; thousands are set apart by thin spaces from five digits on.

    >>> [format_number(x) for x in (0.25, 12.0, 2006.3, 123456.789, -0.00001234, None)]
    ['0.2500', '12', '2006', '123\u202f457', '−1.234e-05', '–']
    """
    if number is None or not math.isfinite(number):
        return MISSING
    if float(number).is_integer() and abs(number) < 1e15:
        text = f"{int(number):,}"
    elif abs(number) >= 10 ** (digits - 1):
        text = f"{number:,.0f}"
    else:
        text = f"{number:#.{digits}g}"
    text = text.replace(",", "" if abs(number) < 10_000 else "\u202f")
    return text.replace("-", "−", 1) if text.startswith("-") else text


def format_decimal(number: float | None, decimals: int = 1) -> str:
    """Return a number with a fixed number of decimals.

    >>> format_decimal(9.04), format_decimal(None)
    ('9.0', '–')
    """
    return MISSING if number is None or not math.isfinite(number) else f"{number:.{decimals}f}"


def format_share(share: float | None, digits: int = 1) -> str:
    r"""Return a share as a percentage; what is not all does not read as 100 %, what is not nothing not as 0 %.

    >>> format_share(0.0934), format_share(1.0), format_share(0.99999), format_share(0.00001)
    ('9.3\xa0%', '100\xa0%', '>\xa099.9\xa0%', '<\xa00.1\xa0%')
    """
    if share is None or not math.isfinite(share):
        return MISSING
    least = 10.0**-digits
    percent = 100 * share
    if share in (0, 1):
        text = f"{percent:.0f} %"
    elif 0 < percent < least / 2:
        text = f"< {least:.{digits}f} %"
    elif 100 - least / 2 < percent < 100:
        text = f"> {100 - least:.{digits}f} %"
    else:
        text = f"{percent:.{digits}f} %".replace("-", "−")
    return text.replace(" ", NO_BREAK)


def format_weights(weights: Mapping[str, float]) -> str:
    r"""Return an ensemble's members and their weights.

    >>> format_weights({"knn-0002": 0.75, "tree-0001": 0.25})
    'knn-0002 75\xa0%, tree-0001 25\xa0%'
    """
    return ", ".join(f"{name} {format_share(share, 0)}" for name, share in weights.items())


def format_change(share: float | None) -> str:
    r"""Return a relative change with its sign.

    >>> format_change(-0.0621), format_change(0.2)
    ('−6.2\xa0%', '+20.0\xa0%')
    """
    if share is None or not math.isfinite(share):
        return MISSING
    return f"{100 * share:+.1f}{NO_BREAK}%".replace("-", "−")


def format_signed(number: float | None) -> str:
    """Return a number with its sign and one decimal.

    >>> format_signed(-6.21), format_signed(20.0), format_signed(None)
    ('−6.2', '+20.0', '–')
    """
    return MISSING if number is None or not math.isfinite(number) else f"{number:+.1f}".replace("-", "−")


def format_date(moment: str | date | None) -> str:
    """Return a day, with its time where it has one other than midnight.

    >>> format_date("2014-05-31T00:00:00"), format_date("2014-05-31T13:30:00"), format_date(None)
    ('31 May 2014', '31 May 2014 13:30', '–')
    """
    if moment is None:
        return MISSING
    read = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    day = f"{read.day} {MONTHS[read.month - 1]} {read.year}"
    if isinstance(read, datetime) and (read.hour or read.minute):
        return f"{day} {read:%H:%M}"
    return day


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""Spelled here, since strftime follows the machine's language."""


def format_seconds(seconds: float | None) -> str:
    """Return a duration.

    >>> [format_seconds(x) for x in (0.0042, 3.21, 95.0, 7300.0)]
    ['4 ms', '3.2 s', '1 min 35 s', '2 h 1 min']
    """
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def format_bytes(size: float | None) -> str:
    """Return a size in decimal units.

    >>> format_bytes(950), format_bytes(48_200), format_bytes(3_400_000)
    ('950 B', '48 kB', '3.4 MB')
    """
    if size is None:
        return MISSING
    if size < 1000:
        return f"{size:.0f} B"
    return f"{size / 1000:.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def format_params(params: Mapping[str, Any]) -> str:
    """Return settings in one line, in the order of their names.

    >>> format_params({"max_rows": 20000, "learning_rate": 0.0437829, "balance": 0.5})
    'balance 0.5, learning_rate 0.04378, max_rows 20000'
    >>> format_params({"rounds": 100, "literal": True, "calibrate": False}), format_params({})
    ("calibrate no, rounds 100; as the library's defaults are", 'none to set')
    """
    shown = []
    for name, setting in sorted(params.items()):
        if isinstance(setting, bool):
            setting = "yes" if setting else "no"
        if name != AS_IT_COMES:
            shown.append(f"{name} {f'{setting:.4g}' if isinstance(setting, float) else setting}")
    told = ", ".join(shown) or "none to set"
    return f"{told}; as the library's defaults are" if params.get(AS_IT_COMES) else told


def describe_move(role: str, detail: Mapping[str, Any]) -> str:
    r"""Return in words which way a column moved: what is most telling first.

    >>> lost = {"missing_before": 0.25, "missing_after": 1.0, "moved": "missing",
    ...     "moved_before": 0.25, "moved_after": 1.0}
    >>> describe_move("numeric", {**lost, "mean_before": 9.0, "mean_after": None, "new_levels": [], "new_share": 0.0})
    'missing 25.0\xa0% → 100\xa0%'
    """
    parts = []
    if abs(detail["missing_after"] - detail["missing_before"]) >= 0.01:
        parts.append(f"missing {format_share(detail['missing_before'])} → {format_share(detail['missing_after'])}")
    if detail["new_share"] >= 0.005:
        levels = ", ".join(level for level, _share in detail["new_levels"][:3])
        parts.append(f"{format_share(detail['new_share'])} of the rows have levels never seen before ({levels}, …)")
    before, after = detail["mean_before"], detail["mean_after"]
    if before is not None and after is not None:
        change = f" ({format_change(after / before - 1)})" if before else ""
        unit = "mean days after the row's time" if role == "date" else "mean"
        parts.append(f"{unit} {format_number(before)} → {format_number(after)}{change}")
    if detail["moved"] not in ("missing", "unseen levels"):
        shares = f"{format_share(detail['moved_before'])} → {format_share(detail['moved_after'])}"
        parts.append(f"share of '{detail['moved']}' {shares}")
    return "; ".join(parts)


def format_count(count: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun.

    >>> format_count(1, "batch", "batches"), format_count(2500, "row")
    ('1 batch', '2500 rows')
    """
    return f"{format_number(count)} {noun if count == 1 else plural or noun + 's'}"


def join_words(words: list[str], most: int = 4) -> str:
    """Return words as a list in a sentence, the last ones counted where there are many.

    >>> join_words(["a"]), join_words(["a", "b", "c"]), join_words(["a", "b", "c", "d"], 2)
    ('a', 'a, b and c', 'a, b and 2 more')
    """
    if len(words) > most:
        words = [*words[:most], f"{len(words) - most} more"]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "none"


def begin_sentence(text: str) -> str:
    """Return a text that begins with a capital, all else as it is.

    >>> begin_sentence("is off by 29"), begin_sentence("")
    ('Is off by 29', '')
    """
    return text[:1].upper() + text[1:]
