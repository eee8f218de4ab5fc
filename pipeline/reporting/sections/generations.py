"""Generations: which lines were active in each, which was champion, and what served typical requests."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pointsman.common.text import count
from pointsman.pipeline.reporting.charts.chart import Chart, to_columns
from pointsman.pipeline.reporting.charts.colours import INK, PURPLE, SKY, VERMILLION
from pointsman.pipeline.reporting.charts.layers import bars, colour_by, draw_by_batch, tell
from pointsman.pipeline.reporting.charts.timeline import Timeline, lay_timeline
from pointsman.pipeline.reporting.history import History, list_rows, read_generations, read_members, read_whole
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.reporting.sections.versions import list_versions
from pointsman.registry.generations import Cause, Role
from pointsman.registry.reasons import load_reasons

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
                why=history.ask(read_reasons)[number],
            )
        )
    return tuple(listed)


def read_reasons(history: History) -> dict[int, str]:
    """Return why each generation is as it is: what a person said, or what became of its models."""
    return load_reasons(history.state)


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
    lines = ranked[:MOST_LINES]
    kept = {batch: one for batch, one in after.items() if batch in timeline}
    columns = to_columns(
        ("batch", "model", "part"),
        [(batch, line, _name_part(one, line)) for batch, one in kept.items() for line in lines if line in one.lines],
    )
    left = count(len(ranked) - len(lines), "more model was", "more models were")
    note = f"{left} active; those shown were champion or served most often." if len(ranked) > len(lines) else ""
    colours = {"serves typical requests": VERMILLION, "champion": INK, "both": PURPLE, "active": SKY}
    y = {"field": "model", "type": "nominal", "sort": lines, "axis": {"title": None, "ticks": False, "domain": False}}
    told = tell("model", "batch", ("part", "was"))
    tiles = bars(y, told, colour_by("part", list(colours), list(colours.values())))
    encoding = {name: part for name, part in tiles["encoding"].items() if name != "y2"}
    encoding["opacity"] = {"condition": {"test": "!picked || datum.model === picked", "value": 1}, "value": 0.2}
    label = "Active models after every batch, the champion among them, and what served typical requests"
    return draw_by_batch(
        "reigns",
        label,
        columns,
        [{**tiles, "mark": {"type": "rect", "height": {"band": 0.6}, "clip": True}, "encoding": encoding}],
        note=f"{note} {timeline.note}".strip(),
        height={"step": 18},
    )


def _name_part(generation: GenerationFigures, line: str) -> str:
    """Return what a model was after an update."""
    if line == generation.champion_line:
        return "both" if line == generation.production_line else "champion"
    return "serves typical requests" if line == generation.production_line else "active"


SECTION = Section(
    "generations",
    reads=(read_generations, read_members, read_reasons),
    figures={"generation": find_generation, "generations": list_generations},
    draw=draw,
)
