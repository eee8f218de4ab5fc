"""What is wrong with a notation of dates, found before any cell is read by it."""

import re
from datetime import datetime

NAMED = ("ISO8601", "mixed", "epoch_s", "epoch_ms", "excel", "iso_week")
"""Notations that have a name and no directives: seconds and milliseconds since 1970, Excel's days, 2023-W05."""
YEARS = frozenset({"%Y", "%y", "%G", "%c", "%x"})
WEEKDAYS = frozenset({"%A", "%a", "%w", "%u"})


def find_fault(notation: str) -> str:
    """Return why no dates can be read by a notation, '' where they can.

    The rules are those of pandas, which looks at a notation only when it reads cells by it; one without a year would
    put every row into 1900.

    >>> find_fault("%d-%b-%y"), find_fault("%s"), find_fault("yyyy-mm-dd")
    ('', '%s is no directive', 'it has no directive and is none of ISO8601, mixed, epoch_s, epoch_ms, excel, iso_week')
    """
    if notation in NAMED:
        return ""
    used = set(re.findall(r"%.?", notation, re.DOTALL))
    if "%" in used:
        return "a single % ends it"
    try:
        datetime.strptime("", notation.replace("%N", "%f"))  # nanoseconds are a directive of pandas alone
    except ValueError as error:
        if bad := re.match(r"'(.)' is a bad directive", str(error)):
            return f"%{bad[1]} is no directive"
        # What does not match the empty text is as it should be.
    except re.error:
        return "two of its directives say the same"
    if not used:
        return f"it has no directive and is none of {', '.join(NAMED)}"
    if not used & YEARS:
        return "it has no directive for the year"
    if ("%G" in used) != ("%V" in used):
        return "%G, the year of ISO weeks, and %V, the ISO week, go together"
    if used & {"%V", "%U", "%W"} and not used & WEEKDAYS:
        return "a week needs its day, such as %u"
    return ""
