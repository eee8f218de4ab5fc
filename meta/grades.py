"""Grades: what the choice made before a batch was worth on it, between the bounds that it is measured against."""

from collections.abc import Mapping
from dataclasses import dataclass, field

CLEAN_GROUP, DAMAGED_GROUP = "clean", "damaged"
GROUPS = (CLEAN_GROUP, DAMAGED_GROUP)


@dataclass(frozen=True)
class Grade:
    """Mean losses over the requests of a group: the clean batch, or its damaged copies.

    A request's loss is the mean row loss or, for a regression, the root mean square error.

    selected:    of the models that were chosen, trusted or not
    champion:    of the two champions, switched by the alarm
    single:      of what mode 'single' chose
    last_best:   of the single model that was best on the batch before
    uniform:     of the mean of all single models
    single_best: of the best single model in hindsight, one for the whole group
    oracle:      of the best single model in hindsight, one a request
    difference:  mean row loss of the choice less that of the champions, ``error`` its standard error
    alarms:      share of the requests that raised an alarm
    selected_by_kind, champion_by_kind: mean row losses by RowKind; None where there were no such rows
    calibration: by 'selected' and 'champion', the expected calibration error; {} for a regression
    best:        of the best candidate in hindsight, single model or ensemble, one for the whole group; None in grades
                 of earlier releases
    chosen:      requests by the line of the model that was chosen for them
    champions:   requests by the line of the champion that they would have had
    margins:     by mode and margin of the chooser (as text), its loss relative to the incumbent's
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
    selected_by_kind: tuple[float | None, ...]
    champion_by_kind: tuple[float | None, ...]
    calibration: Mapping[str, float]
    best: float | None = None
    chosen: Mapping[str, int] = field(default_factory=dict)
    margins: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    champions: Mapping[str, int] = field(default_factory=dict)
