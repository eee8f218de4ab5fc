"""Grades: what the plan of before a batch was worth on that batch, between the bars it is measured by."""

from collections.abc import Mapping
from dataclasses import dataclass

CLEAN_GROUP, DAMAGED_GROUP = "clean", "damaged"
GROUPS = (CLEAN_GROUP, DAMAGED_GROUP)


@dataclass(frozen=True)
class Grade:
    """Mean losses over the requests of a group: the clean batch, or its damaged copies.

    A request's loss is the mean row loss or, for a regression, the root mean square error.

    selected:    of the plan that was proposed, trusted or not
    champion:    of the two champions, switched by the alarm
    single:      of the hard chooser of mode 'single'
    last_best:   of the line that was best on the batch before
    uniform:     of the mean of all lines
    single_best: of the best line in hindsight, one for the whole group
    oracle:      of the best line in hindsight, one a request
    difference:  mean row loss of the plan less that of the champions, ``error`` its standard error
    alarms:      share of the requests that raised an alarm
    margins:     by margin of the hard chooser (as text), its loss relative to the champions'
    selected_by_kind, champion_by_kind: mean row losses by RowKind; None where there were no such rows
    calibration: by 'selected' and 'champion', the expected calibration error; {} for a regression
    """

    batch: int
    group: str
    requests: int
    selected: float
    champion: float
    single: float
    last_best: float
    uniform: float
    single_best: float
    oracle: float
    difference: float
    error: float
    alarms: float
    margins: Mapping[str, float]
    selected_by_kind: tuple[float | None, ...]
    champion_by_kind: tuple[float | None, ...]
    calibration: Mapping[str, float]
