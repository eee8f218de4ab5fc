"""Grades of the selector: what its choices were worth on batches that nobody had learned, between their bars."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pointsman.common.task import Task
from pointsman.meta.tables import grades_table
from pointsman.pipeline.reporting.charts.chart import Chart, to_columns
from pointsman.pipeline.reporting.charts.colours import BLUE, GREEN, GREY, PURPLE, SKY, VERMILLION
from pointsman.pipeline.reporting.charts.layers import (
    NUMBERS,
    SHARES,
    colour_by,
    draw_by_batch,
    level,
    line,
    measure,
    tell,
)
from pointsman.pipeline.reporting.charts.timeline import Timeline, lay_timeline
from pointsman.pipeline.reporting.history import History, list_rows, read_record
from pointsman.pipeline.reporting.loss_scale import name_loss, share_noise
from pointsman.pipeline.reporting.section import Section

BARS = (
    ("oracle", "oracle", GREEN, (1, 2)),
    ("single_best", "best single in hindsight", PURPLE, (4, 2)),
    ("last_best", "best on the last batch", GREY, (2, 1)),
    ("best", "best of all in hindsight", SKY, (3, 2)),
    ("single", "what mode single chose", VERMILLION, (6, 2)),
    ("selected", "what mode all chose", BLUE, (1, 0)),
)
TOP = 0.5
"""What is further behind the champions is cut off."""


@dataclass(frozen=True)
class GradeFigures:
    """Mean losses over the requests of a group, 'clean' or 'damaged', of one batch.

    Except for ``single`` and ``gain_single``, which are of mode single, what was chosen is what mode all chose.

    ``gain`` is by which share what was chosen beat the champions; ``error`` is the standard error of ``difference``,
    the mean row loss of what was chosen less that of the champions (of numbers in squares), and ``noise`` the same as a
    share of the champions' loss, as ``gain`` is. ``calibration`` is the expected calibration error
    of each. ``best`` is of the best single model or ensemble in hindsight, None in grades of earlier releases;
    ``chosen`` counts the requests for which a line was chosen, the most frequent first.
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
    gain: float | None
    noise: float | None
    gain_single: float | None
    calibration: Mapping[str, float]
    best: float | None
    chosen: Mapping[str, int]


def list_grades(history: History) -> tuple[GradeFigures, ...]:
    """Return the selector's grades, oldest batch first."""
    rows = list_rows(history.read(grades_table).sort_values(["batch", "group"]))
    return tuple(
        read_record(
            GradeFigures,
            row,
            gain=1 - row["selected"] / row["champion"] if row["champion"] else None,
            noise=share_noise(row["error"], row["champion"], history.task is Task.REGRESSION),
            gain_single=1 - row["single"] / row["champion"] if row["champion"] else None,
            calibration=dict(row["calibration"]),
            chosen=dict(sorted((row["chosen"] or {}).items(), key=lambda one: (-one[1], one[0]))),
        )
        for row in rows
    )


def draw(history: History) -> Iterator[Chart]:
    """Yield a chart of grades for each kind of input that was graded."""
    grades = history.ask(list_grades)
    for group in dict.fromkeys(grade.group for grade in grades):
        own = [grade for grade in grades if grade.group == group and grade.champion]
        yield draw_grades(group, own, history, history.ask(lay_timeline))


def draw_grades(group: str, grades: Sequence[GradeFigures], history: History, timeline: Timeline) -> Chart:
    """Draw the loss of what was chosen on one kind of input against the champions', between its bounds."""
    loss_name = name_loss(history.task)
    rows = [
        (grade.batch, label, 1 - loss / grade.champion, loss)
        for name, label, _colour, _dash in BARS
        for grade in grades
        if (loss := getattr(grade, name)) is not None and grade.batch in timeline
    ]
    columns = to_columns(("batch", "chosen by", "better", "loss"), rows)
    least = {"domainMin": -TOP} if any(row[2] < -TOP for row in rows) else {}
    y = measure("better", f"lower {loss_name} than the champions'", SHARES, **least)
    names = [label for _name, label, _colour, _dash in BARS]
    colour = colour_by("chosen by", names, [colour for _name, _label, colour, _dash in BARS])
    told = tell("chosen by", "batch", ("better", "better than the champions by", SHARES), ("loss", loss_name, NUMBERS))
    served = "what mode single chose" if history.mode == "single" else "what mode all chose"
    curve = line(y, told, colour)
    dashes = {"domain": names, "range": [list(dash) for _name, _label, _colour, dash in BARS]}
    width = {"condition": {"test": f"datum['chosen by'] === '{served}'", "value": 2.4}, "value": 1.2}
    style = {
        "strokeDash": {"field": "chosen by", "type": "nominal", "scale": dashes, "legend": colour["legend"]},
        "strokeWidth": width,
    }
    return draw_by_batch(
        f"grades-{group}",
        f"By which share the {loss_name} of what was chosen was lower than the champions', by batch, on {group} input",
        columns,
        [level(0, y), {**curve, "encoding": {**curve["encoding"], **style}}],
        title=f"{group.capitalize()} input: by which share the {loss_name} was lower than the champions'",
        note=timeline.note,
    )


SECTION = Section("grades", reads=(grades_table,), figures={"grades": list_grades}, draw=draw)
