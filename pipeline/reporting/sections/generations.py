"""Generations: which lines were active in each, which was champion, and what served typical requests."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pointsman.common.text import count
from pointsman.pipeline.reporting.charts.heatmap import shorten
from pointsman.pipeline.reporting.charts.svg import FULL, INK, SKY, VERMILLION, Chart, export, sheet
from pointsman.pipeline.reporting.charts.timeline import Timeline, lay_timeline
from pointsman.pipeline.reporting.history import History, list_rows, read_generations, read_members, read_whole
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.reporting.sections.versions import list_versions
from pointsman.registry.generations import Cause, Role

MOST_LINES = 14


@dataclass(frozen=True)
class GenerationFigures:
    """A generation that led to the live one: its cause, who made it and why, and the lines that were active in it.

    ``production`` is the version that served typical requests in it, and ``promoted`` the one that serves every request
    by a person's decision, where one does.
    """

    number: int
    cause: str
    batch: int | None
    created_at: datetime
    champion: str | None
    champion_line: str | None
    production: str | None
    production_line: str | None
    lines: tuple[str, ...]
    promoted: str | None
    by_hand: bool
    who: str
    why: str


def list_generations(history: History) -> tuple[GenerationFigures, ...]:
    """Return the generations that led to the live one, oldest first."""
    members = history.ask(read_members)
    rows = {int(row["number"]): row for row in list_rows(history.generations)}
    # Challengers are of lines that are active anyway, or of former champions: they did not serve.
    serving = members[members["role"] != Role.CHALLENGER.value]
    active = serving.groupby("generation")["version"].agg(list).to_dict()
    listed = []
    for number in history.lineage:
        champion, production = history.champions.get(number), history.productions.get(number)
        listed.append(
            GenerationFigures(
                number=number,
                cause=rows[number]["cause"],
                batch=read_whole(rows[number]["batch"]),
                created_at=rows[number]["created_at"].to_pydatetime(),
                champion=champion,
                champion_line=history.lines.get(champion) if champion else None,
                production=production,
                production_line=history.lines.get(production) if production else None,
                lines=tuple(sorted({history.lines[version] for version in active.get(number, [])})),
                # A line is pinned, so which of its versions served follows from the members of that generation.
                promoted=next(
                    (one for one in active.get(number, []) if history.lines[one] == rows[number]["pinned"]), None
                ),
                by_hand=not Cause(rows[number]["cause"]).takes_batch,
                who=rows[number]["who"],
                why=rows[number]["why"],
            )
        )
    return tuple(listed)


def find_generation(history: History) -> GenerationFigures:
    """Return the live generation."""
    return history.ask(list_generations)[-1]


def draw(history: History) -> Iterator[Chart]:
    """Yield the chart of who reigned, where there are single models."""
    if history.ask(list_versions):
        yield draw_reigns(history.ask(list_generations), history.ask(lay_timeline))


def draw_reigns(generations: Sequence[GenerationFigures], timeline: Timeline) -> Chart:
    """Draw which lines were active after each batch, which was champion, and which served typical requests."""
    after = {generation.batch: generation for generation in generations if generation.batch is not None}
    active = Counter(line for generation in after.values() for line in generation.lines)
    reigned = Counter(
        line for one in after.values() for line in {one.champion_line, one.production_line} if line is not None
    )
    live = set(generations[-1].lines)
    # What is left out for want of room should be a line that never reigned or served: the chart's note says so.
    ranked = sorted(
        active, key=lambda line: (-(reigned[line] > 0), line not in live, -reigned[line], -active[line], line)
    )
    lines = ranked[:MOST_LINES][::-1]
    with sheet(FULL, 0.8 + 0.2 * len(lines)) as figure:
        axes = figure.subplots()
        for row, line in enumerate(lines):
            present = timeline.join_places(batch for batch, one in after.items() if line in one.lines)
            as_champion = timeline.join_places(batch for batch, one in after.items() if one.champion_line == line)
            axes.broken_barh(present, (row - 0.17, 0.34), facecolors=SKY, alpha=0.55, linewidth=0)
            served = timeline.join_places(batch for batch, one in after.items() if one.production_line == line)
            axes.broken_barh(as_champion, (row - 0.36, 0.72), facecolors=INK, linewidth=0)
            axes.broken_barh(served, (row - 0.22, 0.44), facecolors=VERMILLION, linewidth=0)
        axes.set_yticks(range(len(lines)), [shorten(line) for line in lines])
        axes.set_ylim(-0.7, len(lines) - 0.3)
        axes.grid(visible=False)
        timeline.decorate(axes)
        # Bars without width, for the legend alone: those above would name every colour once a line.
        axes.barh(0, 0, color=VERMILLION, label="production")
        axes.barh(0, 0, color=INK, label="champion")
        axes.barh(0, 0, color=SKY, alpha=0.55, label="active")
        figure.legend(loc="outside upper right", ncols=3)
        left_out = len(ranked) - len(lines)
        left = count(
            left_out, "model that was champion or served least is", "models that were champion or served least are"
        )
        note = f"{left} left out." if left_out else ""
        label = "Active lines after every batch, the champion among them, and what served typical requests"
        return export(figure, "reigns", label, f"{note} {timeline.note}".strip())


SECTION = Section(
    "generations",
    reads=(read_generations, read_members),
    figures={"generation": find_generation, "generations": list_generations},
    draw=draw,
)
