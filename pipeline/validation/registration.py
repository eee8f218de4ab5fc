"""Registration: trained models become versions and members of the next generation, one of them its champion."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

from pointsman.common.errors import DataError
from pointsman.common.storage.state import State
from pointsman.meta.past import PredictionHistory
from pointsman.meta.plan import name_loss
from pointsman.meta.records import OutOfSamplePredictions
from pointsman.model_zoo.model import PROTOCOL
from pointsman.pipeline.preparation.training_set import TrainingSet
from pointsman.pipeline.training.refit import FitResult
from pointsman.pipeline.validation.ensembles import describe_members, save_ensembles
from pointsman.pipeline.validation.promotion import Promotion
from pointsman.registry.contender import Contender, Origin
from pointsman.registry.generations import Event, Generation, Member, Role
from pointsman.registry.update_run import UpdateRun
from pointsman.registry.versions import Version, name_version, save_parts

log = logging.getLogger(__name__)


EVENTS = {
    Origin.UPDATE: "updated",
    Origin.REFIT: "refitted",
    Origin.SEARCH: "registered",
    Origin.PORTFOLIO: "registered",
}


@dataclass(frozen=True)
class Registration:
    """The next generation's members, the versions that are new, and what happened to whom."""

    members: tuple[Member, ...]
    new: tuple[Version, ...]
    events: tuple[Event, ...]

    def with_challengers(self, challengers: Sequence[Member], new: Sequence[Version]) -> "Registration":
        """Return the same with challengers, some of which are new versions."""
        return Registration((*self.members, *challengers), (*self.new, *new), self.events)


@dataclass(frozen=True, eq=False)
class Decision:
    """Who stays active, how each goes on, and the records that decided it.

    modes:     by active model, whether it is updated, refitted or kept as it is
    recalled:  by the name of a recalled contender, the version it was
    past:      what active contenders predicted on the rows of the records
    competing: the best active models that have more than one retrain mode
    """

    promotion: Promotion
    modes: Mapping[str, Origin]
    recalled: Mapping[str, Version]
    records: Sequence[OutOfSamplePredictions]
    past: PredictionHistory
    baselines: Collection[str]
    competing: Sequence[Contender]

    def with_retired(self, events: Sequence[Event]) -> "Decision":
        """Return the same with more retirements, listed before those that records decided."""
        return replace(self, promotion=replace(self.promotion, retired=(*events, *self.promotion.retired)))


def register(
    run: UpdateRun,
    training_set: TrainingSet,
    decided: Decision,
    trained: Mapping[str, FitResult | None],
    numbers: Iterator[int],
) -> Registration:
    """Store the trained models, and ensembles of them, as versions, and say who is a member of the next generation.

    Of those ``trained`` None could not be; who is absent has no part in it or had to wait.
    """
    state, before, promotion, past = run.state, run.before, decided.promotion, decided.past
    members: list[Member] = []
    new: list[Version] = []
    events = list(promotion.retired)
    for contender in promotion.active:
        done = trained.get(contender.line)
        if done:
            version = save_version(state, before, contender, done, training_set, numbers)
            new.append(version)
            events.append(Event(version.id, EVENTS[done.origin], _describe(contender, past)))
        elif contender.origin is Origin.RECALL:
            version = recall_version(contender, decided.recalled[contender.line], before)
            new.append(version)
            events.append(Event(version.id, "recalled", f"{version.parent} beat the champion on the newest batch"))
        elif contender.parent:
            version = contender.parent
            events.append(Event(version.id, "kept", _explain_kept(contender, decided, trained)))
        else:  # a newcomer that could not be fitted: there is nothing to register
            continue
        if contender.line in promotion.excluded:
            events.append(Event(version.id, "barred", promotion.excluded[contender.line]))
        members.append(Member(version, _find_role(contender, promotion)))
    members = assign_champion(members, past)
    champion = next(member.version for member in members if member.role is Role.CHAMPION)
    if before.champion is None or before.champion.line != champion.line:
        events.append(Event(champion.id, "promoted", promotion.reason))
    # Ensembles come last, since they mix the versions that have just been made.
    for ensemble in save_ensembles(run, [member.version for member in members], decided.records, numbers):
        new.append(ensemble)
        members.append(Member(ensemble, Role.ENSEMBLE))
        events.append(Event(ensemble.id, "blended", describe_members(ensemble)))
    return Registration(tuple(members), tuple(new), tuple(events))


def explain_lost(lost: Sequence[Version], features: Iterable[str]) -> list[Event]:
    """Return an event for each lost version that says why it cannot go on, by the ``features`` that are still made."""
    made = set(features)
    unmade = {version.id: [name for name in version.inputs if name not in made] for version in lost}
    return [
        Event(
            version,
            "lost",
            f"it reads {', '.join(gone)}, which is no longer made" if gone else "its artefacts could not be loaded",
        )
        for version, gone in unmade.items()
    ]


def _explain_kept(contender: Contender, decided: Decision, trained: Collection[str]) -> str:
    if contender.is_recalled:
        return "a recalled version stays as it was"
    if decided.modes.get(contender.line) is Origin.KEPT:
        return "on the two newest batches the line was better before it had learned the batch before"
    if contender.line not in trained:
        return "there was no time for it (update.seconds, --time-limit); who has waited longest is next"
    return "it could not learn the newest batch; the log names the failure"


def recall_version(contender: Contender, former: Version, before: Generation) -> Version:
    """Return a former version as the first version of a new model."""
    number = int(contender.name.rpartition("-")[2])
    return replace(
        former,
        id=contender.name,
        number=number,
        line=contender.name,
        parent=former.id,
        generation=before.number + 1,
        origin=Origin.RECALL.value,
    )


def save_challengers(
    state: State,
    before: Generation,
    training_set: TrainingSet,
    competing: Sequence[Contender],
    otherwise: Mapping[str, FitResult | None],
    numbers: Iterator[int],
) -> list[Version]:
    """Store what competing models became in their other retrain mode, and return these versions."""
    return [
        save_version(state, before, one, done, training_set, numbers)
        for one in competing
        if (done := otherwise.get(one.line))
    ]


def assign_champion(members: list[Member], past: PredictionHistory) -> list[Member]:
    """Return the members with a champion: where the chosen one could not learn, the model with the lowest loss.

    Raises DataError where no model could learn the batch.
    """
    if any(member.role is Role.CHAMPION for member in members):
        return members
    if not members:
        raise DataError("No model could be trained on this batch; the log names every failure, so fix the data first.")
    losses = dict(zip(past.lines, past.losses[past.clean].mean(axis=0), strict=True))
    best = min(members, key=lambda member: losses[member.version.line])
    return [replace(member, role=Role.CHAMPION) if member is best else member for member in members]


def _find_role(contender: Contender, promotion: Promotion) -> Role:
    if contender is promotion.champion:
        return Role.CHAMPION
    return Role.ROBUST_CHAMPION if contender is promotion.robust_champion else Role.ACTIVE


def _describe(contender: Contender, past: PredictionHistory) -> str:
    """Return why there is a new version of a model."""
    column = past.lines.index(contender.line)
    rows = past.clean & past.known[:, column]
    mean, is_classification = past.losses[rows, column].mean() * past.scale, past.task.is_classification
    shown = mean if is_classification else sqrt(mean)
    loss = f"{name_loss(is_classification)} {shown:.4g} on {rows.sum()} rows before it learned them"
    if contender.parent:
        return f"continues {contender.parent.id}; {loss}"
    found = "found by the search" if contender.origin is Origin.SEARCH else "a standing line"
    pipeline = "/".join([contender.candidate.family, contender.candidate.variant, *contender.candidate.treatment])
    return f"{found}: {pipeline}; {loss}"


def save_version(
    state: State,
    before: Generation,
    contender: Contender,
    done: FitResult,
    training_set: TrainingSet,
    numbers: Iterator[int],
) -> Version:
    """Store a trained model and return its version; a newcomer keeps the name it entered with."""
    manifest, size = save_parts(state.files, done.parts)
    parent, candidate = contender.parent, done.candidate
    # A newcomer's number was given when it entered: its records are kept under that name.
    number = next(numbers) if parent else int(contender.name.rpartition("-")[2])
    version_id = name_version(candidate.family, number)
    learned = training_set.rows.last(candidate.window)
    # A continued model has learned its parent's rows as well; a refitted one only those of its window.
    continued = parent if done.origin is Origin.UPDATE else None
    fresh = training_set.rows.after(continued.last_batch) if continued else learned
    # Rebuilding gathers exactly these parts of batches again and holds them against their digests.
    newly_learned = [one for one in training_set.digests if one.batch >= fresh.first_batch]
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
        trained_on=(*(continued.trained_on if continued else ()), *newly_learned),
        inputs=done.inputs,
        predict_us=done.predict_us,
        seed=training_set.seed,
        protocol=PROTOCOL,
        environment=done.environment,
    )
