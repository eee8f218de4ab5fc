"""What the rules of health look at: small records, read from a state once, without any library of learning."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pointsman.pipeline.reporting.health.commands import Typed


@dataclass(frozen=True)
class Serving:
    """What serves typical requests.

    answerers: every version that may answer them: itself, an ensemble's members, and the champion
    pinned_by: who made it serve every request, '' where nobody did
    pinned_why: why they did
    tested_on: the newest batch that its model predicted before it learned it; None where there was none
    """

    id: str
    family: str
    champion: str
    answerers: tuple[str, ...]
    pinned_by: str
    pinned_why: str
    tested_on: int | None


@dataclass(frozen=True)
class Paired:
    """What serves against another model on the newest batches that both predicted before they learned them.

    of:     'champion', 'default LightGBM' or 'prior'
    mean:   by which share its loss was higher than the other's, over all rows of ``batches`` batches (``loss_scale``)
    error:  the standard error of that; None with fewer than three batches
    newest: the same share on the newest batch, ``batch``
    """

    of: str
    version: str
    batches: int
    mean: float
    error: float | None
    batch: int
    newest: float


@dataclass(frozen=True)
class Graded:
    """What was chosen for the requests of a group, 'clean' or 'damaged', of the newest graded batch, and the champions.

    ``selected`` and ``champion`` are their losses as they are shown, ``difference`` is the mean row loss of what was
    chosen less that of the champions (of numbers in squares), ``error`` its standard error.
    """

    batch: int
    group: str
    selected: float
    champion: float
    difference: float
    error: float


@dataclass(frozen=True)
class DamagedColumn:
    """A column of requests: the ``share`` of its cells that are unexpectedly missing, or hold what nobody has seen."""

    name: str
    is_missing: bool
    share: float


@dataclass(frozen=True)
class Answered:
    """What the newest generation that answered anything answered, at most the newest requests.

    fallbacks: rows by the reason of their fallback
    example:   the id of the newest request with such a row, '' without one
    failures:  versions that failed on a request, with their error
    since:     when the oldest of these requests was answered
    is_now:    whether the generation is the live one, so that the next request is answered by the same
    """

    generation: int = 0
    requests: int = 0
    rows: int = 0
    fallbacks: Mapping[str, int] = field(default_factory=dict)
    example: str = ""
    failures: Mapping[str, str] = field(default_factory=dict)
    damaged: tuple[DamagedColumn, ...] = ()
    since: datetime | None = None
    is_now: bool = True


@dataclass(frozen=True)
class Ledger:
    """What answers cost, once labels came: losses of what served and of the champion, over all rows of the entries.

    They are in the unit that readers see (``loss_scale``). ``error`` is the standard error of the share by which one is
    higher than the other; None with fewer than three entries.
    """

    entries: int = 0
    rows: int = 0
    served: float = 0.0
    champion: float = 0.0
    error: float | None = None


@dataclass(frozen=True)
class Estimated:
    """The loss that was estimated for the newest batch before its labels were looked at, and what they showed."""

    batch: int
    estimated: float
    lower: float
    upper: float
    realised: float


@dataclass(frozen=True)
class Labels:
    """Answered rows whose labels should be there: those of the last months, answered ``due_days`` ago or earlier.

    ``is_usual`` says whether that is how long earlier labels took; without any it is a guess.
    """

    due_days: int
    rows: int
    labelled: int
    is_usual: bool


@dataclass(frozen=True)
class Batches:
    """The batches that came: how many, and the newest one.

    held:     rows of the newest batch that are in quarantine, and nobody has decided about
    refused:  how many of the newest were rejected without an accepted one behind them
    decided:  what a user made of the newest, rejected batch: '' for nothing yet
    breaches: checks of quality that the newest batch broke, and the first of their messages
    """

    accepted: int
    newest: int | None
    is_rejected: bool
    reason: str
    rows: int
    held: int
    refused: int
    decided: str
    breaches: int
    breach: str


@dataclass(frozen=True)
class Drifted:
    """Alarms of one kind, 'data' or 'concept', that the newest batch raised, and what was done beyond a warning."""

    batch: int
    kind: str
    what: tuple[str, ...]
    actions: tuple[str, ...]


@dataclass(frozen=True)
class Age:
    """When the newest update was made, what time it is, and how many days usually lie between batches."""

    updated_at: datetime | None
    now: datetime
    period_days: float | None


@dataclass(frozen=True)
class Facts:
    """Everything that health is judged by.

    broken: active versions whose stored files are lost or altered
    loss:   what losses are called: log-loss or RMSE
    """

    serving: Serving | None
    rivals: tuple[Paired, ...]
    grades: tuple[Graded, ...]
    answered: Answered
    ledger: Ledger
    estimated: Estimated | None
    labels: Labels
    batches: Batches
    drifted: tuple[Drifted, ...]
    age: Age
    broken: Mapping[str, str]
    typed: Typed
    loss: str
