"""What is done about drift: alarms set off the actions that the configuration names for them, and all are recorded."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from pointsman.common.config import Action, ResponseConfig
from pointsman.common.sampling import spread_rows
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.rows import make_row
from pointsman.common.storage.state import State
from pointsman.model_zoo.candidate import Candidate
from pointsman.pipeline.drift.detection import DriftFound
from pointsman.pipeline.drift.reference_models import RECENT
from pointsman.pipeline.drift.tables import responses_table
from pointsman.pipeline.drift.verdict import Drift, DriftAlarm
from pointsman.registry.contender import FALLBACK_FAMILY, Contender, Origin
from pointsman.registry.generations import Generation, Role
from pointsman.registry.lineage import load_past
from pointsman.registry.tables import dropped_table, members_table, versions_table
from pointsman.registry.versions import Version

log = logging.getLogger(__name__)

MOST_REVIVED = 5
"""Champions of earlier regimes that are tried, evenly spread over the past."""
MOST_NAMED = 3
"""Columns that a sentence names."""
WARNED, NOT_LEARNED = "logged", "not done, since no model learned the batch"


@dataclass(frozen=True)
class Response:
    """An action, the kind of drift and the alarm in words that caused it, and what came of it."""

    drift: Drift
    action: Action
    cause: str
    outcome: str


@dataclass(frozen=True)
class Answers:
    """The actions that the alarms of a batch call for, each with the kind of drift and the alarms that caused it."""

    batch: int
    causes: Mapping[Action, tuple[Drift, str]]

    def calls_for(self, action: Action) -> bool:
        """Return whether an alarm set off that action."""
        return action in self.causes

    def record(self, outcomes: Mapping[Action, str]) -> list[Response]:
        """Return what was done, with its cause; an action without an outcome was not needed."""
        return [
            Response(*self.causes[action][:1], action, self.causes[action][1], outcomes[action])
            for action in self.causes
            if action in outcomes
        ]


def answer_alarms(config: ResponseConfig, found: DriftFound) -> Answers:
    """Return what the alarms of a batch call for, and warn of them where that is asked for."""
    causes: dict[Action, tuple[Drift, str]] = {}
    for drift, actions in ((Drift.CONCEPT, config.concept), (Drift.DATA, config.data)):
        alarms = [alarm for alarm in found.alarms if alarm.drift is drift]
        if alarms:
            sentence = describe_alarms(found.batch, alarms)
            for action in actions:
                first, also = causes.get(action, (drift, ""))
                causes[action] = (first, f"{also}; {sentence}" if also else sentence)
            if "warn" in actions:
                log.warning("%s", sentence)
    return Answers(found.batch, causes)


def describe_alarms(batch: int, alarms: Sequence[DriftAlarm]) -> str:
    """Return one sentence on alarms of one kind, the most damaging first."""
    if alarms[0].drift is Drift.CONCEPT:
        classes = [f"'{alarm.column}'" for alarm in alarms if alarm.column]
        of = f" of {', '.join(classes[:MOST_NAMED])}" if classes else ""
        since = sorted(alarms[0].since.values())
        when = f"; the champion's losses changed from {since[0]} on" if since else ""
        aspects = " and ".join(dict.fromkeys(aspect for alarm in alarms for aspect in alarm.aspects))
        return f"concept drift in batch {batch}: outcomes{of} no longer follow the inputs as before ({aspects}){when}"
    named = [_name(alarm) for alarm in alarms]
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return f"data drift in batch {batch}, unlike anything that was learned: {', '.join(named[:MOST_NAMED])}{more}"


def _name(alarm: DriftAlarm) -> str:
    cost = f"; explains {alarm.damage:+.3g} of the champion's mean loss" if alarm.damage is not None else ""
    what = f"'{alarm.column}'" if alarm.column else "all columns together"
    return f"{what} ({', '.join(alarm.aspects) if alarm.column else 'by a model that tells them apart'}{cost})"


def shorten_window(state: State, before: Generation, answers: Answers) -> list[Candidate]:
    """Return the champion's way to learn on the newest batch alone, while the change that called for it is young."""
    query = sa.select(responses_table.c.batch).where(
        responses_table.c.action == "shorten", responses_table.c.batch > answers.batch - RECENT
    )
    young = answers.calls_for("shorten") or bool(read_rows(state.engine, query))
    if not young or before.champion is None or before.champion.family == FALLBACK_FAMILY:
        return []
    return [replace(before.champion.candidate, window=1)]


def describe_shortened(shortened: Sequence[Candidate]) -> str:
    """Return what competes with a short window."""
    named = ["/".join([one.family, one.variant, *one.treatment]) for one in shortened]
    return f"{', '.join(named)} competes" if named else "the champion is the fallback, which has no window"


def load_earlier_champions(state: State, before: Generation) -> list[Version]:
    """Return champions of earlier generations, evenly spread, that do not compete already."""
    query = (
        sa.select(versions_table, members_table.c.generation.label("champion_in"))
        .join(members_table, members_table.c.version == versions_table.c.id)
        .where(members_table.c.role == Role.CHAMPION.value, versions_table.c.family != FALLBACK_FAMILY)
        .where(versions_table.c.id.not_in(sa.select(dropped_table.c.version)))
        .order_by(members_table.c.generation)
    )
    earlier = set(load_past(state, before.number)[1:])
    present = {version.id for version in (*before.versions, *before.challengers)}
    rows = [row for row in read_rows(state.engine, query) if row["champion_in"] in earlier and row["id"] not in present]
    former = {row["id"]: Version.from_row(row) for row in rows}
    versions = list(former.values())
    return [versions[place] for place in spread_rows(len(versions), MOST_REVIVED)]


def describe_revival(revived: Sequence[Version], recalled: Sequence[Version]) -> str:
    """Return what came of trying champions of earlier regimes."""
    if not revived:
        return "there is no champion of an earlier regime yet"
    back = f"of them {', '.join(version.id for version in recalled)} came back" if recalled else "none beat today's"
    return f"{len(revived)} champions of earlier regimes competed; {back}"


def drop_unlearned(
    contenders: Sequence[Contender], modes: Mapping[str, Origin], pinned: str | None = None
) -> tuple[list[Contender], dict[str, Origin]]:
    """Return the contenders without those that never learned the change, and retrain modes in which every line learns.

    The ``pinned`` line stays, whatever it learned: a person wants it to serve.
    """
    kept = [one for one in contenders if not one.is_recalled or one.parent is None or one.line == pinned]
    return kept, {line: Origin.REFIT if mode is Origin.KEPT else mode for line, mode in modes.items()}


def postpone(answers: Answers) -> list[Response]:
    """Return what is done about alarms of a batch that no model learns: nothing but the warning."""
    return answers.record({**dict.fromkeys(answers.causes, NOT_LEARNED), "warn": WARNED})


def response_rows(batch: int, responses: Sequence[Response]) -> list[dict[str, Any]]:
    """Return the rows of the responses table."""
    return [make_row(response, batch=batch, position=position) for position, response in enumerate(responses)]
