"""Enrolment: newcomers meet the active lines on the same records; who stays learns the newest rows."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sqlalchemy as sa

from common.config import Config
from common.database import read_rows
from common.errors import DataError
from common.state import State
from common.workers import Crew
from meta.past import Past, stack_records
from meta.records import Record
from model_zoo.candidate import Candidate
from model_zoo.model import PROTOCOL, Model
from pipeline.ensembles import describe_members, find_tuning_rows, save_ensembles, tune
from pipeline.training.contenders import Ground, Lesson, RecordSheet, Trained, can_continue, enter, train
from pipeline.training.roster import TRIED, name_limit
from pipeline.training.threshold import Threshold
from pipeline.training.trials import Trial
from pipeline.validation.promotion import Promotion, promote
from registry.budget import bar_lines
from registry.contender import Contender, Origin
from registry.ensembles import average_weights, find_idle
from registry.generations import Event, Generation, Member, Role
from registry.lineage import load_recent
from registry.tables import events_table, versions_table
from registry.versions import Version, name_version, save_parts

log = logging.getLogger(__name__)

RESTING = 5
"""Generations for which a candidate that retired is not tried again."""

IDLE = 5
"""Generations without weight in any ensemble after which a line rests: ten to twelve lines are as good as twenty, and
every one beyond is fitted, proved and stored at each update for nothing."""

EVENTS = {
    Origin.UPDATE: "updated",
    Origin.REFIT: "refitted",
    Origin.SEARCH: "registered",
    Origin.STANDING: "registered",
}


@dataclass(frozen=True)
class Enrolled:
    """The next generation's members, the versions that are new, and what happened to whom."""

    members: tuple[Member, ...]
    new: tuple[Version, ...]
    events: tuple[Event, ...]

    def with_rivals(self, rivals: Sequence[Member], new: Sequence[Version]) -> "Enrolled":
        """Return the same with members that only compete, some of them new versions."""
        return Enrolled((*self.members, *rivals), (*self.new, *new), self.events)


def count_versions(state: State) -> int:
    """Return the highest version number so far."""
    return read_rows(state.engine, sa.select(sa.func.max(versions_table.c.number).label("last")))[0]["last"] or 0


def list_incumbents(before: Generation, record: Record) -> list[Contender]:
    """Return the active lines that have a record of the newest batch."""
    batch = record.rows.batch
    return [
        Contender(version.id, Origin.KEPT, version.candidate, version, {batch: record.predicted[version.line]})
        for version in before.versions
        if version.line in record.predicted
    ]


def enter_newcomers(
    before: Generation,
    crew: Crew[Ground],
    standing: Sequence[Candidate],
    finalists: Sequence[Trial],
    resting: Collection[str],
    sheets: Sequence[RecordSheet],
    first_number: int,
) -> list[Contender]:
    """Return standing candidates and finalists of the search that are no line yet, with their records out of fold.

    The best finalist enters as a robust one, too: masked and guarded. Candidates that retired a short while ago are
    ``resting`` (by key). A newcomer is named as the version it may become.
    """
    wanted = [(Origin.STANDING, candidate) for candidate in standing]
    wanted += [(Origin.SEARCH, trial.candidate) for trial in finalists]
    wanted += [(Origin.SEARCH, make_robust(trial.candidate)) for trial in finalists[:1]]
    known = {version.candidate.key for version in before.versions} | set(resting)
    entries: list[Entry] = []
    for origin, candidate in wanted:
        if candidate.key not in known:
            known.add(candidate.key)
            name = name_version(candidate.family, first_number + len(entries))
            entries.append(Entry(candidate, name, origin, sheets))
    return [entered for entered in crew.map(try_to_enter, entries) if entered and entered.outputs]


def load_resting(state: State, before: Generation) -> set[str]:
    """Return the keys of candidates that retired in the newest generations: a record does not mend within a few."""
    recent = load_recent(state, before.number, RESTING)
    query = (
        sa.select(versions_table)
        .join(events_table, events_table.c.version == versions_table.c.id)
        .where(events_table.c.event == "retired", events_table.c.generation.in_(recent))
    )
    return {Version.from_row(row).candidate.key for row in read_rows(state.engine, query)}


def count_from(first_number: int, newcomers: Sequence[Contender]) -> int:
    """Return the first version number that no newcomer has taken."""
    return max([first_number - 1, *(int(one.name.rpartition("-")[2]) for one in newcomers)]) + 1


def make_robust(candidate: Candidate) -> Candidate:
    """Return the candidate masked and guarded; masked copies are no rows to calibrate on."""
    params = {**candidate.params, "calibrate": False} if "calibrate" in candidate.params else candidate.params
    return replace(candidate, params=params, masked=True, guarded=True)


@dataclass(frozen=True, eq=False)
class Entry:
    """A candidate that is to get a record of some sheets, and the name it enters with."""

    candidate: Candidate
    name: str
    origin: Origin
    sheets: Sequence[RecordSheet]


def try_to_enter(ground: Ground, entry: Entry) -> Contender | None:
    """Return a newcomer with its record; None where it cannot be fitted."""
    try:
        return enter(ground, entry.candidate, entry.name, entry.origin, entry.sheets)
    except Exception as error:  # a candidate may fail in any library; the others go on
        log.warning("the candidate %s could not be fitted: %s", entry.candidate.key, error)
        return None


def group_outputs(contenders: Sequence[Contender]) -> dict[int, dict[str, np.ndarray]]:
    """Return the outputs of contenders by batch and line."""
    grouped: dict[int, dict[str, np.ndarray]] = {}
    for contender in contenders:
        for batch, outputs in contender.outputs.items():
            grouped.setdefault(batch, {})[contender.line] = outputs
    return grouped


def decide_promotion(
    config: Config,
    before: Generation,
    contenders: Sequence[Contender],
    records: Sequence[Record],
    standing: Sequence[Candidate],
    room: int,
    baselines: Collection[str] = (),
    history: Sequence[Mapping[str, float]] = (),
) -> Promotion:
    """Let records decide who stays active, as far as there is ``room``, and who the champions are.

    By the ``history`` of weights in ensembles, by line and the newest generation first, lines are preferred or rest;
    those of ``baselines`` (by key) never do.
    """
    if not contenders:
        raise DataError("No model could be fitted on this batch; the log names every failure, so mend the data first.")
    promotion = promote(
        contenders,
        stack_records(records, [contender.line for contender in contenders]),
        {candidate.key for candidate in standing},
        before.champion.line if before.champion else None,
        config.selection.half_life,
        config.promotion.confidence,
        room,
        before.pinned,
        bar_lines(config.promotion.budget, [contender.line for contender in contenders], before.versions),
        before.damaged_champion.line if before.damaged_champion else None,
        baselines,
        find_idle(history, IDLE),
        average_weights(history),
        TRIED,
        name_limit(config.promotion.max_active, room),
    )
    log.info("champion %s: %s", promotion.champion.name, promotion.reason)
    return promotion


def plan_lessons(
    config: Config,
    promotion: Promotion,
    models: Mapping[str, Model],
    ways: Mapping[str, Origin],
    records: Sequence[Record],
) -> list[Lesson]:
    """Return how every active contender goes on; those that stay as they are have no lesson."""
    past = stack_records(records, [contender.line for contender in promotion.active])
    lessons = []
    for contender in promotion.active:
        way = ways.get(contender.line, Origin.REFIT)
        if way is not Origin.KEPT and not contender.is_recalled:
            threshold = tune_line(config, past, contender.line)
            lessons.append(Lesson(contender, models.get(contender.line), way, threshold))
    # Neighbours that read rows alike share their encoding.
    return sorted(lessons, key=lambda one: (one.contender.candidate.variant, one.contender.candidate.treatment))


def plan_other_lessons(
    ground: Ground, lessons: Sequence[Lesson], trained: Mapping[str, Trained], turn: Sequence[Contender]
) -> list[Lesson]:
    """Return the lessons of contenders whose ``turn`` it is, in the way that they did not take but could have."""
    lines = {contender.line for contender in turn}
    others = []
    for lesson in lessons:
        contender, done = lesson.contender, trained.get(lesson.contender.line)
        parent, before = contender.parent, lesson.before
        if contender.line in lines and done and before and parent and can_continue(ground, parent, before):
            other = Origin.REFIT if done.origin is Origin.UPDATE else Origin.UPDATE
            others.append(replace(lesson, way=other))
    return others


def give(crew: Crew[Ground], lessons: Sequence[Lesson]) -> dict[str, Trained]:
    """Let contenders learn the newest rows, by line; one that fails to is left out."""
    trained = crew.map(try_to_train, lessons)
    return {lesson.contender.line: done for lesson, done in zip(lessons, trained, strict=True) if done}


def try_to_train(ground: Ground, lesson: Lesson) -> Trained | None:
    """Return a contender's model that has learned the newest rows; None where it cannot be fitted."""
    try:
        return train(ground, lesson)
    except Exception as error:  # a fit may fail in any library; an older version still serves
        log.warning("the line %s could not learn the newest batch: %s", lesson.contender.line, error)
        return None


def enrol(
    config: Config,
    state: State,
    before: Generation,
    ground: Ground,
    promotion: Promotion,
    trained: Mapping[str, Trained],
    records: Sequence[Record],
    numbers: Iterator[int],
    ways: Mapping[str, Origin],
    recalled: Mapping[str, Version],
) -> Enrolled:
    """Store the trained models, and ensembles of them, as versions, and say who is a member of the next generation.

    ways:     how active lines go on; recalled: by the name of a recalled contender, the version it was
    """
    past = stack_records(records, [contender.line for contender in promotion.active])
    members: list[Member] = []
    new: list[Version] = []
    events = list(promotion.retired)
    for contender in promotion.active:
        done = trained.get(contender.line)
        if done:
            version = save_version(state, before, contender, done, ground, numbers)
            new.append(version)
            events.append(Event(version.id, EVENTS[done.origin], _describe(contender, past)))
        elif contender.origin is Origin.RECALL:
            version = found_again(contender, recalled[contender.line], before)
            new.append(version)
            events.append(Event(version.id, "recalled", f"{version.parent} beat the champion on the newest batch"))
        elif contender.parent:
            version = contender.parent
            events.append(Event(version.id, "kept", _explain_kept(contender, ways)))
        else:
            continue
        if contender.line in promotion.barred:
            events.append(Event(version.id, "barred", promotion.barred[contender.line]))
        members.append(Member(version, _find_role(contender, promotion)))
    members = crown(members, past)
    champion = next(member.version for member in members if member.role is Role.CHAMPION)
    if before.champion is None or before.champion.line != champion.line:
        events.append(Event(champion.id, "promoted", promotion.reason))
    for ensemble in save_ensembles(config, state, before, [member.version for member in members], records, numbers):
        new.append(ensemble)
        members.append(Member(ensemble, Role.ENSEMBLE))
        events.append(Event(ensemble.id, "blended", describe_members(ensemble)))
    return Enrolled(tuple(members), tuple(new), tuple(events))


def _explain_kept(contender: Contender, ways: Mapping[str, Origin]) -> str:
    if contender.is_recalled:
        return "a recalled version stays as it was"
    if ways.get(contender.line) is Origin.KEPT:
        return "on the two newest batches the line was better before it had learned the batch before"
    return "it could not learn the newest batch; the log names the failure"


def found_again(contender: Contender, former: Version, before: Generation) -> Version:
    """Return a version of before as the first of a line of its own."""
    number = int(contender.name.rpartition("-")[2])
    return replace(
        former, id=contender.name, number=number, line=contender.name, parent=former.id,
        generation=before.number + 1, origin=Origin.RECALL.value,
    )  # fmt: skip


def save_rivals(
    state: State,
    before: Generation,
    ground: Ground,
    competing: Sequence[Contender],
    otherwise: Mapping[str, Trained],
    numbers: Iterator[int],
) -> list[Version]:
    """Store the models of lines that went on in their other way, too."""
    return [
        save_version(state, before, one, otherwise[one.line], ground, numbers)
        for one in competing
        if one.line in otherwise
    ]


def crown(members: list[Member], past: Past) -> list[Member]:
    """Return the members with a champion: where the chosen one could not learn, the line with the lowest loss."""
    if any(member.role is Role.CHAMPION for member in members):
        return members
    if not members:
        raise DataError("No model could learn this batch; the log names every failure, so mend the data first.")
    losses = dict(zip(past.lines, past.losses[past.clean].mean(axis=0), strict=True))
    best = min(members, key=lambda member: losses[member.version.line])
    return [replace(member, role=Role.CHAMPION) if member is best else member for member in members]


def _find_role(contender: Contender, promotion: Promotion) -> Role:
    if contender is promotion.champion:
        return Role.CHAMPION
    return Role.DAMAGED_CHAMPION if contender is promotion.damaged_champion else Role.ACTIVE


def _describe(contender: Contender, past: Past) -> str:
    """Return why there is a new version of a line."""
    column = past.lines.index(contender.line)
    rows = past.clean & past.known[:, column]
    loss = f"mean loss {past.losses[rows, column].mean() * past.scale:.4g} on {rows.sum()} rows before it learned them"
    if contender.parent:
        return f"continues {contender.parent.id}; {loss}"
    found = "found by the search" if contender.origin is Origin.SEARCH else "a standing line"
    pipeline = "/".join([contender.candidate.family, contender.candidate.variant, *contender.candidate.treatment])
    return f"{found}: {pipeline}; {loss}"


def tune_line(config: Config, past: Past, line: str) -> Threshold:
    """Return the threshold that was best for a line on the rows of the newest batches, before it learned them."""
    column = past.lines.index(line)
    rows = find_tuning_rows(past) & past.known[:, column]
    return tune(config, past.task, past.target[rows], past.outputs[rows, column])


def save_version(
    state: State, before: Generation, contender: Contender, done: Trained, ground: Ground, numbers: Iterator[int]
) -> Version:
    """Store a trained model and return its version; a newcomer keeps the name it entered with."""
    manifest, size = save_parts(state.files, done.parts)
    parent, candidate = contender.parent, done.candidate
    number = next(numbers) if parent else int(contender.name.rpartition("-")[2])
    version_id = name_version(candidate.family, number)
    learned = ground.rows.last(candidate.window)
    continued = parent if done.origin is Origin.UPDATE else None
    fresh = ground.rows.after(continued.last_batch) if continued else learned
    lessons = [one for one in ground.digests if one.batch >= fresh.first_batch]
    return Version(
        id=version_id,
        number=number,
        line=contender.line,
        parent=parent.id if parent else None,
        generation=before.number + 1,
        family=candidate.family,
        variant=candidate.variant,
        params=candidate.params,
        window=candidate.window,
        masked=candidate.masked,
        guarded=candidate.guarded,
        origin=done.origin.value,
        updates=done.updates,
        first_batch=continued.first_batch if continued else learned.first_batch,
        last_batch=learned.last_batch,
        rows=(continued.rows if continued else 0) + len(fresh),
        threshold=done.threshold.least,
        untuned=done.threshold.untuned,
        manifest=manifest,
        bytes=size,
        fit_seconds=done.fit_seconds,
        trained_on=(*(continued.trained_on if continued else ()), *lessons),
        inputs=done.inputs,
        predict_us=done.predict_us,
        seed=ground.seed,
        protocol=PROTOCOL,
        environment=done.environment,
    )
