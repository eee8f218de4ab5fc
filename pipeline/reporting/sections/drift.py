"""Drift: how far inputs lay from what was learned, which batches raised an alarm, what it cost and what was done."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.drift.tables import alarms_table, drift_tests_table, responses_table
from pointsman.pipeline.quality.stored import drift_table
from pointsman.pipeline.reporting.charts.chart import Chart, to_columns
from pointsman.pipeline.reporting.charts.colours import BLUE, VERMILLION
from pointsman.pipeline.reporting.charts.heatmap import MOST_COLUMNS, ColumnShares, Scale, draw_heatmap
from pointsman.pipeline.reporting.charts.layers import (
    NUMBERS,
    colour_by,
    draw_by_batch,
    draw_ranking,
    level,
    line,
    measure,
    tell,
)
from pointsman.pipeline.reporting.charts.timeline import Timeline, lay_timeline
from pointsman.pipeline.reporting.first_verdicts import FirstVerdict, foresee_verdicts
from pointsman.pipeline.reporting.formats import describe_move
from pointsman.pipeline.reporting.history import History, list_rows, read_float, read_record
from pointsman.pipeline.reporting.section import Section

MOST_MOVED = 10
LEAST_CHANCE = 1e-12
"""Less is drawn as this."""
MULTIPLES = Scale("multiples of the noise", VERMILLION, 1.0, 8.0, ".1f")


@dataclass(frozen=True)
class DriftFigure:
    """One column of one batch; ``multiple`` is the distance in multiples of its noise level."""

    batch: int
    column: str
    distance: float
    noise: float
    multiple: float


@dataclass(frozen=True)
class Moved:
    """A column of the newest batch that was measured, whether it raised an alarm, and in words how it moved."""

    column: str
    multiple: float
    distance: float
    alarm: bool
    how: str


@dataclass(frozen=True)
class AlarmLine:
    """What has drifted in a batch; alarms of one batch come in order of damage.

    chance: how probable it is in a stable batch
    damage: the mean row loss of the serving model that it explains; None where no model served
    """

    batch: int
    kind: str
    what: str
    aspects: str
    chance: float
    damage: float | None
    since: str


@dataclass(frozen=True)
class ResponseLine:
    """What an alarm set off, and what came of it."""

    batch: int
    kind: str
    action: str
    outcome: str


@dataclass(frozen=True)
class Suspicion:
    """How probable the most unusual test of a kind is in a stable batch, all tests of that kind together."""

    batch: int
    kind: str
    chance: float


@dataclass(frozen=True)
class DriftFigures:
    """Drift by batch and column; ``moved`` are the most moved columns of ``newest``.

    false_alarms: the share of stable batches that may raise an alarm of one kind
    suspicions:   batches that could be judged; earlier ones had too little past
    first_verdicts: when those kinds of drift will first be judged that have not been yet
    """

    false_alarms: float
    alarms: tuple[AlarmLine, ...]
    responses: tuple[ResponseLine, ...]
    suspicions: tuple[Suspicion, ...]
    cells: tuple[DriftFigure, ...]
    newest: int | None
    moved: tuple[Moved, ...]
    strongest: tuple[ColumnShares, ...]
    columns_left_out: int
    first_verdicts: tuple[FirstVerdict, ...]

    @property
    def newest_alarms(self) -> tuple[AlarmLine, ...]:
        """The alarms of the newest batch."""
        return tuple(alarm for alarm in self.alarms if alarm.batch == self.newest)


def compute_drift_figures(history: History) -> DriftFigures:
    """Return the drift of every batch and, in words, that of the newest."""
    stored = history.read(drift_table)
    drift = stored.assign(multiple=_compute_multiples(stored)).sort_values(["batch", "column"])
    newest = int(drift["batch"].max()) if len(drift) else None
    own = drift[drift["batch"] == newest].sort_values("multiple", ascending=False, kind="stable")
    table = drift.pivot(index="column", columns="batch", values="multiple")
    # A column that moved far in one batch alone belongs on the heat map as well, so its largest distance ranks it.
    order = table.max(axis=1).sort_values(ascending=False, kind="stable").index
    alarms = _list_alarms(history.read(alarms_table))
    # Alarms of concept drift name classes, and a class may be called like a column.
    alarmed = {alarm.what for alarm in alarms if alarm.batch == newest and alarm.kind == "data"}
    return DriftFigures(
        false_alarms=history.config.drift.false_alarms,
        alarms=alarms,
        responses=_list_responses(history.read(responses_table)),
        suspicions=_list_suspicions(history.read(drift_tests_table)),
        cells=tuple(read_record(DriftFigure, row) for row in list_rows(drift)),
        newest=newest,
        moved=tuple(
            Moved(
                row["column"],
                row["multiple"],
                float(row["distance"]),
                row["column"] in alarmed,
                describe_move(row["role"], row["detail"]),
            )
            for row in list_rows(own.head(MOST_MOVED))
        ),
        strongest=tuple(
            ColumnShares(str(column), {int(batch): float(cell) for batch, cell in table.loc[column].dropna().items()})
            for column in order[:MOST_COLUMNS]
        ),
        columns_left_out=max(0, len(order) - MOST_COLUMNS),
        first_verdicts=_foresee(history),
    )


def _foresee(history: History) -> tuple[FirstVerdict, ...]:
    """Return when drift will first be judged, where it has not been; () before the first batch."""
    tests = history.read(drift_tests_table)
    judged = sorted(set(tests.dropna(subset=["p_value"])["drift"]))
    known = history.read(batches).query("status == 'accepted'").sort_values("number")
    if len(judged) == 2 or not len(known):
        return ()
    counts = tests.dropna(subset=["kept"]).groupby(["drift", "column", "aspect"])
    # Of data drift a batch adds one score a test and span, of concept drift one a reference model.
    found = {"data": counts["batch"].nunique(), "concept": counts.size()}
    measured = {
        kind: max((int(many) for key, many in sizes.items() if key[0] == kind), default=0)  # type: ignore[index]
        for kind, sizes in found.items()
    }
    ends = [end.to_pydatetime() for end in known["end"].dropna()]
    window = history.config.training.window_batches
    return foresee_verdicts(int(known["number"].max()), measured, judged, ends, len(known), window)


def _list_alarms(alarms: pd.DataFrame) -> tuple[AlarmLine, ...]:
    """Return all alarms, the newest batch first."""
    return tuple(
        AlarmLine(
            batch=int(row["batch"]),
            kind=row["drift"],
            what=row["column"] or ("all columns together" if row["drift"] == "data" else "inputs to target"),
            aspects=", ".join(row["aspects"]),
            chance=float(row["p_value"]),
            damage=read_float(row["damage"]),
            since=min(row["since"].values(), default=""),
        )
        for row in list_rows(alarms.sort_values(["batch", "rank"], ascending=[False, True]))
    )


def _list_responses(responses: pd.DataFrame) -> tuple[ResponseLine, ...]:
    """Return what alarms set off, the newest batch first."""
    return tuple(
        ResponseLine(int(row["batch"]), row["drift"], row["action"], row["outcome"])
        for row in list_rows(responses.sort_values(["batch", "position"], ascending=[False, True]))
    )


def _list_suspicions(tests: pd.DataFrame) -> tuple[Suspicion, ...]:
    judged = tests.dropna(subset=["p_value"])
    grouped = judged.groupby(["batch", "drift"])["p_value"].agg(["min", "size"]).reset_index()
    return tuple(
        Suspicion(int(row["batch"]), row["drift"], 1 - (1 - float(row["min"])) ** int(row["size"]))
        for row in list_rows(grouped)
    )


def _compute_multiples(drift: pd.DataFrame) -> pd.Series:
    """A column without any spread has no noise, so the noise is bounded below: a distance there is a huge multiple."""
    noise = drift["noise"].clip(lower=1e-3)
    return (drift["distance"] / noise).astype(float)


def draw(history: History) -> Iterator[Chart]:
    """Yield the charts of what could be judged and of what was measured."""
    figures, timeline = history.ask(compute_drift_figures), history.ask(lay_timeline)
    if figures.suspicions:
        yield draw_suspicions(figures, timeline)
    if figures.cells:
        yield draw_distances(figures, timeline)
        yield draw_moved(figures)


def draw_distances(figures: DriftFigures, timeline: Timeline) -> Chart:
    """Draw the distance from the training rows in multiples of the noise, column by batch."""
    left_out = figures.columns_left_out
    note = f"{left_out} columns that moved less are left out." if left_out else ""
    label = "Distance from the rows the models were trained on, in multiples of the noise, by column and batch"
    return draw_heatmap("drift", label, figures.strongest, timeline, MULTIPLES, f"{note} {timeline.note}".strip())


def draw_suspicions(figures: DriftFigures, timeline: Timeline) -> Chart:
    """Draw how unusual each batch was, by kind of drift, with the line that makes an alarm."""
    rows = [
        (one.batch, f"{one.kind} drift", max(one.chance, LEAST_CHANCE))
        for one in figures.suspicions
        if one.batch in timeline
    ]
    columns = to_columns(("batch", "kind", "chance"), rows)
    scale = {"type": "log", "domain": [1, LEAST_CHANCE / 3], "nice": False}
    y = measure("chance", "chance in a stable batch", ".0~e") | {"scale": scale}
    y["axis"] = {**y["axis"], "values": [1, 1e-3, 1e-6, 1e-9, 1e-12]}
    told = tell("kind", "batch", ("chance", "chance in a stable batch", ".1e"))
    colour = colour_by("kind", ["data drift", "concept drift"], [BLUE, VERMILLION])
    note = f"Above the dashed line (a chance of {figures.false_alarms:g}) a batch raises an alarm. {timeline.note}"
    return draw_by_batch(
        "suspicions",
        "How unusual each batch was, all tests of one kind together",
        columns,
        [level(figures.false_alarms, y), line(y, told, colour)],
        note=note.strip(),
    )


def draw_moved(figures: DriftFigures) -> Chart:
    """Draw the columns of the newest batch that moved most."""
    rows = [
        (one.column, one.multiple, "raised an alarm" if one.alarm else "no alarm", one.how) for one in figures.moved
    ]
    columns = to_columns(("column", "multiple", "verdict", "how"), rows)
    colour = colour_by("verdict", ["raised an alarm", "no alarm"], [VERMILLION, BLUE])
    x = measure("multiple", "distance in multiples of the noise", NUMBERS, zero=True)
    told = tell("column", ("multiple", "times the noise", NUMBERS), "how")
    label = f"Columns of batch {figures.newest} that moved most"
    return draw_ranking("moved", label, columns, x, by="column", colour=colour, tooltip=told)


SECTION = Section(
    "drift",
    reads=(drift_table, drift_tests_table, alarms_table, responses_table, batches),
    figures={"drift": compute_drift_figures},
    draw=draw,
)
