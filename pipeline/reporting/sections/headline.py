"""The first screen: whether all is well, what answers now, what changed, and what to do."""

from dataclasses import dataclass

from pointsman.pipeline.reporting.changes import list_changes
from pointsman.pipeline.reporting.health.facts import Facts
from pointsman.pipeline.reporting.health.finding import Level, Verdict
from pointsman.pipeline.reporting.health.reading import read_facts
from pointsman.pipeline.reporting.health.rules import judge_health
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.reporting.standing import describe_standing


@dataclass(frozen=True)
class Attention:
    """Something a person should look at: ``level`` is 'warning' or 'note', ``section`` tells more."""

    level: str
    text: str
    section: str


@dataclass(frozen=True)
class Headline:
    """The first screen in sentences, and what needs attention, the worst first."""

    sentences: tuple[str, ...]
    attention: tuple[Attention, ...]


def read_health_facts(history: History) -> Facts:
    """Return what health is judged by, at the moment of the report."""
    return read_facts(history.state, history.config, history.generation, history.written_at)


def find_verdict(history: History) -> Verdict:
    """Return what the rules of health come to."""
    return judge_health(history.ask(read_health_facts))


def compute_headline(history: History) -> Headline:
    """Return the first screen in sentences."""
    verdict, standing = history.ask(find_verdict), history.ask(describe_standing)
    sentences = [verdict.sentence]
    if standing is not None:
        sentences.append(f"{standing.id}, {standing.kind}, answers.")
        if standing.measures:
            said = "; ".join(one.sentence for one in standing.measures)
            sentences.append(f"On {standing.basis}: {said}.")
    attention = tuple(
        Attention("note" if one.level is Level.GREEN else "warning", one.sentence, one.section)
        for one in verdict.findings
    )
    return Headline((*sentences, *history.ask(list_changes)), attention)


SECTION = Section(
    "headline",
    reads=(read_health_facts,),
    figures={
        "headline": compute_headline,
        "health": find_verdict,
        "standing": describe_standing,
        "changes": list_changes,
    },
)
