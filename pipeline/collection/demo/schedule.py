"""What happens to the demo stream, and when: the published truth that drift verdicts can be held against."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np

FIRST_DAY = date(2011, 7, 1)
LAST_DAY = date(2018, 6, 30)


class EventKind(StrEnum):
    """What an event does to the rows that begin inside it, and what its ``size`` measures."""

    TARIFF_CHANGE = "tariff change"
    """Data drift: PREMIUM is raised by the ratio ``size``; who claims stays."""
    NEW_MAKES = "new makes"
    """Unseen levels: a share ``size`` of the vehicles insured for the first time is of makes nobody saw before, which
    claim as an average make does."""
    CONCEPT_CHANGE = "concept change"
    """Concept drift: a share ``size`` of the rows follows the second claim model; the inputs stay."""
    CONCEPT_RETURN = "concept return"
    """The first claim model holds again, as the change before is over: a marker that alters no row by itself."""
    UNIT_ERROR = "unit error"
    """A fault: a share ``size`` of the insured values is entered in thousands of birr."""
    FEED_OUTAGE = "feed outage"
    """A fault: a share ``size`` of the carrying capacities is lost."""


@dataclass(frozen=True)
class DemoEvent:
    """One dated change of the stream; ``start`` and ``end`` are begin dates of policies, both included."""

    name: str
    kind: EventKind
    start: date
    end: date
    columns: tuple[str, ...]
    size: float
    description: str


# Sizes are chosen so that each event shows in a batch of a thousand rows. The windows are apart, save the return of the
# first concept, which is a state and no disturbance.
SCHEDULE: tuple[DemoEvent, ...] = (
    DemoEvent(
        name="higher tariff",
        kind=EventKind.TARIFF_CHANGE,
        start=date(2013, 7, 1),
        end=date(2014, 5, 31),
        columns=("PREMIUM",),
        size=0.75,  # a shift of about a third of the standard deviation of its logarithm
        description="Premiums are 75 % higher for eleven months, then the old tariff is restored.",
    ),
    DemoEvent(
        name="new importers",
        kind=EventKind.NEW_MAKES,
        start=date(2014, 7, 1),
        end=date(2014, 12, 31),
        columns=("MAKE", "CLAIM_PAID"),
        size=0.5,  # every fourth row is a vehicle's first one, so 13 % of the rows carry a new make
        description="Half of the newly insured vehicles are of makes never seen before; they renew in later years.",
    ),
    DemoEvent(
        name="other drivers claim",
        kind=EventKind.CONCEPT_CHANGE,
        start=date(2015, 4, 1),
        end=date(2016, 6, 30),
        columns=("CLAIM_PAID",),
        size=1.0,  # about as many claims as before, but a model of the first concept falls to a ROC-AUC below 0.5
        description="Old, cheap and private vehicles claim instead of new, costly and commercial ones.",
    ),
    DemoEvent(
        name="old drivers claim again",
        kind=EventKind.CONCEPT_RETURN,
        start=date(2016, 7, 1),
        end=LAST_DAY,
        columns=("CLAIM_PAID",),
        size=0.0,  # nothing beyond the end of the change: models kept from before April 2015 are right again
        description="The relation of features to claims is again that of the first years.",
    ),
    DemoEvent(
        name="values in thousands",
        kind=EventKind.UNIT_ERROR,
        start=date(2016, 10, 1),
        end=date(2017, 3, 31),
        columns=("INSURED_VALUE",),
        size=0.4,  # two of five positive values are a thousand times too small
        description="A branch enters insured values in thousands of birr for half a year.",
    ),
    DemoEvent(
        name="capacity feed down",
        kind=EventKind.FEED_OUTAGE,
        start=date(2017, 7, 1),
        end=date(2017, 11, 30),
        columns=("CARRYING_CAPACITY",),
        size=1.0,  # missing cells rise from a quarter to all
        description="The feed that fills the carrying capacity is down, so the column is empty.",
    ),
)


def compute_effect(begin: np.ndarray, kind: EventKind, schedule: tuple[DemoEvent, ...]) -> np.ndarray:
    """Return for each begin date the size of the event of ``kind`` that it falls into, 0 outside of events.

    Parameters
    ----------
    begin : array of datetime64[D], shape (n_rows,)

    >>> days = np.array(["2017-06-30", "2017-07-01"], dtype="datetime64[D]")
    >>> compute_effect(days, EventKind.FEED_OUTAGE, SCHEDULE).tolist()
    [0.0, 1.0]
    """
    effect = np.zeros(len(begin))
    for event in schedule:
        if event.kind is kind:
            effect[(begin >= np.datetime64(event.start)) & (begin <= np.datetime64(event.end))] = event.size
    return effect
